"""The constant tensors of a model: parameters from the state dict, and the small constants that operators take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netspec.backends.onnx.tensor import Tensor
from netspec.diagnostics import ModelError
from netspec.ir import DType, TensorType
from netspec.ops.base import Param

ELEMENT_TYPES: dict[DType, int] = {
    DType.FLOAT32: TensorProto.FLOAT,
    DType.FLOAT64: TensorProto.DOUBLE,
    DType.FLOAT16: TensorProto.FLOAT16,
    DType.BFLOAT16: TensorProto.BFLOAT16,
    DType.INT64: TensorProto.INT64,
    DType.INT32: TensorProto.INT32,
    DType.UINT8: TensorProto.UINT8,
    DType.BOOL: TensorProto.BOOL,
}


def numpy_dtype(dtype: DType) -> np.dtype[np.generic]:
    """NumPy's type for an element type (bfloat16 from ml_dtypes)."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(ELEMENT_TYPES[dtype]))


class Initializers:
    """Collects initializers in the order of their first use; each parameter and each constant is stored once."""

    def __init__(self, state: Mapping[str, np.ndarray]) -> None:
        self._state = state
        self._parameters: dict[str, Tensor] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self.protos: list[onnx.TensorProto] = []

    def parameter(self, key: str, param: Param) -> Tensor:
        """A parameter by its state-dict key.

        Raises:
            ModelError: `weights`, when the state dict lacks it or has another shape or element type.
        """
        if key not in self._parameters:
            self._parameters[key] = self._add(key, self._read(key, param), TensorType(param.shape, param.dtype, False))
        return self._parameters[key]

    def constant(self, values: float | list[int], dtype: DType) -> Tensor:
        """A number or a vector, shared by all who need the same; `constant/0` can be no layer's name."""
        array = np.asarray(values, numpy_dtype(dtype))
        key = (dtype.value, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant/{len(self._constants)}"
            self._constants[key] = self._add(name, array, TensorType(array.shape, dtype, False))
        return self._constants[key]

    def _read(self, key: str, param: Param) -> np.ndarray:
        if key not in self._state:
            raise ModelError.at(key, "weights", "the state dict has no such parameter")
        array, dtype = self._state[key], numpy_dtype(param.dtype)
        if array.shape != param.shape or array.dtype != dtype:
            wanted = f"the network has {list(param.shape)} {param.dtype}"
            raise ModelError.at(key, "weights", f"{wanted}, the state dict {list(array.shape)} {array.dtype}")
        return array

    def _add(self, name: str, array: np.ndarray, type: TensorType) -> Tensor:
        self.protos.append(numpy_helper.from_array(array, name))
        return Tensor(name, type)
