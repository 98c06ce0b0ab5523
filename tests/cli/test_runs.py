"""A run stays the network that was trained: what was set, and the files that the spec names, stay with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import netspec
from netspec.cli.program import run as _run
from netspec.training.record import RECORD
from tests.training.specs import DATA, HEAD, write_data

Capture = pytest.CaptureFixture[str]

BASE = """netspec: 1
args: {width: 4, classes: 3}
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}
layers:
  - {name: trunk, use: trunk.yaml, args: {width: =width}}
  - flatten
  - {name: fc, linear: =classes}
expect: {params: 235}
"""
TRUNK = """netspec: 1
args: {width: int}
inputs: {x: [1, H, W]}
layers:
  - {name: conv, conv: {out_channels: =width, kernel_size: 3}}
  - {name: act, tanh}
"""
TINY = f"""netspec: 1
extends: parts/base.yaml
train:
{DATA}  test: {{idx: {{images: images, labels: labels, classes: 3}}}}
  batch_size: 16
  loss: cross_entropy
  optimizer: {{sgd: 0.1}}
  steps: 40
"""
SETTINGS = ["--set", "width=5", "--set", "train.steps=4"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/base.yaml").write_text(BASE)
    (tmp_path / "parts/trunk.yaml").write_text(TRUNK)
    (tmp_path / "tiny.yaml").write_text(TINY)
    write_data(tmp_path)
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: Capture) -> Path:
    words = ["train", str(project / "tiny.yaml"), "-o", str(project / "run"), "-q", "--device", "cpu"]
    assert _run([*words, *SETTINGS, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"] == ["width=5", "train.steps=4"]
    return project / "run"


def evaluated(capsys: Capture, *words: str) -> dict[str, float]:
    assert _run(["eval", *words, "--device", "cpu", "--format", "json"]) == 0
    found: dict[str, float] = json.loads(capsys.readouterr().out)["metrics"]
    return found


def test_a_run_is_evaluated_as_it_was_trained(run: Path, capsys: Capture) -> None:
    spec = netspec.load(run / "spec.yaml")
    assert spec.settings == ("width=5", "train.steps=4")
    assert spec.graph.nodes[0].outputs[0].type.shape == (5, 4, 4)
    best = str(run / "best.safetensors")
    own = evaluated(capsys, str(run))
    again = evaluated(capsys, str(run.parent / "tiny.yaml"), "--weights", best, "--set", "width=5")
    assert own == again
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 4


def test_later_changes_of_the_files_do_not_reach_a_run(run: Path, capsys: Capture) -> None:
    before = evaluated(capsys, str(run))
    project = run.parent
    (project / "parts/base.yaml").write_text(BASE.replace("flatten", "relu\n  - flatten"))
    (project / "parts/trunk.yaml").unlink()
    (project / "tiny.yaml").unlink()
    assert evaluated(capsys, str(run)) == before
    assert _run(["check", str(run / "spec.yaml")]) == 0
    assert ": ok, 293 parameters" in capsys.readouterr().out


def test_an_exported_run_computes_what_was_trained_and_says_what_was_set(run: Path, capsys: Capture) -> None:
    target = run.parent / "tiny.onnx"
    assert _run(["export", str(run), "-o", str(target), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"] == ["width=5", "train.steps=4"]
    model = onnx.load(target)
    noted = {each.key: each.value for each in model.metadata_props}
    assert noted["netspec.spec"] == TINY
    assert json.loads(noted["netspec.settings"]) == ["width=5", "train.steps=4"]
    weights = netspec.build(netspec.load(run / "spec.yaml")).state_dict()
    assert weights["trunk.conv.weight"].shape == (5, 1, 3, 3)
    logits = netspec.Predictor(target).predict(np.zeros((2, 1, 6, 6), np.float32))
    assert next(iter(logits.values())).shape == (2, 3)


def test_a_spec_that_stands_alone_needs_no_record(project: Path) -> None:
    plain = project / "plain.yaml"
    plain.write_text(HEAD + TINY[TINY.index("train:") :].replace("40", "2"))
    assert _run(["train", str(plain), "-o", str(project / "run"), "-q", "--device", "cpu"]) == 0
    assert not (project / "run" / RECORD).exists()
    assert _run(["eval", str(project / "run"), "--device", "cpu"]) == 0


def test_what_training_started_from_is_not_looked_for_again(project: Path, run: Path, capsys: Capture) -> None:
    (project / "again").mkdir()
    (project / "again/pyproject.toml").write_text("")
    start = project / "again/start.safetensors"
    start.write_bytes((run / "last.safetensors").read_bytes())
    spec = project / "again/more.yaml"
    spec.write_text(
        f"netspec: 1\nextends: ../tiny.yaml\nweights: {start.name}\ntrain:\n{DATA.replace('images,', '../images,')}"
        f"  loss: cross_entropy\n  optimizer: {{sgd: 1e-9}}\n  steps: 1\n".replace(
            "labels: labels", "labels: ../labels"
        )
    )
    words = ["train", str(spec), "--set", "width=5", "--allow", str(project), "-o", str(project / "second"), "-q"]
    assert _run([*words, "--device", "cpu"]) == 0
    start.unlink()
    capsys.readouterr()
    second = evaluated(capsys, str(project / "second"), "--split", "train", "--allow", str(project))
    first = evaluated(capsys, str(run), "--split", "train", "--weights", str(run / "last.safetensors"))
    assert second["loss"] == pytest.approx(first["loss"], abs=1e-5)


def test_settings_go_with_a_spec_not_with_a_run(run: Path, capsys: Capture) -> None:
    for words in (["eval", str(run)], ["export", str(run), "-o", str(run.parent / "a.onnx")]):
        assert _run([*words, "--set", "width=6"]) == 2
        assert "--set goes with a spec" in capsys.readouterr().err


NO_RECORDS = [
    "",
    "[]",
    "{}",
    "[" * 100_000,
    '{"settings": ["width"], "others": 3}',
    '{"settings": [3], "others": {"links": {}, "texts": {}}}',
    '{"settings": [], "others": {"links": {}}}',
    '{"settings": [], "others": {"links": {"": 3}, "texts": {}}}',
]


@pytest.mark.parametrize("text", NO_RECORDS, ids=range(len(NO_RECORDS)))
def test_a_record_that_is_none_is_said_in_words(run: Path, capsys: Capture, text: str) -> None:
    (run / RECORD).write_text(text)
    assert _run(["eval", str(run)]) == 1
    captured = capsys.readouterr()
    assert RECORD in captured.err and "Traceback" not in captured.err


def test_a_file_that_is_missing_in_the_record_is_not_looked_for(run: Path, capsys: Capture) -> None:
    record = json.loads((run / RECORD).read_text())
    record["others"]["links"] = {"": {"parts/base.yaml": "/etc/passwd"}}
    (run / RECORD).write_text(json.dumps(record))
    assert _run(["check", str(run / "spec.yaml")]) == 1
    assert "is not among the files that were kept" in capsys.readouterr().err
