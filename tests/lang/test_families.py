"""Closed tables that import the family of a class when it is asked for, and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from netspec.data.preprocess.steps import STEPS
from netspec.data.readers import READERS
from netspec.lang.families import Families
from netspec.ops.base import Op
from netspec.ops.registry import OPS
from netspec.training.losses import LOSSES
from netspec.training.optimizers import OPTIMIZERS
from netspec.training.schedules import SCHEDULES

TABLES = {
    "ops": OPS,
    "readers": READERS,
    "steps": STEPS,
    "losses": LOSSES,
    "schedules": SCHEDULES,
    "optimizers": OPTIMIZERS,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_names_in_the_texts_are_those_of_the_classes(table: Families) -> None:
    by_class = [name for module in dict.fromkeys(table.homes.values()) for name in table.of(module)]
    assert sorted(table) == sorted(by_class) and len(table) == len(by_class)
    assert all(kind.name == name for name, kind in table.items())


def test_one_family_is_imported() -> None:
    program = (
        "import sys; from netspec.training.losses import LOSSES; 'mse_loss' in LOSSES.homes; LOSSES['cross_entropy']; "
        "print(sorted(each for each in sys.modules if each.startswith('netspec.training.losses.')))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "['netspec.training.losses.base', 'netspec.training.losses.of_classes']"


def test_an_unknown_name_and_a_name_that_stands_twice() -> None:
    with pytest.raises(KeyError):
        LOSSES["mse"]
    with pytest.raises(RuntimeError, match="are called linear"):
        len(Families("netspec.ops", ("linear", "linear"), Op))
