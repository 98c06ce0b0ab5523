"""The table of the lecture's networks says what the specs count."""

from __future__ import annotations

import re

import pytest

import netspec
from netspec.compiler.analyses import counts
from netspec.compiler.shipped import shipped
from tests.pages import DOCS

ROWS = re.findall(
    r"^\| *([0-9, ]+) *\| `([a-z0-9_]+)` *\| *([0-9,]+) *\|", (DOCS / "lecture.md").read_text("utf-8"), re.MULTILINE
)
#: Whose members stand in the table.
FAMILIES = {"resnet", "vgg"}


@pytest.mark.parametrize(("slide", "name", "parameters"), ROWS, ids=[name for _, name, _ in ROWS])
def test_a_row_has_the_specs_parameters(slide: str, name: str, parameters: str) -> None:
    assert counts(netspec.load(name).graph).num_params == int(parameters.replace(",", ""))


def test_every_convnet_and_perceptron_of_the_lecture_has_a_row() -> None:
    from tests.specs.zoo import SPECS

    lecture = {name for name, path in shipped().items() if path.parent.name == "lecture"}
    wanted = ({member.spec for member in SPECS.values()} & lecture) - FAMILIES
    assert wanted <= {name for _, name, _ in ROWS}
