"""Spanned tree -> document: the form of a spec, checked without knowing any op."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from pathlib import PurePath

from netspec.diagnostics import Report, Source, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.document import Document, InputDecl, LayerDecl, Reference
from netspec.lang.names import check_input_name, check_layer_name
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null, shorten

VERSION = 1

# In the order in which a spec has them.
TOP_KEYS = (
    "netspec", "name", "doc", "source", "extends", "args", "dims", "vocabs", "inputs", "init", "blocks", "layers",
    "outputs", "generate", "expect", "train", "export", "weights",
)  # fmt: skip
MODIFIERS = ("name", "from", "repeat", "when", "only", "each", "init", "tie", "freeze")
STRUCTURAL = ("sequence", "parallel", "call", "op", "use", "scan", "calc", "param", "buffer", "constant")

_LATER_KEYS = frozenset({"extends", "args", "dims", "vocabs", "init", "blocks", "generate", "weights"})
_LATER_MODIFIERS = frozenset(MODIFIERS) - {"name", "from"}


def structure(root: Node, source: Source, report: Report) -> Document | None:
    """Read the form of a spec; what is wrong goes to `report`. None if nothing can be made of it."""
    if not isinstance(root, Mapping):
        report.error("wrong-type", f"a spec is a mapping with the key `netspec`, got {describe(root)}", _start(root))
        return None
    return _Structure(source, report).document(root)


class _Structure:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report

    def document(self, root: Mapping) -> Document | None:
        self._check_keys(root)
        self._check_version(root)
        inputs = self._inputs(root)
        if not self._required(root, "layers"):
            return None
        layers = self._chain(root.get("layers"), "layers")
        if layers is None:
            return None
        return Document(
            source=self._source,
            root=root,
            name=self._name(root),
            doc=self._text(root, "doc"),
            origin=self._text(root, "source"),
            inputs=inputs,
            layers=layers,
            outputs=self._outputs(root.get("outputs")),
            expect=self._section(root, "expect"),
            train=self._section(root, "train"),
            export=self._section(root, "export"),
        )

    def _check_keys(self, root: Mapping) -> None:
        for key, _ in root:
            if key.text not in TOP_KEYS:
                message = f"a spec has no key `{shorten(key.text)}`"
                self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, TOP_KEYS))
            elif key.text in _LATER_KEYS:
                self._later(key, "key")

    def _later(self, key: Scalar, kind: str) -> None:
        message = f"the {kind} `{key.text}` is part of the language, but this release does not read it yet"
        self._report.error("not-supported", message, key.span)

    def _check_version(self, root: Mapping) -> None:
        node = root.get("netspec")
        if node is None:
            self._report.error("version", "the language version is missing", _start(root), help="add `netspec: 1`")
        elif not (isinstance(node, Scalar) and node.value == VERSION and type(node.value) is int):
            message = f"language version {describe(node)} is not known; this netspec reads version {VERSION}"
            self._report.error("version", message, node.span)

    def _required(self, root: Mapping, key: str) -> bool:
        if key in root:
            return True
        self._report.error("missing-key", f"a spec needs `{key}`", _start(root))
        return False

    def _name(self, root: Mapping) -> str:
        node = root.get("name")
        if node is None:
            stem = PurePath(self._source.name).stem
            return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)[:64] or "network"
        if not isinstance(node, Scalar):
            self._report.error("wrong-type", f"`name` is a word, got {describe(node)}", node.span)
            return "network"
        return node.text if check_layer_name(node, self._report) else "network"

    def _text(self, root: Mapping, key: str) -> str:
        node = root.get(key)
        if node is None or is_null(node):
            return ""
        if not isinstance(node, Scalar):
            self._report.error("wrong-type", f"`{key}` is a text, got {describe(node)}", node.span)
            return ""
        return node.text.strip()

    def _section(self, root: Mapping, key: str) -> Mapping | None:
        node = root.get(key)
        if node is None or isinstance(node, Mapping):
            return node
        if key == "expect" and isinstance(node, Sequence):
            self._report.error("not-supported", "a list of cases in `expect` needs arguments to set", node.span)
        else:
            self._report.error("wrong-type", f"`{key}` is a mapping, got {describe(node)}", node.span)
        return None

    def _inputs(self, root: Mapping) -> dict[str, InputDecl | None]:
        if not self._required(root, "inputs"):
            return {}
        node = root.get("inputs")
        if not isinstance(node, Mapping) or len(node) == 0:
            message = f"`inputs` is a mapping of names to shapes, got {describe(node) if node else 'nothing'}"
            self._report.error("wrong-type", message, root.key("inputs").span, help="inputs: {image: [1, 28, 28]}")
            return {}
        return {key.text: self._input(key, value) for key, value in node if check_input_name(key, self._report)}

    def _input(self, key: Scalar, value: Node) -> InputDecl | None:
        if isinstance(value, Sequence):
            return InputDecl(key, value)
        if not isinstance(value, Mapping):
            message = f"the input `{shorten(key.text)}` is a shape such as [1, 28, 28], got {describe(value)}"
            self._report.error("wrong-type", message, value.span)
            return None
        known = ("shape", "dtype", "preprocess", "below", "only", "sample")
        for inner, _ in value:
            if inner.text not in known:
                message = f"an input has no key `{shorten(inner.text)}`"
                self._report.error("unknown-key", message, inner.span, help=did_you_mean(inner.text, known))
            elif inner.text in ("below", "only", "sample"):
                self._later(inner, "key")
        shape, dtype = value.get("shape"), value.get("dtype")
        if not isinstance(shape, Sequence):
            self._report.error("missing-key", f"the input `{key.text}` needs a list as its `shape`", key.span)
            return None
        if dtype is not None and not isinstance(dtype, Scalar):
            self._report.error("wrong-type", f"`dtype` is a word, got {describe(dtype)}", dtype.span)
            return None
        return InputDecl(key, shape, dtype, value.get("preprocess"))

    def _chain(self, node: Node | None, what: str) -> tuple[LayerDecl | None, ...] | None:
        if not isinstance(node, Sequence):
            if node is not None:
                self._report.error("wrong-type", f"`{what}` is a list of layers, got {describe(node)}", node.span)
            return None
        if len(node) == 0:
            self._report.error("missing-key", f"`{what}` is an empty list", node.span)
        return tuple(self._layer(item) for item in node)

    def _layer(self, node: Node) -> LayerDecl | None:
        if isinstance(node, Scalar):
            return self._word(node)
        if isinstance(node, Sequence):
            self._report.error("bad-layer", "a layer is a word or a mapping, got a list", node.span)
            return None
        keys = [key for key, _ in node if key.text not in MODIFIERS]
        for key, _ in node:
            if key.text in _LATER_MODIFIERS:
                self._later(key, "modifier")
        if len(keys) != 1:
            self._not_one_op(node, keys)
            return None
        return self._mapping(node, keys[0])

    def _word(self, node: Scalar) -> LayerDecl | None:
        if not isinstance(node.value, str):
            self._report.error("bad-layer", f"a layer is a word or a mapping, got {describe(node)}", node.span)
            return None
        return LayerDecl(node.span, node)

    def _not_one_op(self, node: Mapping, keys: list[Scalar]) -> None:
        if not keys:
            self._report.error("bad-layer", "this layer has no op", _start(node), help="add one, such as `linear: 10`")
            return
        words = ", ".join(f"`{shorten(key.text)}`" for key in keys[:4])
        close = next((did_you_mean(k.text, MODIFIERS) for k in keys if _is_near_modifier(k.text)), None)
        help = close or "give each layer its own list item; an op's attributes stand below the op: `conv: {...}`"
        self._report.error(
            "bad-layer", f"a layer has one op, this one has {len(keys)}: {words}", keys[1].span, help=help
        )

    def _mapping(self, node: Mapping, key: Scalar) -> LayerDecl | None:
        name = node.get("name")
        if name is not None and not isinstance(name, Scalar):
            self._report.error("wrong-type", f"`name` is a word, got {describe(name)}", name.span)
            return None
        if name is not None and not check_layer_name(name, self._report):
            return None
        reads = self._reads(node)
        argument = node.get(key.text)
        body = None
        if key.text == "sequence":
            body = self._chain(argument, "sequence")
            if body is None:
                return None
        span = node.key("from").span if "from" in node else None
        return LayerDecl(node.span, key, None if is_null(argument) else argument, name, reads, span, body)

    def _reads(self, node: Mapping) -> tuple[Reference, ...] | MappingOf[str, Reference] | None:
        value = node.get("from")
        if value is None:
            return None
        if isinstance(value, Mapping):
            found = {key.text: self._reference(child) for key, child in value}
            return {port: reference for port, reference in found.items() if reference is not None}
        items = value.items if isinstance(value, Sequence) else (value,)
        references = tuple(self._reference(item) for item in items)
        if not references:
            self._report.error("wrong-inputs", "`from` names no layer", value.span)
            return None
        return tuple(reference for reference in references if reference is not None)

    def _reference(self, node: Node) -> Reference | None:
        if isinstance(node, Scalar) and node.text:
            return Reference(node.text, node.span)
        self._report.error(
            "wrong-type", f"a reference is the name of a layer or input, got {describe(node)}", node.span
        )
        return None

    def _outputs(self, node: Node | None) -> dict[str, Reference] | None:
        if node is None or is_null(node):
            return None
        if isinstance(node, Mapping):
            named = {key.text: self._reference(child) for key, child in node if check_layer_name(key, self._report)}
        else:
            items = node.items if isinstance(node, Sequence) else (node,)
            found = [self._reference(item) for item in items]
            named = {reference.text: reference for reference in found if reference is not None}
        return {name: reference for name, reference in named.items() if reference is not None} or None


def _is_near_modifier(text: str) -> bool:
    return (did_you_mean(text, MODIFIERS) or "").startswith("did you mean")


def _start(node: Node) -> Span:
    """The first line of a node: carets under a whole file explain nothing."""
    return Span(node.span.source, node.span.start, min(node.span.start + 1, node.span.end))
