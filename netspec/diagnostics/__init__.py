"""What netspec says about bad input: spans, diagnostics, codes and their renderings. Standard library only."""

from netspec.diagnostics.codes import CODES
from netspec.diagnostics.diagnostic import Diagnostic, Label, Severity
from netspec.diagnostics.errors import DataError, ModelError, NetspecError, SpecError, TrainingError, UnavailableError
from netspec.diagnostics.report import Report
from netspec.diagnostics.span import Source, Span
from netspec.diagnostics.suggest import nearest

__all__ = [
    "CODES",
    "DataError",
    "Diagnostic",
    "Label",
    "ModelError",
    "NetspecError",
    "Report",
    "Severity",
    "Source",
    "Span",
    "SpecError",
    "TrainingError",
    "UnavailableError",
    "nearest",
]
