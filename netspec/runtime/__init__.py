"""Prediction with ONNX Runtime. Imports no torch: numpy and onnxruntime are enough to deploy."""
