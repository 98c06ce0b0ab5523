"""Weights from files: safetensors and npz are read without running anything, and matched by name with a network."""
