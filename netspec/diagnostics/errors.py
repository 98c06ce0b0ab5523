"""The exceptions that reach callers.

NetspecError (exit code 1)
├── SpecError         the spec is wrong
├── DataError         a data file is wrong
├── ModelError        weights, a checkpoint or an ONNX file are wrong, or an exported model does not compute the same
├── TrainingError     a run had to stop (a loss that is not finite)
└── UnavailableError  not available here: a GPU, an extra package (exit code 69)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

from netspec.diagnostics.diagnostic import Diagnostic


class NetspecError(Exception):
    """What was wrong, as diagnostics. Raised for bad input only; a bug raises something else."""

    exit_code: ClassVar[int] = 1

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(_sentence(diagnostic) for diagnostic in self.diagnostics))

    @classmethod
    def at(cls, place: str, code: str, message: str, *, notes: Iterable[str] = (), help: str | None = None) -> Self:
        """One diagnostic about a file (or a field, or a flag) that has no lines."""
        return cls([Diagnostic(code, message, place=place, notes=tuple(notes), help=help)])


class SpecError(NetspecError):
    """The spec is wrong; `diagnostics` holds every mistake found, in the order of the file."""


class DataError(NetspecError):
    """A data file is wrong: truncated, of another format, with labels out of range."""


class ModelError(NetspecError):
    """Weights, a checkpoint or a model file are wrong, or an exported model does not compute the same."""


class TrainingError(NetspecError):
    """Training had to stop; what was saved before stays."""


class UnavailableError(NetspecError):
    """Something is not available on this machine; the help says what to install."""

    exit_code = 69


def _sentence(diagnostic: Diagnostic) -> str:
    where = diagnostic.location
    return f"{where}: {diagnostic.message}" if where else diagnostic.message


def says_memory_ran_out(error: BaseException) -> bool:
    """Whether memory ran out. Python and NumPy have a class for it; torch has one for CUDA, and for the CPU words."""
    words = ("out of memory", "can't allocate memory")
    is_torchs = type(error).__name__ == "OutOfMemoryError" or any(each in str(error) for each in words)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_torchs)
