"""Lowerings of the graph: to PyTorch source and modules, and to ONNX."""
