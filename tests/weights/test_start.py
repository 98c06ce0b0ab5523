"""What a network starts from: `weights:` of a spec, and of the specs that it uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import netspec
from netspec.diagnostics import ModelError, SpecError

TRUNK = """netspec: 1
inputs: {image: [3, 8, 8]}
layers:
  - {name: conv1, conv: {out_channels: 4, kernel_size: 3}}
  - {name: act, relu}
  - {name: pool, adaptive_avg_pool: 1}
  - flatten
  - {name: head, linear: 10}
"""
NET = """netspec: 1
inputs: {image: [3, 8, 8]}
layers:
  - {name: trunk, use: trunk.yaml, until: pool, weights: trunk.safetensors}
  - flatten
  - {name: fc, linear: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trunk.yaml").write_text(TRUNK)
    (tmp_path / "net.yaml").write_text(NET)
    torch.manual_seed(3)
    state = {key: torch.randn_like(value) for key, value in netspec.build(tmp_path / "trunk.yaml").state_dict().items()}
    save_file(state, tmp_path / "trunk.safetensors")
    return tmp_path


def stored(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "trunk.safetensors")


def test_a_used_spec_starts_from_its_own_keys_and_what_until_cut_off_is_skipped(folder: Path) -> None:
    module = netspec.build(folder / "net.yaml")
    expected = stored(folder)
    assert set(module.state_dict()) == {"trunk.conv1.weight", "trunk.conv1.bias", "fc.weight", "fc.bias"}
    assert torch.equal(module.get_parameter("trunk.conv1.weight"), expected["conv1.weight"])
    x = torch.randn(2, 3, 8, 8)
    trunk = torch.nn.functional.conv2d(x, expected["conv1.weight"], expected["conv1.bias"]).relu().mean((2, 3))
    fc = module.get_submodule("fc")
    torch.testing.assert_close(module(x), fc(trunk))


def test_a_spec_of_its_own_weights(folder: Path) -> None:
    (folder / "trunk.yaml").write_text(TRUNK + "weights: trunk.safetensors\n")
    module = netspec.build(folder / "trunk.yaml")
    for key, value in stored(folder).items():
        assert torch.equal(module.state_dict()[key], value)


def test_a_used_spec_brings_its_own_weights(folder: Path) -> None:
    (folder / "trunk.yaml").write_text(TRUNK + "weights: trunk.safetensors\n")
    (folder / "net.yaml").write_text(NET.replace(", weights: trunk.safetensors", ""))
    module = netspec.build(folder / "net.yaml")
    assert torch.equal(module.get_parameter("trunk.conv1.weight"), stored(folder)["conv1.weight"])


def test_a_key_that_is_missing_is_named_at_its_layer_and_nothing_is_loaded(folder: Path) -> None:
    state = stored(folder)
    del state["conv1.bias"]
    save_file(state, folder / "trunk.safetensors")
    with pytest.raises(ModelError) as caught:
        netspec.build(folder / "net.yaml")
    (found,) = caught.value.diagnostics
    assert found.code == "weights" and "conv1.bias" in found.message
    assert found.span is not None and (found.span.source.name.endswith("trunk.yaml"), found.span.line) == (True, 4)


def test_what_is_left_over_without_until_is_refused(folder: Path) -> None:
    state = stored(folder) | {"strange": torch.zeros(2)}
    save_file(state, folder / "trunk.safetensors")
    with pytest.raises(ModelError, match="strange"):
        netspec.build(folder / "net.yaml")


def test_a_file_outside_of_the_project_is_refused_by_check(folder: Path) -> None:
    (folder / "net.yaml").write_text(NET.replace("trunk.safetensors", "../../../etc/hostname"))
    with pytest.raises(SpecError) as caught:
        netspec.load(folder / "net.yaml")
    (found,) = caught.value.diagnostics
    assert found.code == "data-file" and found.span is not None and found.span.line == 4


def test_weights_are_not_loaded_where_others_come_next(folder: Path) -> None:
    (folder / "trunk.safetensors").unlink()
    netspec.build(folder / "net.yaml", initialize=False)
    with pytest.raises(ModelError):
        netspec.build(folder / "net.yaml")
