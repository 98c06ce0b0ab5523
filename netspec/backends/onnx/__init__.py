"""The ONNX backend: the graph lowered directly, with the spec's names, and proven before a file is put in place."""

from netspec.backends.onnx.lower import lower

__all__ = ["lower"]
