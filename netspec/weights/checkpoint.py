"""The parent's side of reading a PyTorch checkpoint: a child process reads the pickle, this one its safetensors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import netspec
from netspec.weights.read import open_weights
from netspec.weights.stored import Stored, refuse

CHILD = "netspec.backends.torch.checkpoint"
TIMEOUT_SECONDS = 900


@contextmanager
def open_checkpoint(path: Path) -> Iterator[dict[str, Stored]]:
    """The tensors of a PyTorch checkpoint that the caller trusts; they can be read while the block runs.

    Raises:
        ModelError: `weights`: absent, not a table of tensors, or the child process was stopped.
    """
    if not path.is_file():
        raise refuse(str(path), "cannot read: no such regular file")
    with tempfile.TemporaryDirectory(prefix="netspec-") as directory:
        target = Path(directory) / "weights.safetensors"
        _convert(path, target)
        with open_weights(target) as tensors:
            yield tensors


def _convert(source: Path, target: Path) -> None:
    # -P keeps a torch.py of the current folder from being what is imported.
    words = [sys.executable, "-P", "-m", CHILD, str(source.resolve()), str(target)]
    packages = str(Path(netspec.__file__).parent.parent)
    environment = {"PYTHONPATH": packages, "PATH": os.defpath, "OMP_NUM_THREADS": "1", "TMPDIR": str(target.parent)}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment, cwd=target.parent
        )
    except subprocess.TimeoutExpired:
        raise refuse(str(source), f"reading it took more than {TIMEOUT_SECONDS} seconds") from None
    if done.returncode == 0:
        return
    raise refuse(str(source), _reason(done.stdout, done.returncode))


def _reason(output: str, code: int) -> str:
    try:
        return str(json.loads(output.splitlines()[-1])["error"])
    except (ValueError, KeyError, IndexError, TypeError):
        return f"the process that read it ended with code {code}"
