"""The form of an input's `preprocess:` for editors, from the steps' own declarations."""

from __future__ import annotations

from netspec.compiler.schema.ops import choice
from netspec.compiler.schema.parts import EXPRESSION, Schema, either
from netspec.data.preprocess.steps import STEPS


def preprocess_schema() -> Schema:
    """A list of steps, each a name or a name with its arguments."""
    mains = {name: step.main for name, step in STEPS.items()}
    return {"type": ["array", "null"], "items": either(choice(STEPS, mains), EXPRESSION)}
