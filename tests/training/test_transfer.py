"""Transfer between two specs by `weights`: what a section starts from, and who may name which file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import netspec
from netspec.diagnostics import ModelError, SpecError
from netspec.training.run import train
from tests.training.resuming import killed_after, resumed, trained
from tests.training.specs import HEAD, TRAIN, write_data

TEACHER = HEAD.replace("name: fc, linear: 3", "name: old, linear: 5").replace("name: small", "name: teacher")
STUDENT = TRAIN.replace("epochs: 3", "steps: 1").replace("sgd: 0.05", "sgd: 0") + "  weights: WEIGHTS\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of another network, beside the spec and elsewhere."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "specs"
    folder.mkdir()
    write_data(folder)
    torch.manual_seed(5)  # not the seed of the runs
    save_file(netspec.build(_loaded(folder, TEACHER, "teacher")).state_dict(), folder / "beside.safetensors")
    (tmp_path / "elsewhere").mkdir()
    (folder / "beside.safetensors").rename(tmp_path / "elsewhere" / "w.safetensors")
    (folder / "beside.safetensors").write_bytes((tmp_path / "elsewhere" / "w.safetensors").read_bytes())
    return folder


def _loaded(folder: Path, text: str, name: str, *settings: str) -> netspec.Spec:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return netspec.load(path, settings=settings)


def started(folder: Path, weights: str, *settings: str) -> dict[str, torch.Tensor]:
    """What a run of one step with a rate of 0 ends with: what it started from."""
    spec = _loaded(folder, HEAD + STUDENT.replace("WEIGHTS", weights), "student", *settings)
    return load_file(train(spec, directory=folder / "run").last)


def test_a_network_starts_from_another_ones_layers(files: Path) -> None:
    found = started(files, "{file: beside.safetensors, skip: [fc, old]}")
    expected = load_file(files / "beside.safetensors")
    assert torch.equal(found["conv.weight"], expected["conv.weight"]) and set(found) == {
        *("conv.weight", "conv.bias", "fc.weight", "fc.bias")
    }


@pytest.mark.parametrize("name", ["elsewhere/w.safetensors", "ABSOLUTE"])
def test_a_command_names_files_from_where_it_runs(files: Path, name: str) -> None:
    name = str(files.parent / "elsewhere" / "w.safetensors") if name == "ABSOLUTE" else name
    found = started(files, "{file: none, skip: [fc, old]}", f"train.weights.file={name}")
    assert torch.equal(found["conv.weight"], load_file(files / "beside.safetensors")["conv.weight"])


def test_none_is_no_file(files: Path) -> None:
    found = started(files, "{file: none, skip: [fc, old]}")
    assert not torch.equal(found["conv.weight"], load_file(files / "beside.safetensors")["conv.weight"])


def test_a_spec_names_no_file_outside(files: Path) -> None:
    with pytest.raises(SpecError, match="lies outside of the spec's folder"):
        started(files, "../elsewhere/w.safetensors")


@pytest.mark.parametrize(("weights", "said"), [("beside", r"`fc\.weight`"), ("absent", "no such file")])
def test_what_does_not_fit_is_told(files: Path, weights: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        started(files, f"{weights}.safetensors")


def test_a_later_file_replaces_what_an_earlier_one_loads(files: Path) -> None:
    other = {key: value + 1 for key, value in load_file(files / "beside.safetensors").items()}
    save_file({"conv.bias": other["conv.bias"]}, files / "bias.safetensors")
    weights = "[{file: beside.safetensors, skip: [fc, old]}, {file: bias.safetensors, skip: [conv.weight, fc]}]"
    found = started(files, weights)
    assert torch.equal(found["conv.weight"], load_file(files / "beside.safetensors")["conv.weight"])
    assert torch.equal(found["conv.bias"], other["conv.bias"])


LATER = """\
  stages:
    - {name: first, steps: 4}
    - {name: second, steps: 2, weights: {file: beside.safetensors, skip: [fc, old]}, reset: [fc]}
"""
TRAINED = TRAIN.replace("epochs: 3", "steps: 4")


@pytest.mark.parametrize(
    "train_section", [TRAINED + "  weights: {file: beside.safetensors, skip: [fc, old]}\n", TRAINED + LATER]
)
@pytest.mark.parametrize("every", [0, 60], ids=["from a checkpoint", "before the first"])
def test_a_run_that_goes_on_starts_from_what_it_was_given(files: Path, train_section: str, every: float) -> None:
    spec = _loaded(files, HEAD + train_section, "student")
    whole = trained(spec, files / "whole")
    killed_after(spec, files / "run", 2, every=every)
    (files / "beside.safetensors").unlink()
    assert resumed(files / "run").last.read_bytes() == whole.last.read_bytes()


@pytest.mark.parametrize("train_section", [TRAINED + "  weights: {file: none.safetensors}\n", TRAINED + LATER])
def test_a_run_whose_weights_cannot_be_loaded_does_not_begin(files: Path, train_section: str) -> None:
    (files / "beside.safetensors").write_bytes(b"nothing of the kind")
    spec = _loaded(files, HEAD + train_section, "student")
    for directory in (files / "new" / "run", None):
        with pytest.raises(ModelError):
            train(spec, directory=directory)
    assert not (files / "new").exists() and not Path("runs").exists()
    (files / "old").mkdir()
    with pytest.raises(ModelError):
        train(spec, directory=files / "old")
    assert [path.name for path in (files / "old").iterdir()] == [".lock"]


def test_what_lies_in_a_directory_is_not_what_a_run_starts_from(files: Path) -> None:
    (files / "run").mkdir()
    (files / "run" / "start.safetensors").write_bytes((files / "beside.safetensors").read_bytes())
    spec = _loaded(files, HEAD + TRAINED, "student")
    assert (
        train(spec, directory=files / "run").last.read_bytes() == train(spec, directory=files / "b").last.read_bytes()
    )
