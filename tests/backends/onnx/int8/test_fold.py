"""Folding a batch norm into its convolution, seen by ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netspec.backends.onnx.int8.fold import fold_batch_norm
from netspec.backends.onnx.sessions import session


def test_small_variances_and_a_large_epsilon_fold_exactly() -> None:
    random = np.random.default_rng(0)
    arrays = {"w": random.standard_normal((4, 3, 3, 3)), "gain": random.random(4), "shift": random.random(4)}
    arrays |= {"mean": random.standard_normal(4), "variance": np.array([0.0, 1e-4, 1.0, 9.0])}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "gain", "shift", "mean", "variance"], ["y"], epsilon=0.1),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size, "H", "W"])
        for name, size in (("x", 3), ("y", 4))
    )
    stored = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "net", [x], [y], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    given = {"x": random.standard_normal((2, 3, 6, 6)).astype(np.float32)}
    [expected] = session(model.SerializeToString()).run(None, given)
    fold_batch_norm(model)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_allclose(session(model.SerializeToString()).run(None, given)[0], expected, rtol=1e-4, atol=1e-5)
