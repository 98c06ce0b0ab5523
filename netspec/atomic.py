"""Files appear whole or not at all: written under a temporary name, synced, renamed, and the directory synced."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netspec.diagnostics import NetspecError
from netspec.owner import Owner

_TEMPORARY = re.compile(r"\..+\.([0-9a-f]+-\d+-\d+)\.[a-z0-9_]{8}\.tmp")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there takes its place when the block ends without an error.

    What a killed process left of an earlier try is removed.

    Raises:
        NetspecError: `unwritable`, when the directory or the disk refuses; what stood at `path` before stays.
    """
    target = Path(path)
    temporary: Path | None = None
    with suppress(NetspecError):  # it is in nobody's way
        remove_abandoned(target.parent, glob.escape(target.name))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.{Owner.current()}.", suffix=".tmp", dir=target.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        sync(temporary)
        os.replace(temporary, target)
        temporary = None
        sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from None
    finally:
        if temporary is not None:
            with suppress(OSError):  # what refused to write may refuse this too
                temporary.unlink()


def write(path: str | Path, data: bytes | str) -> None:
    """Write a whole file; text is UTF-8. Raises NetspecError as `replacing` does."""
    write_chunks(path, [data.encode() if isinstance(data, str) else data])


def write_chunks(path: str | Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a whole file piece by piece. Raises NetspecError as `replacing` does."""
    with replacing(path) as temporary:
        handle = os.open(temporary, os.O_WRONLY)
        try:
            for chunk in chunks:
                _write_all(handle, memoryview(chunk))
        finally:
            os.close(handle)


def remove_abandoned(directory: Path, name: str = "*") -> None:
    """Remove temporary files whose owners are gone, as a killed process leaves them: of all targets, or of a pattern.

    Raises:
        NetspecError: `unwritable`.
    """
    try:
        for path in directory.glob(f".{name}.*.tmp"):
            found = _TEMPORARY.fullmatch(path.name)
            owner = Owner.parse(found[1]) if found else None
            if owner is not None and owner.is_gone:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from None


def remove(path: Path) -> None:
    """Remove a file if it is there.

    Raises:
        NetspecError: `unwritable`.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def sync(path: Path) -> None:
    """See to it that a file, or the names in a directory, outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> NetspecError:
    """The error for a file that cannot be written, in words."""
    reason = (error.strerror or type(error).__name__).lower()
    return NetspecError.at(
        str(path), "unwritable", f"cannot write: {reason}", help="what stood there before is unchanged"
    )


def _write_all(handle: int, data: memoryview) -> None:
    """The system may take less than it is given: more than 2 GiB, or when a signal comes."""
    rest = data.cast("B") if data.nbytes else data
    while rest.nbytes:
        rest = rest[os.write(handle, rest) :]


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
