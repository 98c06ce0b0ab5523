"""Where the paths of a spec lead to, for the copy in a run directory and for any other file."""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import Source
from netspec.training.record import home, is_of_run


def test_only_the_copy_of_a_run_is_relative_to_the_original(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text('{"folder": "/elsewhere"}')
    for name in ("spec.yaml", "other_spec.yaml"):
        (tmp_path / name).write_text("")
    copy, other = (Source(str(tmp_path / name), "") for name in ("spec.yaml", "other_spec.yaml"))
    assert is_of_run(copy) and home(copy) == Path("/elsewhere")
    assert not is_of_run(other) and home(other) == tmp_path


def test_without_notes_a_spec_is_of_no_run(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("")
    source = Source(str(tmp_path / "spec.yaml"), "")
    assert not is_of_run(source) and home(source) == tmp_path
