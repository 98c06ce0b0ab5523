"""Types of attributes, with messages of their own. Sizes per axis take one number for all axes or a list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

PositiveInt = Annotated[int, Field(gt=0, le=2**31 - 1)]
