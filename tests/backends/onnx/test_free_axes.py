"""Networks whose image sizes are free: one file, dynamic axes, proven at the sizes that its layers take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build as build_module
from netspec.compiler.admissible import admissible, fits
from netspec.compiler.analyses import layers, totals
from netspec.compiler.limits import MAX_ELEMENTS, check_size
from netspec.diagnostics import ModelError
from netspec.ir import Graph, Size, TensorType, evaluate, symbol
from netspec.ops.activation import Relu
from netspec.ops.base import OpError
from netspec.ops.combine import Concat
from netspec.ops.conv import Conv
from netspec.ops.norm import BatchNorm, GroupNorm, LocalResponseNorm
from netspec.ops.pool import AvgPool, MaxPool
from netspec.ops.pool_adaptive import AdaptiveAvgPool
from netspec.ops.shape import Flatten, Permute, Unflatten


def fully_convolutional(build: Any, *space: Size) -> Graph:
    """Strides that round, ceil_mode, norms whose lowering reshapes."""
    net = build(image=TensorType((3, *space)))
    net.add("conv1", Conv(out_channels=4, kernel_size=7, stride=2, padding=3))
    net.add("bn", BatchNorm())
    net.add("relu", Relu())
    net.add("pool", MaxPool(kernel_size=3, stride=2, ceil_mode=True))
    net.add("gn", GroupNorm(num_groups=2))
    net.add("lrn", LocalResponseNorm(size=2, alpha=1.0))
    net.add("mean", AvgPool(kernel_size=3, stride=2, padding=1, ceil_mode=True))
    net.add("conv2", Conv(out_channels=5, kernel_size=3))
    return net.graph()


def u_net(build: Any, *space: Size) -> Graph:
    """Down by a pool, up by moving channels into space (Shi et al. 2016), with a skip connection."""
    net = build(image=TensorType((1, *space)))
    skip = net.add("down", Conv(out_channels=3, kernel_size=3, padding=1))
    net.add("pool", MaxPool(kernel_size=2))
    net.add("deep", Conv(out_channels=8, kernel_size=3, padding=1))
    net.add("split", Unflatten(dim=1, unflattened_size=(2, 2, 2)))
    net.add("weave", Permute(dims=(1, 4, 2, 5, 3)))
    net.add("rows", Flatten(start_dim=2, end_dim=3))
    up = net.add("columns", Flatten(start_dim=3, end_dim=4))
    net.add("join", Concat(), skip, up)
    net.add("out", Conv(out_channels=2, kernel_size=1))
    return net.graph()


def assert_proven(graph: Graph, path: Path, *others: dict[str, int]) -> onnx.ModelProto:
    """The export proves itself; and the file computes what the module computes at other sizes too."""
    module = build_module(graph).eval()
    report = export_onnx(graph, module, path)
    seen = [dict(each.sizes) for each in report.differences]
    assert len(seen) == 3
    for name in {name for sizes in seen for name in sizes}:
        assert len({sizes[name] for sizes in seen}) == 3
    session = onnxruntime.InferenceSession(path)
    for sizes in others:
        x = torch.randn(2, *(evaluate(size, sizes) for size in graph.inputs[0].type.shape))
        [found] = session.run(None, {"image": x.numpy()})
        expected = module(x).detach().numpy()
        assert found.shape == (2, *(evaluate(size, sizes) for size in graph.outputs[0].type.shape))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    return onnx.load(path)


def axes(value: onnx.ValueInfoProto) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_a_fully_convolutional_network(build: Any, tmp_path: Path) -> None:
    graph = fully_convolutional(build, symbol("H"), symbol("W"))
    model = assert_proven(graph, tmp_path / "net.onnx", {"H": 47, "W": 64}, {"H": 50, "W": 49}, {"H": 224, "W": 61})
    assert axes(model.graph.input[0]) == ["batch", 3, "H", "W"]
    assert axes(model.graph.output[0]) == ["batch", 5, *map(str, graph.outputs[0].type.shape[1:])]


def test_a_u_net_whose_sizes_halve(build: Any, tmp_path: Path) -> None:
    graph = u_net(build, symbol("H", multiple_of=2), symbol("W", multiple_of=4, most=64))
    assert list(map(str, graph.outputs[0].type.shape)) == ["2", "H", "W"]
    assert_proven(graph, tmp_path / "net.onnx", {"H": 6, "W": 4}, {"H": 38, "W": 64})


def test_a_u_net_whose_sizes_may_not_halve(build: Any) -> None:
    with pytest.raises(OpError, match=r"concat .*2\*\(H//2\)") as caught:
        u_net(build, symbol("H"), symbol("W"))
    assert caught.value.code == "shape-mismatch"


def test_a_classifier_of_images_of_any_size(build: Any, tmp_path: Path) -> None:
    net = build(image=TensorType((1, symbol("H", least=20), symbol("W", multiple_of=8, most=16))))
    net.add("conv", Conv(out_channels=3, kernel_size=5))
    net.add("pool", AdaptiveAvgPool(output_size=1))
    net.add("flat", Flatten())
    graph = net.graph()
    report = export_onnx(graph, build_module(graph), tmp_path / "net.onnx")
    assert [dict(each.sizes) for each in report.differences] == [
        {"H": 20, "W": 16},
        {"H": 21, "W": 16},
        {"H": 23, "W": 8},
    ]
    assert axes(onnx.load(tmp_path / "net.onnx").graph.output[0]) == ["batch", 3]


def test_the_smallest_sizes_are_those_at_which_every_window_fits(build: Any) -> None:
    graph = fully_convolutional(build, symbol("H"), symbol("W", multiple_of=8))
    # conv2 needs 3 rows, the mean before it 5 or 4 (with ceil_mode), the pool 9 or 8, conv1 15.
    assert fits(graph, {"H": 15, "W": 16}) and not fits(graph, {"H": 14, "W": 16})
    assert admissible(graph) == [{"H": 15, "W": 24}, {"H": 16, "W": 40}, {"H": 18, "W": 16}]


def test_no_size_fits(build: Any, tmp_path: Path) -> None:
    net = build(x=TensorType((symbol("H", most=50) - 60,)))
    net.add("act", Relu())
    assert admissible(net.graph()) == []
    with pytest.raises(ModelError, match="no sizes of the free axes are found that every layer takes"):
        export_onnx(net.graph(), build_module(net.graph()), tmp_path / "net.onnx")


def test_counts_are_formulas(build: Any) -> None:
    h, w = symbol("H"), symbol("W")
    net = build(image=TensorType((1, h, w)))
    net.add("conv", Conv(out_channels=20, kernel_size=3, padding=1))
    sums = totals(net.graph())
    assert (sums.num_params, sums.macs) == (200, 180 * h * w)
    assert sums.activation_bytes == 4 * 21 * h * w
    assert f"{sums.macs:,}" == "180*H*W"


def test_receptive_fields_on_free_sizes(build: Any) -> None:
    h, w = symbol("H"), symbol("W", most=4)
    net = build(image=TensorType((1, h, w)))
    net.add("conv", Conv(out_channels=2, kernel_size=3, padding=2))
    net.add("pool", MaxPool(kernel_size=2))
    net.add("wide", Conv(out_channels=2, kernel_size=(3, 2)))
    net.add("mean", AdaptiveAvgPool(output_size=1))
    found = {row.path: row.receptive_field for row in layers(net.graph())}
    assert found == {"conv": (3, 3), "pool": (4, 4), "wide": (8, w), "mean": (h, w)}


def test_what_is_too_large_at_its_smallest_is_refused() -> None:
    op = Conv(out_channels=2**31 - 1, kernel_size=1)
    small = TensorType((1, symbol("H")))
    check_size(op, [small], op.infer_all(small))
    large = TensorType((1, symbol("H", least=2**20)))
    with pytest.raises(OpError, match=f"the limit is {MAX_ELEMENTS:,}"):
        check_size(op, [large], op.infer_all(large))


def test_a_wrong_lowering_names_the_sizes(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Relu.to_onnx
    monkeypatch.setattr(Relu, "to_onnx", lambda self, g, input, p: g.Abs(right(self, g, g.Neg(input), p)))
    net = build(image=TensorType((symbol("T", least=4),)))
    net.add("act", Relu())
    with pytest.raises(ModelError, match=r"at batch 1, T = 4; the limit") as caught:
        export_onnx(net.graph(), build_module(net.graph()), tmp_path / "net.onnx")
    assert caught.value.diagnostics[0].notes[0].startswith("the first layer that differs is `act`")
