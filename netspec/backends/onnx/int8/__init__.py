"""Static int8: weights by channel, activations by ranges seen on data, as QuantizeLinear/DequantizeLinear pairs."""

from netspec.backends.onnx.int8.rewrite import quantize

__all__ = ["quantize"]
