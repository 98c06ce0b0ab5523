"""The whole schema: the keys of a spec, and the grammar of its layers that fits them."""

from __future__ import annotations

from netspec.compiler.schema.layers import GRAMMARS, layer_definitions
from netspec.compiler.schema.ops import init_definitions
from netspec.compiler.schema.parts import DEFINITIONS, Schema
from netspec.compiler.schema.sections import OPEN, section_definitions, sections
from netspec.ops.registry import known_ops

DRAFT = "http://json-schema.org/draft-07/schema#"

# Keys by which a file has names for blocks of its own.
_NAMING = ("blocks", "extends")


def json_schema(
    *, train: Schema | None = None, preprocess: Schema | None = None, export: Schema | None = None
) -> Schema:
    """The JSON Schema (draft-07) of the language.

    Args:
        train: The schema of `train:`, from the training configuration; without it any mapping is taken.
        preprocess: The schema of an input's `preprocess:`; without it any list is taken.
        export: The schema of `export:`; without it any mapping is taken.
    """
    given = {"train": train, "preprocess": preprocess, "export": export}
    higher = {name: schema or OPEN[name] for name, schema in given.items()}
    plain, with_blocks = GRAMMARS
    properties = sections(with_blocks, higher)
    own = sections(plain, higher)["layers"]
    described = {"markdownDescription": own["markdownDescription"]}
    return {
        "$schema": DRAFT,
        "title": "netspec",
        "type": "object",
        "required": ["netspec"],
        "additionalProperties": False,
        "properties": properties | {"layers": described},
        "allOf": [
            {
                "if": {"anyOf": [{"required": [key]} for key in _NAMING]},
                "then": {"properties": {"layers": properties["layers"]}},
                "else": {"properties": {"layers": own}},
            },
            {"if": {"required": ["extends"]}, "else": {"required": ["inputs", "layers"]}},
        ],
        "definitions": {
            **DEFINITIONS,
            **init_definitions(),
            **section_definitions(higher),
            **layer_definitions(known_ops()),
        },
    }
