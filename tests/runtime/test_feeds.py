"""R-51, R-50: what a model cannot be given, and what a runtime cannot read, is said in words, and nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import DataError, ModelError, Source
from netspec.runtime.predictor import Predictor

TEXT = """
netspec: 1
inputs: {x: [T, 3], y: [T, 3], tokens: {shape: [2], dtype: int64, below: 9}}
layers:
  - {name: sum, add, from: [x, y]}
  - {name: embed, embedding: 3, from: tokens}
  - {name: pooled, mean: 1}
outputs: [sum, pooled]
"""


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    graph = compile_source(Source("net.yaml", TEXT)).graph
    path = tmp_path_factory.mktemp("feeds") / "net.onnx"
    export_onnx(graph, build(graph), path, metadata={"netspec.below": '{"tokens": 9}'})
    return Predictor(path)


def given(**changes: Any) -> dict[str, Any]:
    x = np.ones((4, 5, 3), np.float32)
    found = {"x": x, "y": x, "tokens": np.zeros((4, 2), np.int64)} | changes
    return {name: value for name, value in found.items() if value is not None}


def test_what_fits_is_taken_in_other_types_too(predictor: Predictor) -> None:
    whole = predictor.predict(given(x=np.ones((4, 5, 3)), tokens=np.zeros((4, 2), np.float64)))
    assert whole["sum"].dtype == np.float32 and (whole["sum"] == 2).all()


NAN = np.full((4, 5, 3), 1.0)
NAN[2, 1, 0] = np.nan
WRONG = {
    "an axis more": ({"x": np.ones((4, 5, 3, 1))}, r"takes \[N, T, 3\], got \[4, 5, 3, 1\]"),
    "another size": ({"x": np.ones((4, 5, 2))}, r"got \[4, 5, 2\]"),
    "no axes": ({"x": np.float32(1)}, r"got \[\]"),
    "no samples": ({"x": np.ones((0, 5, 3)), "y": np.ones((0, 5, 3))}, r"the input `x` is empty: \[0, 5, 3\]"),
    "NaN": ({"x": NAN}, r"has nan at \[2, 1, 0\]"),
    "infinite": ({"x": np.full((4, 5, 3), np.inf)}, r"has inf at \[0, 0, 0\]"),
    "beyond float32": ({"x": np.full((4, 5, 3), 1e300)}, "too large for float32"),
    "texts": ({"x": np.full((4, 5, 3), "a")}, "elements of type <U1"),
    "objects": ({"x": np.full((4, 5, 3), None)}, "elements of type object"),
    "complex": ({"x": np.full((4, 5, 3), 1j)}, "elements of type complex128"),
    "half a token": ({"tokens": np.full((4, 2), 0.5)}, "takes int64, which 0.5 is not"),
    "a token beyond": ({"tokens": np.full((4, 2), 9)}, "indices from 0 to 8, got 9"),
    "a token beyond int64": ({"tokens": np.full((4, 2), 2**63, np.uint64)}, "takes int64, which 9223372036854775808"),
    "fewer samples": ({"y": np.ones((3, 5, 3))}, "`batch` is 4 in the input `x` and 3 in `y`"),
    "another T": ({"y": np.ones((4, 6, 3))}, "`T` is 5 in the input `x` and 6 in `y`"),
    "an input absent": ({"y": None}, "needs the input `y` too"),
    "an input too many": ({"z": np.ones(3)}, "the model has no input `z`; it has `x`, `y`, `tokens`"),
}


@pytest.mark.parametrize(("changes", "part"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_said(predictor: Predictor, changes: dict[str, Any], part: str) -> None:
    with pytest.raises(DataError, match=part) as caught:
        predictor.predict(given(**changes))
    assert caught.value.diagnostics[0].code == "input-file"


def model(opset: int, ir: int = 10, op: str = "Relu", domain: str = "") -> bytes:
    node = helper.make_node(op, ["x"], ["y"], name="act", domain=domain)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(
        helper.make_graph([node], "g", [x], [y]), ir_version=ir, opset_imports=opsets
    ).SerializeToString()


VERSIONS = {
    "opset 99": (model(99), r"the file needs opset 99 of ai.onnx, onnxruntime \S+ has up to \d+", "upgrade"),
    "ir 99": (model(20, 99), r"the file has IR version 99, onnxruntime \S+ reads up to \d+", "upgrade"),
    "opset 1": (
        model(1),
        r"node `act`: onnxruntime \S+ has no Relu of version 1, which opset 1 asks for",
        "--opset 20",
    ),
    "no operator": (model(20, 10, "Foo"), r"node `act`: opset 20 has no operator Foo in onnxruntime", "upgrade"),
    "a domain": (model(20, 10, "Foo", "x.y"), r"has no operator Foo of the domain x.y", ""),
}


@pytest.mark.parametrize(("content", "part", "help"), VERSIONS.values(), ids=VERSIONS)
def test_versions_that_do_not_fit_are_named(tmp_path: Path, content: bytes, part: str, help: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=part) as caught:
        Predictor(path)
    (found,) = caught.value.diagnostics
    assert help in (found.help or "")
    assert not any("onnxruntime_src" in note for note in found.notes)


@pytest.mark.parametrize("opset", range(7, 23))
def test_opsets_that_the_runtime_has(tmp_path: Path, opset: int) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model(opset))
    onnx.checker.check_model(str(path))
    assert Predictor(path).predict(np.array([[-1.0, 0, 2]]))["y"].tolist() == [[0, 0, 2]]
