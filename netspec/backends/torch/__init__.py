"""The PyTorch backend: one graph, one source text, one module that runs exactly that text."""

from netspec.backends.torch.module import build
from netspec.backends.torch.source import emit

__all__ = ["build", "emit"]
