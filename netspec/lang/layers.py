"""The form of layers, chains, parallels and blocks, without knowing any op."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang import form
from netspec.lang.document import Branch, LayerDecl, Layers, Parallel, Reads, Reference, RepeatDecl
from netspec.lang.names import check_layer_name, check_output_name
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null, shorten

MODIFIERS = ("name", "from", "repeat", "when", "only", "each", "init", "tie", "freeze")
STRUCTURAL = ("sequence", "parallel", "call", "op", "use", "scan", "calc")
# Keys that stand beside a structural one and belong to it.
BESIDE = {"parallel": ("join",), "use": ("until", "args", "weights")}


@dataclass(frozen=True, slots=True)
class LayerReader:
    """Reads layers; what is wrong goes to `report`, and None stands in its place."""

    report: Report

    def chain(self, node: Node | None, what: str, *, may_be_empty: bool = False) -> Layers | None:
        """A list of layers."""
        if node is not None and is_null(node):
            self.report.error("missing-key", f"`{what}` has no layers", node.span, help="it is a list, an item each")
            return None
        found = form.sequence(node, f"`{what}`", self.report)
        if found is None:
            return None
        if len(found) == 0 and not may_be_empty:
            self.report.error("missing-key", f"`{what}` is an empty list", found.span)
        return tuple(self.layer(item) for item in found)

    def layer(self, node: Node) -> LayerDecl | None:
        """A word, or a mapping of one op and modifiers."""
        if isinstance(node, Mapping):
            key = self._key(node)
            return None if key is None else self._mapping(node, key)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return LayerDecl(node.span, node)
        self.report.error("bad-layer", f"a layer is a word or a mapping, got {describe(node)}", node.span)
        return None

    def _key(self, node: Mapping) -> Scalar | None:
        keys = [key for key, _ in node if key.text not in MODIFIERS]
        owned = {name for key in keys for name in BESIDE.get(key.text, ())}
        keys = [key for key in keys if key.text not in owned]
        if len(keys) == 1:
            return keys[0]
        self._not_one_op(node, keys)
        return None

    def _not_one_op(self, node: Mapping, keys: list[Scalar]) -> None:
        if not keys:
            help = "add one, such as `linear: 10`"
            self.report.error("bad-layer", "this layer has no op", form.first_of(node), help=help)
            return
        words = ", ".join(f"`{shorten(key.text)}`" for key in keys[:4])
        close = next((did_you_mean(k.text, MODIFIERS) for k in keys if _is_near_modifier(k.text)), None)
        help = close or "give each layer its own list item; an op's attributes stand below the op: `conv: {...}`"
        message = f"a layer has one op, this one has {len(keys)}: {words}"
        self.report.error("bad-layer", message, keys[1].span, help=help)

    def _mapping(self, node: Mapping, key: Scalar) -> LayerDecl | None:
        name = form.scalar(node.get("name"), "`name`", self.report)
        if name is None and "name" in node:
            if is_null(node.get("name")):
                self.report.error("wrong-type", "`name` is a word or a number, got nothing", node.key("name").span)
            return None
        if name is not None and "{" not in name.text and not check_layer_name(name, self.report):
            return None
        argument = node.get(key.text)
        body = self.chain(argument, "sequence") if key.text == "sequence" else None
        parallel = self.parallel(node, key.text) if key.text == "parallel" else None
        if (key.text == "sequence" and body is None) or (key.text == "parallel" and parallel is None):
            return None
        reads = self._reads(node)
        if reads is None and "from" in node:
            return None
        return LayerDecl(
            node.span,
            key,
            None if is_null(argument) else argument,
            name,
            reads,
            node.key("from").span if "from" in node else None,
            body,
            parallel,
            self._repeat(node),
            form.scalar(node.get("when"), "`when`", self.report),
            form.only_train(node.get("only"), "layer", self.report),
            form.flag(node.get("freeze"), "`freeze`", self.report),
            node.get("init"),
            form.mapping(node.get("tie"), "`tie`", self.report),
            {name: value for name in BESIDE.get(key.text, ()) if (value := node.get(name)) is not None},
            form.scalar(node.get("each"), "`each`", self.report),
        )

    def _repeat(self, node: Mapping) -> RepeatDecl | None:
        value = node.get("repeat")
        if value is None or is_null(value):
            return None
        span = node.key("repeat").span
        if isinstance(value, Scalar):
            return RepeatDecl(span, value)
        if isinstance(value, Sequence) or len(value) == 0:
            message = f"`repeat` is a number, or variables with a number or a list each, got {describe(value)}"
            self.report.error("wrong-type", message, value.span, help="repeat: {width: [64, 128]}")
            return None
        named = [(key, item) for key, item in value if form.is_identifier(key, "the variable", self.report)]
        return RepeatDecl(span, variables=tuple(named))

    def _reads(self, node: Mapping) -> Reads | None:
        """What `from` says; None where it says nothing, or has a mistake."""
        value = node.get("from")
        if value is None:
            return None
        if isinstance(value, Mapping):
            found = {key.text: self.reference(child) for key, child in value}
            named = {port: reference for port, reference in found.items() if reference is not None}
            return named if len(named) == len(found) else None
        items = value.items if isinstance(value, Sequence) else (value,)
        references = tuple(self.reference(item) for item in items)
        if not references:
            self.report.error("wrong-inputs", "`from` names no layer", value.span)
            return None
        fine = tuple(reference for reference in references if reference is not None)
        return fine if len(fine) == len(references) else None

    def reference(self, node: Node) -> Reference | None:
        """The name of a layer or input."""
        if isinstance(node, Scalar) and node.text:
            return Reference(node.text, node.span)
        message = f"a reference is the name of a layer or input, got {describe(node)}"
        self.report.error("wrong-type", message, node.span)
        return None

    def outputs(self, node: Node | None) -> dict[str, Reference] | None:
        """Names of outputs with what they refer to; a name or a list names layers by themselves."""
        if node is None or is_null(node):
            return None
        if isinstance(node, Mapping):
            named = {key.text: self.reference(child) for key, child in node if check_output_name(key, self.report)}
        else:
            items = node.items if isinstance(node, Sequence) else (node,)
            found = [self.reference(item) for item in items]
            named = {reference.text: reference for reference in found if reference is not None}
        if not isinstance(node, Scalar) and not len(node):
            self.report.error("missing-key", "`outputs` names no layer", node.span)
        return {name: reference for name, reference in named.items() if reference is not None} or None

    def parallel(self, node: Mapping, what: str) -> Parallel | None:
        """The branches of `parallel` in a layer or a block, with their `join`."""
        written = node.get("parallel")
        found = form.mapping(written, "`parallel`", self.report)
        if found is None and not (written is None or is_null(written)):
            return None
        if found is None or len(found) == 0:
            span = node.key("parallel").span
            self.report.error("missing-key", "`parallel` needs branches, a name each", span)
            return None
        named = [(key, value) for key, value in found if check_layer_name(key, self.report)]
        branches = [self._branch(key, value) for key, value in named]
        if None in branches or len(branches) < len(found):
            return None
        written = node.get("join")
        join = None if written is None or is_null(written) else self.layer(written)
        if join is None and not (written is None or is_null(written)):
            return None
        return Parallel(node.key("parallel").span, tuple(branch for branch in branches if branch is not None), join)

    def _branch(self, name: Scalar, node: Node) -> Branch | None:
        if isinstance(node, Sequence):
            layers = self.chain(node, name.text, may_be_empty=True)
            return None if layers is None else Branch(name, layers, is_single=False)
        layer = self.layer(node)
        beside = layer is not None and (layer.name or layer.repeat or layer.when)
        if layer is not None and beside:
            message = f"the branch `{name.text}` is this layer, and has its name, once"
            help = f"make the branch a list: `{name.text}: [...]`"
            self.report.error("bad-layer", message, layer.key.span, help=help)
        return Branch(name, (layer,), is_single=True)


def _is_near_modifier(text: str) -> bool:
    return (did_you_mean(text, MODIFIERS) or "").startswith("did you mean")
