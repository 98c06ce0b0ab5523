"""Types of attributes: which values they take, one message each, and the JSON Schema that editors read.

Pydantic's unions report every branch that failed; here each type is one validator with one sentence. Numbers are
strict: no bools, no texts, nothing that torch's 32-bit sizes or float32 cannot hold. Lists become tuples, so that ops
stay hashable.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

MAX_INT = 2**31 - 1
MAX_FLOAT = (2 - 2**-23) * 2.0**127  # the largest float32
MAX_ITEMS = 16
MAX_WORD = 64
MAX_VALUES = 4096

Code = Literal["wrong-type", "wrong-value"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value is not in a domain: it is of another kind, or out of bounds.

    `message` replaces the domain's own; `index` is the place of the entry at fault, if the value is a list.
    """

    code: Code
    message: str = ""
    index: int | None = None

    def error(self, value: Any, expected: str) -> Exception:
        """What a pydantic validator raises; the index becomes part of the error's location."""
        message = {"message": self.message or f"expected {expected}"}
        custom = PydanticCustomError(self.code, "{message}", message)
        if self.index is None:
            return custom
        details = InitErrorDetails(type=custom, loc=(self.index,), input=value[self.index])
        return ValidationError.from_exception_data("list", [details])


@dataclass(frozen=True)
class Domain:
    """What an attribute takes: `read` gives the value as it is kept, or a Refusal; messages say `expected`."""

    expected: str
    read: Callable[[Any], Any]
    schema: dict[str, Any]

    def validate(self, value: Any) -> Any:
        """The value as the op keeps it.

        Raises:
            PydanticCustomError: its type is the diagnostic code, its message what was expected.
            ValidationError: the same, where one entry of a list is at fault.
        """
        found = self.read(value)
        if isinstance(found, Refusal):
            raise found.error(value, self.expected)
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return deepcopy(self.schema)  # pydantic writes a field's default and title into what it gets


def integer(low: int, expected: str, *, high: int = MAX_INT) -> Domain:
    """Whole numbers from `low` to `high`, both included."""

    def read(value: Any) -> Any:
        if type(value) is not int:
            return Refusal("wrong-type")
        if value > high:
            return Refusal("wrong-value", f"expected at most {high:,}")
        return value if value >= low else Refusal("wrong-value")

    return Domain(expected, read, {"type": "integer", "minimum": low, "maximum": high})


def number(low: float, expected: str, *, high: float = MAX_FLOAT, above: bool = False) -> Domain:
    """Finite numbers from `low` to `high`, both included; without `low` itself if `above`."""

    def read(value: Any) -> Any:
        if type(value) not in (int, float):
            return Refusal("wrong-type")
        # A NaN fails both comparisons; an int may be too large for float().
        inside = (low < value if above else low <= value) and value <= high
        return float(value) if inside else Refusal("wrong-value")

    least = "exclusiveMinimum" if above else "minimum"
    return Domain(expected, read, {"type": "number", least: low, "maximum": high})


def list_of(item: Domain, expected: str, *, least: int = 1, most: int = MAX_ITEMS, distinct: bool = False) -> Domain:
    """Lists of `least` to `most` values, kept as tuples."""

    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return Refusal("wrong-type")
        if len(value) > most:
            return Refusal("wrong-value", f"expected a list of at most {most:,} entries")
        items = tuple(map(item.read, value))
        for index, found in enumerate(items):
            if isinstance(found, Refusal):
                return replace(found, message=found.message or f"expected {item.expected}", index=index)
        wrong = len(items) < least or (distinct and len(set(items)) < len(items))
        return Refusal("wrong-value") if wrong else items

    schema = {"type": "array", "items": item.schema, "minItems": least, "maxItems": most}
    return Domain(expected, read, schema | ({"uniqueItems": True} if distinct else {}))


def one_or_list(item: Domain, expected: str, *, entry: Domain | None = None) -> Domain:
    """One value for all axes, or a list with one for each (of `entry`, where entries may be more than `item`)."""
    items = list_of(entry or item, expected)

    def read(value: Any) -> Any:
        return items.read(value) if isinstance(value, (list, tuple)) else item.read(value)

    return Domain(expected, read, {"anyOf": [item.schema, items.schema]})


def nested_lists(item: Domain, expected: str, *, levels: int = 6) -> Domain:
    """One value, or lists of equally long lists of them, of at most MAX_VALUES values in all, kept as tuples."""

    def read(value: Any) -> Any:
        return _nested(value, item, levels, [MAX_VALUES])

    schema = item.schema
    for _ in range(levels):
        schema = {"anyOf": [item.schema, {"type": "array", "items": schema, "minItems": 1, "maxItems": MAX_VALUES}]}
    return Domain(expected, read, schema)


def _nested(value: Any, item: Domain, levels: int, left: list[int]) -> Any:
    """The value as tuples; `left` is how many values may still come."""
    if not isinstance(value, (list, tuple)):
        left[0] -= 1
        return Refusal("wrong-value", f"expected at most {MAX_VALUES:,} numbers") if left[0] < 0 else item.read(value)
    if levels == 0 or not value:
        return Refusal("wrong-value")
    rows: list[Any] = []
    for each in value:
        found = _nested(each, item, levels - 1, left)
        if isinstance(found, Refusal):
            return found
        rows.append(found)
    return tuple(rows) if len({_nesting(row) for row in rows}) == 1 else Refusal("wrong-value")


def _nesting(value: Any) -> tuple[int, ...]:
    """The lengths of the lists inside of lists of equal length."""
    return (len(value), *_nesting(value[0])) if isinstance(value, tuple) else ()


def or_word(domain: Domain, *words: str, expected: str) -> Domain:
    """A domain, or one of some words."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return value if value in words else Refusal("wrong-value")
        return domain.read(value)

    return Domain(expected, read, {"anyOf": [domain.schema, {"enum": list(words)}]})


def or_number(domain: Domain, other: int, expected: str) -> Domain:
    """A domain, or one number outside of it."""

    def read(value: Any) -> Any:
        return value if type(value) is int and value == other else domain.read(value)

    return Domain(expected, read, {"anyOf": [domain.schema, {"const": other}]})


def or_null(domain: Domain, expected: str) -> Domain:
    """A domain, or nothing."""

    def read(value: Any) -> Any:
        return None if value is None else domain.read(value)

    return Domain(expected, read, {"anyOf": [domain.schema, {"type": "null"}]})


def or_symbol(domain: Domain, expected: str) -> Domain:
    """A domain, or the name of a symbol (`T`), which the op looks up in the input's shape."""

    def read(value: Any) -> Any:
        if isinstance(value, str) and value.isascii() and value.isidentifier() and len(value) <= MAX_WORD:
            return value
        return domain.read(value)

    word = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": MAX_WORD}
    return Domain(expected, read, {"anyOf": [domain.schema, word]})


_POSITIVE = integer(1, "a positive integer")
_NON_NEGATIVE = integer(0, "an integer that is not negative")
_AXIS = or_symbol(integer(-MAX_INT, ""), "the number of an axis or a symbol")
_SIZE = one_or_list(_POSITIVE, "a positive integer or a list of them")
_MARGIN = one_or_list(_NON_NEGATIVE, "an integer that is not negative, or a list of them")
_SIZE_OR_SYMBOL = or_symbol(_POSITIVE, "a positive integer or a symbol")
_FREE = or_number(_SIZE_OR_SYMBOL, -1, "a positive integer, a symbol, or -1 for what is left")
_KEPT = or_null(_POSITIVE, "a positive integer, or none for the input's size")

_INTEGER = integer(-MAX_INT, "an integer")

Integer = Annotated[int, _INTEGER]
OptionalInteger = Annotated[int | None, or_null(_INTEGER, "an integer, or none")]
PositiveInt = Annotated[int, _POSITIVE]
NonNegativeInt = Annotated[int, _NON_NEGATIVE]

# One number for all space axes, or a list with one for each.
Size = Annotated[int | tuple[int, ...], _SIZE]
OptionalSize = Annotated[int | tuple[int, ...] | None, or_null(_SIZE, "a positive integer or a list of them, or none")]
OutputSize = Annotated[
    int | tuple[int | None, ...],
    one_or_list(_POSITIVE, "a positive integer, or a list of them (none keeps the input's size)", entry=_KEPT),
]
Margin = Annotated[int | tuple[int, ...], _MARGIN]
Padding = Annotated[
    int | tuple[int, ...] | str,
    or_word(_MARGIN, "same", "valid", expected="an integer that is not negative, a list of them, `same` or `valid`"),
]

# Axes are counted as in PyTorch: 0 is the batch, which no layer may name, and -1 the last. A symbol names the one axis
# whose size depends on it (`resolve_axis`).
Axis = Annotated[int | str, _AXIS]
OptionalAxis = Annotated[int | str | None, or_null(_AXIS, "the number of an axis, a symbol, or none")]
_AXES = one_or_list(_AXIS, "the number of an axis, a symbol, or a list of them")
Axes = Annotated[
    int | str | tuple[int | str, ...] | None, or_null(_AXES, "the number of an axis, a symbol, a list of them, or none")
]
Permutation = Annotated[
    tuple[int | str, ...],
    list_of(_AXIS, "a list of the numbers (or symbols) of all axes, each once", distinct=True),
]

# A size may be the name of a symbol of the input's shape (`resolve_sizes`).
SizeOrSymbol = Annotated[int | str, _SIZE_OR_SYMBOL]
OptionalSizesOrSymbols = Annotated[
    int | str | tuple[int | str, ...] | None,
    or_null(one_or_list(_SIZE_OR_SYMBOL, "a size or a list of them"), "a positive integer, a symbol, a list, or none"),
]
Shape = Annotated[tuple[int | str, ...], list_of(_FREE, "a list of sizes, one of which may be -1 (what is left)")]
# Axes of which one at least is named, each once.
NormalizedAxes = Annotated[int | str | tuple[int | str, ...], _AXES]

OptionalIndex = Annotated[int | None, or_null(_NON_NEGATIVE, "an integer that is not negative, or none")]

# One integer, or one for each of several axes; pairs from the last axis backward.
Integers = Annotated[int | tuple[int, ...], one_or_list(_INTEGER, "an integer or a list of them")]
Indices = Annotated[
    tuple[int, ...], list_of(_NON_NEGATIVE, "a list of integers that are not negative", most=MAX_VALUES)
]
Pairs = Annotated[tuple[int, ...], list_of(_INTEGER, "a list of integers", least=2)]
# The shape of one sample, which may have no axes.
_SIZES = list_of(_POSITIVE, "a list of positive integers", least=0)
Sizes = Annotated[tuple[int, ...], _SIZES]
OptionalSizes = Annotated[tuple[int, ...] | None, or_null(_SIZES, "a list of positive integers, or none")]

OptionalPositiveInt = Annotated[int | None, or_null(_POSITIVE, "a positive integer, or none")]

Float = Annotated[float, number(-MAX_FLOAT, "a finite number")]
PositiveFloat = Annotated[float, number(0, "a positive finite number", above=True)]
NonNegativeFloat = Annotated[float, number(0, "a finite number that is not negative")]
OptionalScale = Annotated[
    float | tuple[float, ...] | None,
    or_null(
        one_or_list(number(0, "a positive finite number", above=True), "a positive finite number or a list of them"),
        "a positive finite number or a list of them, or none",
    ),
]
OptionalFloat = Annotated[float | None, or_null(number(-MAX_FLOAT, ""), "a finite number, or none")]
OptionalPositiveFloat = Annotated[float | None, or_null(number(0, "", above=True), "a positive finite number, or none")]
Probability = Annotated[float, number(0, "a number from 0 to 1", high=1)]
OptionalProbability = Annotated[float | None, or_null(number(0, "", high=1), "a number from 0 to 1, or none")]

# A tensor written down.
Numbers = Annotated[
    Any, nested_lists(number(-MAX_FLOAT, "a finite number"), "a number, or equally long lists of numbers")
]
