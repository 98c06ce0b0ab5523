"""The ONNX operators of one operator set: which exist, and what their attributes are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import onnx
from onnx import AttributeProto, helper
from onnx.defs import OpSchema, SchemaError, get_schema

from netspec.diagnostics import ModelError

#: IR version 10 belongs to opsets 21 and 22; readers of it take all before. Below 17 there is no LayerNormalization.
IR_VERSION = 10
OPSETS = range(17, 23)
DEFAULT_OPSET = 20


class Operators:
    """Makes nodes of one operator set.

    Raises:
        ModelError: `onnx`, when netspec does not write this set.
    """

    def __init__(self, opset: int) -> None:
        if opset not in OPSETS:
            message = f"opset {opset} is outside {OPSETS[0]} to {OPSETS[-1]}"
            raise ModelError.at("opset", "onnx", message, help=f"the default is {DEFAULT_OPSET}")
        self.opset = opset

    def node(
        self, layer: str, op_type: str, name: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, Any]
    ) -> onnx.NodeProto:
        """A node; attributes that are None are left out.

        Raises:
            ModelError: `onnx`, when the set lacks the operator or this form of it; `layer` is named.
        """
        given = {key: value for key, value in attributes.items() if value is not None}
        schema = _schema(op_type, self.opset)
        if schema is None or not given.keys() <= schema.attributes.keys() or len(inputs) > schema.max_input:
            message = f"opset {self.opset} does not have the form of {op_type} that this layer needs"
            raise ModelError.at(layer, "onnx", message, help=f"export with opset {DEFAULT_OPSET} or above")
        node = onnx.NodeProto(op_type=op_type, name=name, input=inputs, output=outputs)
        node.attribute.extend(_attribute(schema, key, value) for key, value in sorted(given.items()))
        return node


@cache
def _schema(op_type: str, opset: int) -> OpSchema | None:
    try:
        return get_schema(op_type, opset)
    except SchemaError:
        return None


def _attribute(schema: OpSchema, key: str, value: Any) -> AttributeProto:
    # An integer where the operator wants a float (`alpha: 1`) would make an attribute of the wrong kind.
    kind = schema.attributes[key].type
    if kind == OpSchema.AttrType.FLOAT:
        value = float(value)
    elif kind == OpSchema.AttrType.FLOATS:
        value = [float(each) for each in value]
    return helper.make_attribute(key, value)
