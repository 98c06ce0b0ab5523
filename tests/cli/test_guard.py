"""R-32: whatever a model file makes ONNX Runtime do, the command says so and ends; the parent never crashes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import netspec
from netspec.cli.program import run as _run

Capture = pytest.CaptureFixture[str]


def saved(path: Path, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto] | None = None) -> str:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], tensors or [])
    opset = [helper.make_opsetid("", 20)]
    path.write_bytes(helper.make_model(graph, ir_version=10, opset_imports=opset).SerializeToString())
    return str(path)


@pytest.fixture
def sample(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", np.ones((1, 3), np.float32))
    return str(tmp_path / "x.npy")


def constant(name: str, *values: int) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array(values, np.int64), name)


def test_a_model_runs_in_a_child_and_prints_the_same(tmp_path: Path, capsys: Capture, sample: str) -> None:
    model = saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])])
    printed = []
    for words in (["run", model, sample], ["run", "--trusted", model, sample]):
        assert _run(words) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == f"{sample}: y = [1.0, 1.0, 1.0]\n"


def test_errors_of_the_child_are_ours(tmp_path: Path, capsys: Capture, sample: str) -> None:
    assert _run(["run", str(tmp_path / "none.onnx"), sample]) == 1
    assert "no such file" in capsys.readouterr().err
    model = saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])])
    assert _run(["run", model, str(tmp_path / "none.npy"), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["ok"] and document["diagnostics"][0]["code"] == "input-file"


def test_what_a_model_does_not_take_is_said_with_its_file(tmp_path: Path, capsys: Capture, sample: str) -> None:
    model = saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])])
    np.save(tmp_path / "wide.npy", np.ones((3, 4), np.float32))
    assert _run(["run", model, sample, str(tmp_path / "wide.npy")]) == 1
    said = capsys.readouterr().err
    assert "takes [N, 3], got [3, 4]" in said and f"in {tmp_path}/wide.npy[0] and 2 more like it" in said


def test_terabytes_are_not_given(tmp_path: Path, capsys: Capture, sample: str) -> None:
    """78 bytes that ask for four terabytes."""
    fill = helper.make_node("ConstantOfShape", ["size"], ["big"], name="bomb")
    keep = helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0)
    add = helper.make_node("Add", ["x", "sum"], ["y"])
    shape = helper.make_node("Add", ["count", "zeros"], ["size"])
    zero = helper.make_node("Cast", ["none"], ["zeros"], to=TensorProto.INT64)
    none = helper.make_node("ReduceMin", ["x"], ["none"], keepdims=0)
    model = saved(tmp_path / "m.onnx", [none, zero, shape, fill, keep, add], [constant("count", 10**12)])
    assert _run(["run", model, sample, "--max-memory", "1"]) == 1
    said = capsys.readouterr().err
    assert "m.onnx" in said and ("bomb" in said or "ConstantOfShape" in said)


def test_memory_that_is_there_but_not_allowed_is_not_given(tmp_path: Path, capsys: Capture, sample: str) -> None:
    """1.6 GB, which this machine may have."""
    wide = helper.make_node("Expand", ["x", "size"], ["big"], name="wide")
    more = helper.make_node("Exp", ["big"], ["bigger"], name="more")
    total = helper.make_node("ReduceSum", ["bigger"], ["y"], keepdims=0)
    model = saved(tmp_path / "m.onnx", [wide, more, total], [constant("size", 2**26, 3)])
    assert _run(["run", model, sample, "--max-memory", "0.7"]) == 1
    assert "m.onnx" in capsys.readouterr().err
    assert _run(["run", model, sample, "--max-memory", "8"]) == 0


def endless(path: Path) -> str:
    """A loop that runs for ever, nearly."""
    step = helper.make_node("Add", ["v", "v0"], ["w"])
    on = helper.make_node("Identity", ["c"], ["d"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("v", "w")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("c", "d")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    v0 = onnx.numpy_helper.from_array(np.zeros((1, 3), np.float32), "v0")
    body = helper.make_graph([step, on], "body", [count, flags[0], values[0]], [flags[1], values[1]], [v0])
    loop = helper.make_node("Loop", ["many", "", "x"], ["y"], body=body, name="loop")
    many = onnx.numpy_helper.from_array(np.array(2**62, np.int64), "many")
    return saved(path, [loop], [many])


def test_what_never_ends_is_stopped(tmp_path: Path, capsys: Capture, sample: str) -> None:
    assert _run(["run", endless(tmp_path / "loop.onnx"), sample, "--timeout", "3"]) == 1
    assert "not done after 3 seconds" in capsys.readouterr().err


def test_a_crash_is_a_sentence(tmp_path: Path, capsys: Capture, sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken" / "onnxruntime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(
        "netspec.cli.guard.packages", lambda: [str(package.parent), str(Path(netspec.__file__).parents[1])]
    )
    model = saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])])
    assert _run(["run", model, sample]) == 1
    assert "ONNX Runtime crashed while it ran the file (SIGSEGV)" in capsys.readouterr().err


def test_bench_compares_models(tmp_path: Path, capsys: Capture) -> None:
    small = saved(tmp_path / "a.onnx", [helper.make_node("Relu", ["x"], ["y"])])
    square = helper.make_node("MatMul", ["x", "w"], ["big"])
    back = helper.make_node("ReduceSum", ["big"], ["y"], keepdims=1)
    weight = onnx.numpy_helper.from_array(np.ones((3, 400_000), np.float32), "w")
    large = saved(tmp_path / "b.onnx", [square, back], [weight])
    assert _run(["bench", small, large, "--runs", "10", "--batch-size", "8", "--format", "json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert next(each["ratio"] for each in runs) == 1.0 and runs[1]["ratio"] > 2
    assert _run(["bench", small, large, "--runs", "5"]) == 0
    printed = capsys.readouterr().out
    assert "ratio" in printed and "b.onnx" in printed


def test_bench_takes_sizes_and_types(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\ninputs: {tokens: {shape: [T], dtype: int64, below: 5}}\nlayers: [{embedding: 4}, {linear: 2}]\n"
    )
    netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")
    assert _run(["bench", str(tmp_path / "net.onnx"), "--runs", "3"]) == 1
    assert "has free axes: ['T']" in (said := capsys.readouterr().err) and "--size T=224" in said
    assert _run(["bench", str(tmp_path / "net.onnx"), "--runs", "3", "--size", "T=7"]) == 0
    assert _run(["bench", str(tmp_path / "net.onnx"), "--size", "T"]) == 2
