"""Words that `dims` makes a number: which attributes name axes is told by PyTorch's names for them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from netspec.compiler.fixed import is_axis, with_numbers
from netspec.ir import TensorType
from netspec.ops.base import OpError
from netspec.ops.registry import lookup, ops


def test_attributes_whose_numbers_may_be_negative_and_whose_words_are_free_are_axes() -> None:
    """An axis counts from the end too; a size cannot be -7."""
    for op in ops().values():
        for name in op.model_fields:
            if takes(op, name, "T") and not takes(op, name, "same_"):
                continue
            if takes(op, name, "some_word"):
                assert is_axis(name) == takes(op, name, -7), (op.name, name)


def takes(op: type, name: str, value: object) -> bool:
    """Whether the attribute takes the value, alone or in a list, whatever else is missing."""
    for each in (value, [value, 3], [value, 3, 4]):
        try:
            op.model_validate({name: each})  # type: ignore[attr-defined]
        except ValidationError as error:
            if any(each["loc"][0] == name for each in error.errors()):
                continue
        return True
    return False


def test_the_axis_is_the_one_of_that_size() -> None:
    softmax, resize = lookup("softmax"), lookup("interpolate")
    assert softmax is not None and resize is not None
    op = with_numbers(softmax.model_validate({"dim": "T"}), {"T": 16}, [TensorType((3, 16))])
    assert op.attributes() == {"dim": 2}
    op = with_numbers(resize.model_validate({"size": ["T", 8]}), {"T": 16}, [TensorType((3, 4, 4))])
    assert op.attributes() == {"size": (16, 8)}
    for shape, words in (((16, 16), "axes 1 and 2 have"), ((3, 4), "no axis has")):
        with pytest.raises(OpError, match=words):
            with_numbers(softmax.model_validate({"dim": "T"}), {"T": 16}, [TensorType(shape)])
