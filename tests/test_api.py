"""Settings by the Python surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

import netspec
from netspec.lang.reader import Limits

SPEC = "netspec: 1\nargs: {width: 4}\ninputs: {x: [3]}\nlayers: [{linear: =width}]\nexpect: {params: 16}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "small.yaml"
    found.write_text(SPEC)
    return found


def shape(module: nn.Module) -> list[int]:
    return list(next(module.parameters()).shape)


def test_settings_of_a_file_and_of_a_spec(path: Path) -> None:
    assert shape(netspec.build(path)) == [4, 3]
    assert shape(netspec.build(path, settings=["width=5"])) == [5, 3]
    spec = netspec.load(path, settings=["width=6"])
    assert spec.settings == ("width=6",)
    assert shape(netspec.build(spec)) == [6, 3]
    assert shape(netspec.build(spec, settings=["width=7"])) == [7, 3]
    assert shape(netspec.build(spec, settings=["name=other"])) == [6, 3]


def test_check_and_export_take_settings(path: Path, tmp_path: Path) -> None:
    assert netspec.check(path, settings=["width=5"]).ok
    assert not netspec.check(path, settings=["width=0"]).ok
    assert not netspec.check(path, settings=["width=5"], limits=Limits(params=19)).ok
    report = netspec.export_onnx(path, tmp_path / "a.onnx", settings=["width=9"])
    outputs = netspec.Predictor(report.path).predict(np.zeros((1, 3), np.float32))
    assert [each.shape for each in outputs.values()] == [(1, 9)]


def test_a_setting_that_is_none(path: Path) -> None:
    with pytest.raises(netspec.NetspecError, match="not NAME=VALUE"):
        netspec.load(path, settings=["width"])
    with pytest.raises(netspec.SpecError, match="no argument and no key `depth`"):
        netspec.build(path, settings=["depth=3"])


def test_training_needs_a_spec_or_a_run() -> None:
    for options in ({}, {"resume": None}):
        with pytest.raises(TypeError, match="needs a spec, or a run to resume"):
            netspec.train(**options)
