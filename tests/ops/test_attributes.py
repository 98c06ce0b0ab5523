"""Attribute types: what they take, and the one message for what they do not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from netspec.ops import attributes
from netspec.ops.attributes import MAX_FLOAT, MAX_INT
from netspec.ops.conv import Conv
from netspec.ops.registry import ops

SIZE = "expected a positive integer or a list of them"

TAKEN = [
    ("PositiveInt", 1, 1),
    ("PositiveInt", MAX_INT, MAX_INT),
    ("NonNegativeInt", 0, 0),
    ("Size", 3, 3),
    ("Size", [3, 5], (3, 5)),
    ("OptionalSize", None, None),
    ("OutputSize", [None, 7], (None, 7)),
    ("Padding", "same", "same"),
    ("Padding", [0, 1], (0, 1)),
    ("Axis", -1, -1),
    ("Permutation", [2, 1], (2, 1)),
    ("Axis", "T", "T"),
    ("Axes", ["H", 2], ("H", 2)),
    ("Shape", [2, -1], (2, -1)),
    ("Shape", ["H", -1], ("H", -1)),
    ("SizeOrSymbol", "H", "H"),
    ("Probability", 1, 1.0),
    ("Float", -MAX_FLOAT, -MAX_FLOAT),
    ("OptionalProbability", None, None),
]

REFUSED = [
    ("PositiveInt", 0, (), "wrong-value", "expected a positive integer"),
    ("PositiveInt", True, (), "wrong-type", "expected a positive integer"),
    ("PositiveInt", "3", (), "wrong-type", "expected a positive integer"),
    ("PositiveInt", 3.0, (), "wrong-type", "expected a positive integer"),
    ("PositiveInt", MAX_INT + 1, (), "wrong-value", "expected at most 2,147,483,647"),
    ("PositiveInt", None, (), "wrong-type", "expected a positive integer"),
    ("Size", 0, (), "wrong-value", SIZE),
    ("Size", "big", (), "wrong-type", SIZE),
    ("Size", [], (), "wrong-value", SIZE),
    ("Size", [3, 0], (1,), "wrong-value", "expected a positive integer"),
    ("Size", [3, [1]], (1,), "wrong-type", "expected a positive integer"),
    ("Size", [1] * 17, (), "wrong-value", "expected a list of at most 16 entries"),
    ("OptionalSize", {}, (), "wrong-type", "expected a positive integer or a list of them, or none"),
    (
        "Padding",
        "full",
        (),
        "wrong-value",
        "expected an integer that is not negative, a list of them, `same` or `valid`",
    ),
    ("Permutation", [1, 1], (), "wrong-value", "expected a list of the numbers (or symbols) of all axes, each once"),
    ("Axis", "T+1", (), "wrong-type", "expected the number of an axis or a symbol"),
    ("SizeOrSymbol", "H/2", (), "wrong-type", "expected a positive integer or a symbol"),
    ("Shape", [2, 0], (1,), "wrong-value", "expected a positive integer, a symbol, or -1 for what is left"),
    ("Probability", 1.5, (), "wrong-value", "expected a number from 0 to 1"),
    ("Probability", False, (), "wrong-type", "expected a number from 0 to 1"),
    ("PositiveFloat", 0.0, (), "wrong-value", "expected a positive finite number"),
    ("PositiveFloat", float("nan"), (), "wrong-value", "expected a positive finite number"),
    ("Float", float("inf"), (), "wrong-value", "expected a finite number"),
    ("Float", 10**400, (), "wrong-value", "expected a finite number"),
]


def adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(attributes, name), config=ConfigDict(strict=True))


@pytest.mark.parametrize(("name", "value", "kept"), TAKEN)
def test_values_are_kept_hashable(name: str, value: object, kept: object) -> None:
    found = adapter(name).validate_python(value)
    assert found == kept and type(found) is type(kept)
    hash(found)


@pytest.mark.parametrize(("name", "value", "place", "code", "message"), REFUSED)
def test_each_refusal_is_one_sentence(
    name: str, value: object, place: tuple[int, ...], code: str, message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        adapter(name).validate_python(value)
    [error] = caught.value.errors()
    assert (error["type"], error["msg"], error["loc"]) == (code, message, place)


def test_the_place_of_an_entry_is_below_its_attribute() -> None:
    with pytest.raises(ValidationError) as caught:
        Conv.model_validate({"out_channels": 1, "kernel_size": [3, "x"]})
    [error] = caught.value.errors()
    assert error["loc"] == ("kernel_size", 1)


def test_the_schema_says_what_is_taken() -> None:
    fields = Conv.model_json_schema()["properties"]
    assert fields["out_channels"] == {
        "maximum": MAX_INT,
        "minimum": 1,
        "type": "integer",
        "main": True,
        "title": "Out Channels",
    }
    size = {"type": "integer", "minimum": 1, "maximum": MAX_INT}
    sizes = {"type": "array", "items": size, "minItems": 1, "maxItems": 16}
    assert fields["stride"] == {"anyOf": [size, sizes], "default": 1, "title": "Stride"}
    assert {"enum": ["same", "valid"]} in fields["padding"]["anyOf"]


@pytest.mark.parametrize("kind", ops().values(), ids=ops())
def test_no_number_of_an_op_is_pydantics_own(kind: type[BaseModel]) -> None:
    """Pydantic's int and float would take sizes that torch does not, and NaN."""
    for name, field in kind.model_fields.items():
        if field.annotation in (int, float):
            assert any(isinstance(each, attributes.Domain) for each in field.metadata), f"{name} is unbounded"
