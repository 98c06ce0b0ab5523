"""Progress: nothing unless it is wanted, and then on stderr only."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.training.run import train
from tests.training.specs import HEAD, TRAIN, spec_of, write_data


@pytest.mark.parametrize("wanted", [False, True])
def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: bool) -> None:
    write_data(tmp_path)
    train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run", progress=wanted)
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("epoch")]
    assert len(lines) == (3 if wanted else 0)
    if wanted:
        assert lines[0].startswith("epoch 1: train loss ") and ", validation loss " in " ".join(said.err.split())
    else:
        assert said.err == ""
