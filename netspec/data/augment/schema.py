"""The form of `augment:` for editors, from the declarations of what may stand there."""

from __future__ import annotations

from netspec.compiler.schema.ops import choice
from netspec.compiler.schema.parts import EXPRESSION, Schema, either
from netspec.data.augment.bind import LISTED, MAINS


def augment_schema() -> Schema:
    """For each input one augmentation, or a list of them."""
    one = either(choice(LISTED, MAINS), EXPRESSION)
    return {"type": ["object", "null"], "additionalProperties": either(one, {"type": "array", "items": one})}
