"""Spanned tree -> document: the form of a spec, checked without knowing any op."""

from __future__ import annotations

from pathlib import PurePath

from netspec.diagnostics import Report, Source
from netspec.lang import form
from netspec.lang.arguments import arguments, dims, vocabs
from netspec.lang.document import BlockDecl, Document, InputDecl
from netspec.lang.layers import MODIFIERS, STRUCTURAL, LayerReader
from netspec.lang.names import check_input_name, check_layer_name
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null, shorten

VERSION = 1

# In the order in which a spec has them.
TOP_KEYS = (
    "netspec", "name", "doc", "source", "extends", "args", "dims", "vocabs", "inputs", "init", "blocks", "layers",
    "outputs", "generate", "expect", "weights", "train", "export",
)  # fmt: skip
INPUT_KEYS = ("shape", "dtype", "preprocess", "below", "only", "sample")
BLOCK_KEYS = ("args", "inputs", "parallel", "join", "layers", "outputs")

LATER_KEYS = frozenset({"generate"})


def structure(root: Node, source: Source, report: Report) -> Document | None:
    """Read the form of a spec; what is wrong goes to `report`. None if nothing can be made of it."""
    if not isinstance(root, Mapping):
        message = f"a spec is a mapping with the key `netspec`, got {describe(root)}"
        report.error("wrong-type", message, form.first_of(root))
        return None
    return _Structure(source, report).document(root)


class _Structure:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._layers = LayerReader(report)

    def document(self, root: Mapping) -> Document | None:
        self._check_keys(root)
        check_version(root, self._report)
        inputs = self._inputs(root)
        if not self._required(root, "layers"):
            return None
        layers = self._layers.chain(root.get("layers"), "layers")
        if layers is None:
            return None
        return Document(
            source=self._source,
            root=root,
            name=self._name(root),
            doc=self._text(root, "doc"),
            origin=self._text(root, "source"),
            args=arguments(root.get("args"), frozenset(TOP_KEYS), self._report),
            dims=dims(root.get("dims"), self._report),
            vocabs=vocabs(root.get("vocabs"), self._report),
            inputs=inputs,
            blocks=self._blocks(root.get("blocks")),
            layers=layers,
            outputs=self._layers.outputs(root.get("outputs")),
            init=form.sequence(root.get("init"), "`init`", self._report),
            expect=self._expect(root.get("expect")),
            weights=root.get("weights"),
            train=form.mapping(root.get("train"), "`train`", self._report),
            export=form.mapping(root.get("export"), "`export`", self._report),
        )

    def _check_keys(self, root: Mapping) -> None:
        form.check_keys(root, TOP_KEYS, "a spec", self._report)
        for key, _ in root:
            if key.text in LATER_KEYS:
                form.later(key, "key", self._report)

    def _required(self, root: Mapping, key: str) -> bool:
        if key in root:
            return True
        self._report.error("missing-key", f"a spec needs `{key}`", form.first_of(root))
        return False

    def _name(self, root: Mapping) -> str:
        node = form.scalar(root.get("name"), "`name`", self._report)
        if node is not None:
            return node.text if check_layer_name(node, self._report) else "network"
        stem = PurePath(self._source.name).stem
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)[:64] or "network"

    def _text(self, root: Mapping, key: str) -> str:
        node = form.scalar(root.get(key), f"`{key}`", self._report)
        return "" if node is None else node.text.strip()

    def _expect(self, node: Node | None) -> Node | None:
        if node is None or is_null(node) or isinstance(node, Mapping):
            return node
        if isinstance(node, Sequence) and all(isinstance(case, Mapping) for case in node):
            return node
        message = f"`expect` is a mapping, or a list of mappings, got {describe(node)}"
        self._report.error("wrong-type", message, node.span)
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
        form.check_keys(value, INPUT_KEYS, "an input", self._report)
        shape = value.get("shape")
        if not isinstance(shape, Sequence):
            self._report.error("missing-key", f"the input `{key.text}` needs a list as its `shape`", key.span)
            return None
        dtype = form.scalar(value.get("dtype"), "`dtype`", self._report)
        below = form.scalar(value.get("below"), "`below`", self._report)
        sample = form.scalar(value.get("sample"), "`sample`", self._report)
        only = form.only_train(value.get("only"), "input", self._report)
        return InputDecl(key, shape, dtype, value.get("preprocess"), below, only, sample)

    def _blocks(self, node: Node | None) -> dict[str, BlockDecl | None]:
        found = form.mapping(node, "`blocks`", self._report)
        return {key.text: self._block(key, value) for key, value in found or () if self._is_block_name(key)}

    def _is_block_name(self, key: Scalar) -> bool:
        if key.text in MODIFIERS or key.text in STRUCTURAL or key.text == "join":
            self._report.error("reserved-name", f"`{key.text}` is a word of the language", key.span)
            return False
        return form.is_identifier(key, "the block", self._report)

    def _block(self, key: Scalar, value: Node) -> BlockDecl | None:
        known = form.mapping(value, f"the block `{key.text}`", self._report)
        if known is None or not form.check_keys(known, BLOCK_KEYS, f"the block `{key.text}`", self._report):
            return None
        if "layers" not in known and "parallel" not in known:
            self._report.error("missing-key", f"the block `{key.text}` needs `layers` or `parallel`", key.span)
            return None
        parallel = self._layers.parallel(known, "parallel") if "parallel" in known else None
        layers = self._layers.chain(known.get("layers"), "layers") if "layers" in known else ()
        if layers is None or (parallel is None and "parallel" in known):
            return None
        return BlockDecl(
            name=key,
            args=arguments(known.get("args"), frozenset(TOP_KEYS), self._report),
            inputs=self._ports(known.get("inputs")),
            parallel=parallel,
            layers=layers,
            outputs=self._layers.outputs(known.get("outputs")),
        )

    def _ports(self, node: Node | None) -> tuple[Scalar, ...] | None:
        found = form.sequence(node, "`inputs` of a block", self._report)
        if found is None:
            return None
        ports = [form.scalar(item, "an input's name", self._report) for item in found]
        named = [port for port in ports if port is not None and check_input_name(port, self._report)]
        for index, port in enumerate(named):
            if port.text in {other.text for other in named[:index]}:
                self._report.error("duplicate-name", f"two inputs of the block are called `{port.text}`", port.span)
        return tuple(named) or None


def check_version(root: Mapping, report: Report) -> None:
    """Report `version` where the language version is missing or not this one."""
    node = root.get("netspec")
    if node is None:
        report.error("version", "the language version is missing", form.first_of(root), help="add `netspec: 1`")
    elif not (isinstance(node, Scalar) and node.value == VERSION and type(node.value) is int):
        message = f"language version {describe(node)} is not known; this netspec reads version {VERSION}"
        report.error("version", message, node.span)


__all__ = [
    "BLOCK_KEYS", "INPUT_KEYS", "LATER_KEYS", "TOP_KEYS", "VERSION", "check_version", "structure",
]  # fmt: skip
