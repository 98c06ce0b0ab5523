"""The child's side of `netspec.cli.guard`: limits first, then the command line."""

from __future__ import annotations

import sys

#: What a command may print.
OUTPUT_BYTES = 2**30


def main() -> None:
    """Run `python -m netspec.cli.limited MEMORY_BYTES WORD...` (0: no limit on memory)."""
    _limit(int(sys.argv[1]))
    from netspec.cli.program import run

    sys.exit(run(sys.argv[2:], limited=True))


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # not on this system; the time is limited all the same
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    if memory:
        # What is written to counts, not address space: ONNX Runtime reserves much of that.
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


if __name__ == "__main__":
    main()
