"""A value of the ONNX graph while it is being built."""

from __future__ import annotations

from netspec.ir import TensorType


class Tensor:
    """A value; what a layer computes gets its name when the layer is complete.

    Types are known for graph inputs, layers' outputs and constants. The values between the operators of one layer have
    none, so that ops need to declare nothing about them.
    """

    __slots__ = ("_type", "name")

    def __init__(self, name: str = "", type: TensorType | None = None) -> None:
        self.name = name
        self._type = type

    @property
    def type(self) -> TensorType:
        """Its type, without the batch axis."""
        if self._type is None:
            raise TypeError("a value inside a layer has no declared type: ask an input of the layer")
        return self._type

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape per sample."""
        return self.type.shape
