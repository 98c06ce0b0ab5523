"""Deletes checks one by one in a copy, and runs the tests that should notice: `python tests/mutation/run.py [N]`.

A check is a `report.error(...)` or a `raise OpError(...)` in lang/, compiler/ or ops/: the statement is replaced by
`pass`. Prints each mutant that a test kills and each that survives; without any the tests must pass. Not collected by
pytest.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("lang", "compiler", "ops")
# What should notice, after the file of tests that mirrors the mutated one.
TESTS = {
    "lang": ("tests/golden", "tests/lang"),
    "compiler": ("tests/golden", "tests/compiler"),
    "ops": ("tests/golden", "tests/ops/test_attributes.py", "tests/ops/test_boundaries.py"),
}
SECONDS = 900


def checks(folder: Path) -> Iterator[tuple[Path, ast.stmt]]:
    """The statements that are checks, with their files."""
    for layer in LAYERS:
        for file in sorted((folder / "netspec" / layer).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.stmt) and _is_check(node):
                    yield file, node


def _is_check(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node.exc if isinstance(node, ast.Raise) else None
    if not isinstance(call, ast.Call):
        return False
    if isinstance(node, ast.Raise):
        return isinstance(call.func, ast.Name) and call.func.id in ("OpError", "ExpressionError")
    return isinstance(call.func, ast.Attribute) and call.func.attr == "error"


def without(text: str, check: ast.stmt) -> str:
    """The text with a statement replaced by `pass`."""
    assert check.end_lineno is not None
    lines = text.splitlines(keepends=True)
    indent = " " * check.col_offset
    return "".join([*lines[: check.lineno - 1], f"{indent}pass\n", *lines[check.end_lineno :]])


def is_killed(folder: Path, file: Path) -> bool:
    """Whether a test fails, or does not come to an end."""
    layer = file.parent.name
    mirror = f"tests/{layer}/test_{file.stem}.py"
    tests = ((mirror,) if (folder / mirror).exists() else ()) + TESTS[layer]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    try:
        return bool(
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS).returncode
        )
    except subprocess.TimeoutExpired:
        return True


def main() -> None:
    """Run so many mutants, chosen at random with a fixed seed; all where no number is given."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "netspec"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache"))
        found = list(checks(folder))
        random.Random(1).shuffle(found)
        chosen = found[: int(sys.argv[1])] if len(sys.argv) > 1 else found
        survivors = sum(_survives(folder, file, check) for file, check in chosen)
        print(f"{len(chosen)} of {len(found)} checks deleted, {survivors} survived")


def _survives(folder: Path, file: Path, check: ast.stmt) -> bool:
    text = file.read_text("utf-8")
    file.write_text(without(text, check), "utf-8")
    killed = is_killed(folder, file)
    file.write_text(text, "utf-8")
    line = " ".join(ast.unparse(check).split())[:90]
    print("killed  " if killed else "SURVIVED", f"{file.relative_to(folder)}:{check.lineno}", line, flush=True)
    return not killed


if __name__ == "__main__":
    main()
