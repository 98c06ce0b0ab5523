"""Types of augmentations' attributes."""

from collections.abc import Callable
from typing import Any

from netspec.ops.attributes import MAX_FLOAT, Domain, Refusal, number


def interval(low: float, expected: str, *, high: float = MAX_FLOAT, above: bool = False) -> Domain:
    """Two numbers, the first not larger than the second."""
    item = number(low, "", high=high, above=above)

    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return Refusal("wrong-type")
        items = tuple(map(item.read, value))
        wrong = len(items) != 2 or any(isinstance(found, Refusal) for found in items) or items[0] > items[1]
        return Refusal("wrong-value") if wrong else items

    return Domain(expected, read, {"type": "array", "items": item.schema, "minItems": 2, "maxItems": 2})


def spread(around: Callable[[float], tuple[float, float]], item: Domain, pairs: Domain, expected: str) -> Domain:
    """One number, which stands for the interval that `around` makes of it, or an interval."""

    def read(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return pairs.read(value)
        found = item.read(value)
        return found if isinstance(found, Refusal) else around(found)

    return Domain(expected, read, {"anyOf": [item.schema, pairs.schema]})


SHARES = interval(0, "a list of two numbers from 0 to 1, the smaller first", high=1, above=True)
RATIOS = interval(0, "a list of two positive numbers, the smaller first", above=True)
