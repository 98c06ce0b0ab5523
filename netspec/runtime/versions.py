"""Why an ONNX Runtime cannot use a file, in terms of versions: which one is too old, and what to do."""

from __future__ import annotations

import re

import onnxruntime as ort

from netspec.runtime.wire import Outline

_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL)
_NO_KERNEL = re.compile(r"Could not find an implementation for (\S+?)\((\d+)\) node with name '([^']*)'")
_NO_SCHEMA = re.compile(
    r'In Node, \("([^"]*)", (\S+), .*No Op registered for \S+ with domain_version of (\d+)', re.DOTALL
)
_NO_DOMAIN = re.compile(r"(\S+):(\S+)\(-?\d+\) is not a registered function/op")

UPGRADE = "upgrade it: pip install --upgrade onnxruntime"


def explain(message: str, found: Outline) -> tuple[str, str | None]:
    """A sentence for an exception of ONNX Runtime's, and a help.

    Args:
        message: What it says.
        found: What the file says of itself.
    """
    runtime = f"onnxruntime {ort.__version__}"
    if match := _IR.search(message):
        return f"the file has IR version {match[1]}, {runtime} reads up to {match[2]}", UPGRADE
    if match := _OPSET.search(message):
        help = f"{UPGRADE}; or write the file with a lower opset, `netspec export --opset 20`"
        return f"the file needs opset {match[1]} of {match[2]}, {runtime} has up to {match[3]}", help
    if match := _NO_KERNEL.search(message):
        opset = found.opsets.get("", 0)
        sentence = f"node `{match[3]}`: {runtime} has no {match[1]} of version {match[2]}, which opset {opset} asks for"
        return sentence, "export it again with an opset from 17 on, `netspec export --opset 20`"
    if match := _NO_SCHEMA.search(message):
        return f"node `{match[1]}`: opset {match[3]} has no operator {match[2]} in {runtime}", UPGRADE
    if match := _NO_DOMAIN.search(message):
        return f"{runtime} has no operator {match[2]} of the domain {match[1]}", None
    return "ONNX Runtime cannot use this file", None
