"""A PyTorch checkpoint -> a safetensors file. Runs alone, in a process of its own: `netspec convert --trust`.

A checkpoint is a pickle. `weights_only` reads it without calling what it names, but was got around twice in the past
(CVE-2025-32434, CVE-2026-24747); so Python's own ways to start processes, open connections and write elsewhere are
closed here too, and memory and time are bounded. Native code is not watched: a checkpoint needs to be trusted.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

CPU_SECONDS = 600
MEMORY_BYTES = 32 << 30
# What a checkpoint may unpack to, in multiples of its size: shared weights count as often as they are named.
MAX_RATIO = 16
SLACK_BYTES = 64 << 20
OPENERS = ("state_dict", "model")
PREFIX = "module."
MAX_LISTED = 5
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.", "socket.")
ALSO_FORBIDDEN = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "ctypes.")


class Refused(Exception):
    """The checkpoint is no table of tensors; the message says why."""


def main(source: str, target: str) -> int:
    """Convert, and print what became of it as one JSON object: `{tensors}` or `{error}`."""
    try:
        _confine(Path(target))
        tensors = _tensors(_load(source), MAX_RATIO * os.path.getsize(source) + SLACK_BYTES)
        save_file(tensors, target)
        print(json.dumps({"tensors": len(tensors)}))
        return 0
    except Refused as error:
        print(json.dumps({"error": str(error)}))
    except MemoryError:
        print(json.dumps({"error": "the checkpoint needs more memory than a conversion may use"}))
    except Exception as error:  # what a hostile pickle makes torch raise is of any kind
        print(json.dumps({"error": f"not a PyTorch checkpoint: {type(error).__name__}: {str(error)[:100]}"}))
    return 1


def _confine(target: Path) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    allowed = str(target)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith((*FORBIDDEN, *ALSO_FORBIDDEN)):
            raise Refused(f"the checkpoint tried to run code ({event})")
        if event == "open" and _writes(arguments) and os.fspath(arguments[0]) != allowed:
            raise Refused("the checkpoint tried to write a file")

    sys.addaudithook(watch)


def _writes(arguments: tuple[Any, ...]) -> bool:
    """Whether an `open` event (path, mode, flags) is more than reading."""
    flags = arguments[2] if isinstance(arguments[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _load(source: str) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # torch words a refusal in several types of exceptions
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found is None:
            raise
        raise Refused(f"the checkpoint asks for `{found[1][:100]}`, which no table of tensors needs") from None


def _tensors(found: Any, limit: int = MEMORY_BYTES) -> dict[str, Tensor]:
    """The state dict, opened, without the prefix of data-parallel modules.

    Raises:
        Refused: it holds anything else, or more bytes than the limit (a few numbers may be named as billions).
    """
    for key in OPENERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if not isinstance(found, Mapping) or not found:
        raise Refused(f"the checkpoint holds {type(found).__name__}, not a table of tensors")
    strange = [str(key)[:60] for key, value in found.items() if not isinstance(key, str) or not _is_plain(value)]
    if strange:
        more = f" and {len(strange) - MAX_LISTED:,} more" if len(strange) > MAX_LISTED else ""
        listed = ", ".join(f"`{key}`" for key in strange[:MAX_LISTED])
        raise Refused(f"{listed}{more} in the checkpoint: not plain tensors of numbers")
    total = sum(value.numel() * value.element_size() for value in found.values())
    if total > limit:
        raise Refused(f"the tensors unpack to {total:,} bytes; the limit for a file of this size is {limit:,}")
    prefixed = all(key.startswith(PREFIX) for key in found)
    names = {key: key.removeprefix(PREFIX) if prefixed else key for key in found}
    # Tied parameters share memory, which safetensors refuses; each gets its own.
    return {names[key]: value.detach().clone().contiguous() for key, value in found.items()}


def _is_plain(value: Any) -> bool:
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return False
    return not value.is_quantized and not value.is_complex() and value.device.type == "cpu"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
