"""Files appear whole or not at all: written under a temporary name, synced, renamed, and the directory synced."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netspec.diagnostics import NetspecError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes its place when the block ends without an error.

    Raises:
        NetspecError: `unwritable`, when the directory or the disk refuses; what stood at `path` before stays.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        os.replace(temporary, target)
        temporary = None
        _sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write(path: str | Path, data: bytes | str) -> None:
    """Write a whole file; text is UTF-8. Raises NetspecError as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def unwritable(path: Path, error: OSError) -> NetspecError:
    """The error for a file that cannot be written, in words."""
    reason = (error.strerror or type(error).__name__).lower()
    return NetspecError.at(
        str(path), "unwritable", f"cannot write: {reason}", help="what stood there before is unchanged"
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
