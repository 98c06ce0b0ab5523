"""Runs on sequences that were killed go on to the same bits, with carried states and the order of buckets."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.compiler import Spec
from tests.training.resuming import assert_resumes
from tests.training.specs import spec_of
from tests.training.test_padding import HEAD as COPYING
from tests.training.test_padding import TRAIN as COPY
from tests.training.test_streams import LENGTHS, PLAIN
from tests.training.test_streams import TRAIN as SPEAKING


def bucketed(folder: Path) -> Spec:
    return spec_of(COPYING + COPY + "  bucket: {by: T, width: 3}\n", folder)


def streamed(folder: Path) -> Spec:
    (folder / "text.txt").write_text("abc cab\nbca a b c\ncc" * 9)
    return spec_of(PLAIN + SPEAKING.replace("epochs: 3", "epochs: 2"), folder)


def documents(folder: Path) -> Spec:
    (folder / "text.txt").write_text("abc cab\nbca a b c\ncc ab\n" * 5)
    text = SPEAKING.replace("documents: whole", "documents: line").replace("epochs: 3", "epochs: 2")
    return spec_of(LENGTHS + text + "  ema: {decay: 0.9}\n", folder)


@pytest.mark.parametrize("make", [bucketed, streamed, documents])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, make: object) -> None:
    assert callable(make)
    assert_resumes(make(tmp_path), tmp_path, [1, 4, 9])
