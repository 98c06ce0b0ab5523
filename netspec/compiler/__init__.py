"""Elaboration, analyses and passes: from a spec's text to its typed graph."""

from netspec.compiler.load import compile_source, load
from netspec.compiler.spec import Spec

__all__ = ["Spec", "compile_source", "load"]
