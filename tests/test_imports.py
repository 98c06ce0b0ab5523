"""What needs no torch must not import it: a second of start-up, paid on every check, is the difference one feels."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "onnx", "onnxruntime", "rich", "PIL", "safetensors")

RUN = "from netspec.cli.program import run; assert run({}) == 0"
COMMANDS = {
    "import netspec": "import netspec",
    "--help": RUN.format(["--help"]),
    "list": RUN.format(["list"]),
    "check": RUN.format(["check", "mnist_convnet", "--explain"]),
    "summary": RUN.format(["summary", "mnist_convnet"]),
    "compile --emit graph": RUN.format(["compile", "mnist_convnet", "--emit", "graph"]),
    "compile --emit spec": RUN.format(["compile", "mnist_convnet", "--emit", "spec"]),
    "diff": RUN.format(["diff", "mnist_convnet", "mnist_convnet_two_conv"]),
    "diagram": RUN.format(["diagram", "mnist_convnet", "-o", "-", "--to", "html"]),
    "schema": RUN.format(["schema"]),
}


def heavy_imports(code: str) -> list[str]:
    """Which of the heavy packages a fresh interpreter has imported after running `code`."""
    probe = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stderr.split()


@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS)
def test_the_front_end_imports_nothing_heavy(code: str) -> None:
    assert heavy_imports(code) == []


@pytest.mark.parametrize("name", ["numpy", "rich"])
def test_this_check_can_fail(name: str) -> None:
    assert heavy_imports(f"{COMMANDS['check']}; import {name}") == [name]


def test_the_runtime_needs_no_torch() -> None:
    assert "torch" not in heavy_imports("import netspec.runtime.predictor, netspec.runtime.inputs")
