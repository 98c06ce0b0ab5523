"""The page docs/data-reference.md, made from the declarations. `python -m netspec.data.reference` prints it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.data.augment import AUGMENTATIONS
from netspec.data.preprocess.steps import STEPS
from netspec.data.readers import READERS
from netspec.data.readers.base import Reader
from netspec.ops.attributes import Domain

HEAD = """# Data: the reference

Made from the declarations by `python -m netspec.data.reference`; do not edit. [data.md](data.md) explains how they
are used. Shapes are of one sample. **Bold** is the main attribute, which a value after the name sets.
"""


def reference() -> str:
    """The page, as Markdown."""
    parts = [
        HEAD,
        "\n## Readers\n\nEvery reader takes ", _common(), ".\n", *map(_entry, READERS.values()),
        "\n## Preprocessing\n", *map(_entry, STEPS.values()),
        "\n## Augmentations\n", *map(_entry, AUGMENTATIONS.values()),
    ]  # fmt: skip
    return "".join(parts)


def _common() -> str:
    return ", ".join(f"`{name}` ({_default(info)})" for name, info in Reader.model_fields.items())


def _entry(model: type[BaseModel]) -> str:
    lines = [f"\n### {model.name}\n", inspect.getdoc(model) or ""]  # type: ignore[attr-defined]
    own = {name: info for name, info in model.model_fields.items() if name not in _inherited(model)}
    if own:
        main = getattr(model, "main", None)
        lines += ["", "| attribute | default | |", "|---|---|---|", *_rows(own.items(), main)]
    return "\n".join(lines) + "\n"


def _inherited(model: type[BaseModel]) -> set[str]:
    return set(Reader.model_fields) if issubclass(model, Reader) else set()


def _rows(fields: Iterable[tuple[str, FieldInfo]], main: str | None) -> list[str]:
    rows = []
    for name, info in fields:
        shown = f"**`{name}`**" if name == main else f"`{name}`"
        expected = next((each.expected for each in info.metadata if isinstance(each, Domain)), "")
        rows.append(f"| {shown} | {_default(info)} | {expected or _kind(info)} |")
    return rows


def _default(info: FieldInfo) -> str:
    return "required" if info.is_required() else f"`{_yaml(info.default)}`"


def _kind(info: FieldInfo) -> str:
    """The words of a choice; nothing of other types."""
    words = getattr(info.annotation, "__args__", ())
    return ", ".join(f"`{word}`" for word in words if isinstance(word, str))


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
