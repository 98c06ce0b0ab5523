"""What needs no torch must not import it: a second of start-up, paid on every check, is the difference one feels."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

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


# What is for specs that have more in them, or have a mistake: each is a part of the time that a check takes.
NOT_ASKED_FOR = (
    "difflib",
    "netspec.compiler.blocks",
    "netspec.compiler.equations",
    "netspec.compiler.groups",
    "netspec.compiler.memory",
    "netspec.compiler.outline",
    "netspec.compiler.receptive",
    "netspec.compiler.scans",
    "netspec.compiler.use",
    "netspec.compiler.yaml_text",
    "netspec.data.augment",
    "netspec.data.preprocess.colour",
    "netspec.data.preprocess.geometry",
    "netspec.data.readers.table",
    "netspec.deploy",
    "netspec.diagnostics.text",
    "netspec.ops.norm",
    "netspec.training.losses.of_values",
    "netspec.training.outline",
    "netspec.weights.bind",
)


def heavy_imports(code: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Which of the modules a fresh interpreter has imported after running `code`."""
    probe = f"import sys\n{code}\nprint(*[name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stderr.split()


@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS)
def test_the_front_end_imports_nothing_heavy(code: str) -> None:
    assert heavy_imports(code) == []


def test_a_check_imports_what_the_spec_asks_for() -> None:
    assert all(find_spec(name) is not None for name in NOT_ASKED_FOR)  # a module that has gone is not imported either
    assert heavy_imports(RUN.format(["check", "mnist_convnet"]), NOT_ASKED_FOR) == []


def test_help_imports_no_graph() -> None:
    assert heavy_imports(COMMANDS["--help"], ("netspec.ir", "netspec.compiler", "pydantic", "yaml")) == []


@pytest.mark.parametrize("name", ["numpy", "rich"])
def test_this_check_can_fail(name: str) -> None:
    assert heavy_imports(f"{COMMANDS['check']}; import {name}") == [name]


def test_the_runtime_needs_no_torch() -> None:
    assert "torch" not in heavy_imports("import netspec.runtime.predictor, netspec.runtime.inputs")
