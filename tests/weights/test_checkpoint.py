"""`netspec convert`: PyTorch checkpoints become safetensors, and no pickle gets to run anything."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from netspec.backends.torch.checkpoint import Refused, _load, _tensors
from netspec.cli.program import run as _run
from tests.weights.nets import tensors

SHARED = Path(__file__).parents[3] / "shared" / "data" / "cifar10-resnet-weights"


@pytest.fixture
def resnet() -> Path:
    """The published weights, which are no part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"the published ResNet weights are not at {SHARED}")
    return SHARED


def state() -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(array) for key, array in tensors().items()}


class Gadget:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def gadgets(canary: Path) -> dict[str, Any]:
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": Gadget(os.system, f"touch {canary}"),
        "exec": Gadget(exec, code),
        "eval": Gadget(eval, f"open({str(canary)!r}, 'w')"),
        "open": Gadget(open, str(canary), "w"),
        "in a state dict": {"state_dict": {"a": torch.zeros(1), "b": Gadget(exec, code)}},
        "getattr": Gadget(getattr, Gadget(__import__, "os"), "system"),
        "numpy": Gadget(np.save, str(canary), np.zeros(1)),
        "torch": Gadget(torch.save, 1, str(canary)),
    }


def written(gadget: Any, number: int, source: Path) -> Path:
    """The pickle in one of the forms of a checkpoint: zip, and plain pickles of old and new protocols."""
    if number % 2:
        torch.save(gadget, source)
    else:
        source.write_bytes(pickle.dumps(gadget, protocol=0 if number % 4 else 2))
    return source


def is_silent(canary: Path) -> bool:
    return not canary.exists() and not canary.with_suffix(".npy").exists()


def test_no_gadget_runs(tmp_path: Path) -> None:
    for number, (name, gadget) in enumerate(gadgets(tmp_path / "canary").items()):
        source = written(gadget, number, tmp_path / "a.pth")
        with pytest.raises((Refused, pickle.UnpicklingError)):
            _load(str(source))
        assert is_silent(tmp_path / "canary"), name


def test_no_gadget_runs_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.safetensors"
    for number, name in enumerate(["os.system", "in a state dict"]):
        source = written(gadgets(tmp_path / "canary")[name], number, tmp_path / "a.pth")
        assert _run(["convert", str(source), str(target)]) == 2
        assert _run(["convert", str(source), str(target), "--trust", "--format", "json"]) == 1
        (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
        assert found["code"] == "weights" and "the checkpoint asks for `" in found["message"]
        assert is_silent(tmp_path / "canary") and not target.exists()


HOLE = """
import pickle, sys, torch
from pathlib import Path
from netspec.backends.torch.checkpoint import Refused, _confine
_confine(Path(sys.argv[-1]))
for source in sys.argv[1:-1]:
    try:
        pickle.load(open(source, "rb"))
        print("ran")
    except Refused as error:
        print(error)
"""


def test_the_child_stops_what_gets_around_torch(tmp_path: Path) -> None:
    """As if `weights_only` had a hole: whole pickles are run, under the child's watch.

    The watch stands at Python's doors; what native code opens (torch.save) it does not see.
    """
    names = ["os.system", "exec", "eval", "open", "getattr", "numpy"]
    sources = [tmp_path / f"{name}.pkl" for name in names]
    for name, source in zip(names, sources, strict=True):
        source.write_bytes(pickle.dumps(gadgets(tmp_path / "canary")[name]))
    words = [sys.executable, "-c", HOLE, *map(str, sources), str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    # What `getattr` gives is a function that nobody calls.
    said = [line.partition(" (")[0] for line in done.stdout.splitlines()]
    code, file = "the checkpoint tried to run code", "the checkpoint tried to write a file"
    assert said == [code, file, file, file, "ran", file] and is_silent(tmp_path / "canary")


def test_what_is_opened_and_dropped(tmp_path: Path) -> None:
    half = {"a.w": torch.ones(2, dtype=torch.bfloat16), "a.h": torch.ones(2, dtype=torch.float16)}
    tied = torch.arange(3.0)
    for checkpoint, keys in [
        (state(), tensors().keys()),
        ({"state_dict": OrderedDict({f"module.{key}": each for key, each in state().items()})}, tensors().keys()),
        ({"model": {**half, "b": tied, "c": tied}, "epoch": 3}, {"a.w", "a.h", "b", "c"}),
        ({"module.a": tied, "other": tied}, {"module.a", "other"}),
        ({"a": torch.nn.Parameter(torch.zeros(2, 3).T)}, {"a"}),
    ]:
        torch.save(checkpoint, tmp_path / "a.pth")
        found = _tensors(_load(str(tmp_path / "a.pth")))
        assert found.keys() == keys and all(each.is_contiguous() for each in found.values())
        assert len({each.data_ptr() for each in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ("`epoch`, `note` in the checkpoint: not plain tensors", {"a": torch.zeros(1), "epoch": 3, "note": "x"}),
        ("`a` in the checkpoint: not plain", {"a": torch.zeros(2, dtype=torch.complex64)}),
        ("`a` in the checkpoint: not plain", {"a": {"b": torch.zeros(2)}}),
        ("holds Tensor, not a table", torch.zeros(3)),
        ("holds list, not a table", [torch.zeros(3)]),
        ("holds dict, not a table", {}),
    ],
)
def test_what_is_no_table_of_tensors(tmp_path: Path, said: str, content: Any) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(Refused, match=said):
        _tensors(_load(str(tmp_path / "a.pth")))


def test_what_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "x.pth"
    source.write_bytes(b"\x80\x02garbage of some length")
    assert _run(["convert", str(source), str(tmp_path / "o.safetensors"), "--trust", "--format", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["message"].startswith("not a PyTorch checkpoint: ")
    assert not (tmp_path / "o.safetensors").exists()


def test_without_pickle_there_is_nothing_to_trust(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(tensors(), tmp_path / "a.safetensors")
    paths = [str(tmp_path / name) for name in ("a.safetensors", "b.npz", "c.safetensors")]
    assert _run(["convert", paths[0], paths[1], "--rename", "head.fc=classifier"]) == 0
    assert _run(["convert", paths[1], paths[2], "--rename", "classifier=head.fc", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert (document["ok"], document["tensors"], document["path"]) == (True, 9, paths[2])
    found = load_file(paths[2])
    assert found.keys() == tensors().keys() and all(np.array_equal(found[key], tensors()[key]) for key in found)
    assert _run(["convert", paths[0], paths[2], "--dtype", "bfloat16"]) == 0
    assert {str(array.dtype) for array in load_file(paths[2]).values()} == {"bfloat16", "int64"}
    capsys.readouterr()
    for words, message in {
        (paths[2], paths[1]): "npz has no bfloat16",
        (paths[0], str(tmp_path / "d.pth")): "ends in .safetensors or .npz",
        (paths[0], paths[1], "--rename", "hed=x"): "applies to no name",
        (paths[0], paths[1], "--rename", "bn=conv"): "both become",
        (paths[0], paths[1], "--rename", "bn"): "not OLD=NEW",
        (str(tmp_path / "absent"), paths[1]): "cannot read: no such file",
        (str(tmp_path / "absent"), paths[1], "--trust"): "cannot read: no such file",
    }.items():
        assert _run(["convert", *words]) == 1
        assert message in capsys.readouterr().err


def test_the_published_resnet(resnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = str(resnet / "resnet20-12fca82f.th"), tmp_path / "r.safetensors"
    assert _run(["convert", source, str(target)]) == 2
    assert "can run code" in capsys.readouterr().err
    assert _run(["convert", source, str(target), "--trust"]) == 0
    found, expected = load_file(target), load_file(resnet / "resnet20-12fca82f.safetensors")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[key], array) for key, array in expected.items())
