"""A process is known by its number, its start and its machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from netspec.owner import Owner


def test_this_process_is_there() -> None:
    owner = Owner.current()
    assert not owner.is_gone and Owner.parse(str(owner)) == owner == Owner.current()


def test_who_has_ended_is_gone_and_so_is_one_whose_number_is_used_again() -> None:
    words = [sys.executable, "-c", "from netspec.owner import Owner; print(Owner.current())"]
    owner = Owner.parse(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())
    assert owner is not None and owner.place == Owner.current().place and owner.is_gone
    assert replace(Owner.current(), started=5).is_gone


def test_of_a_process_on_another_machine_nothing_is_known() -> None:
    assert not Owner("0" * 8, 1, 1).is_gone


@pytest.mark.parametrize("text", ["", "a", "a-b-c", "a-1", "a-1-2-3", "a-1-²"])
def test_other_texts_name_nobody(text: str) -> None:
    assert Owner.parse(text) is None
