"""Parameters that layers share: calls must fit the parameters of their owner, ties those of the layer they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Node, TensorType, Tie
from netspec.lang.nodes import Mapping, Scalar, describe, shorten
from netspec.lang.nodes import Node as Tree
from netspec.ops.base import Op, Param


@dataclass(frozen=True, slots=True)
class _Use:
    op: Op
    ranks: tuple[int, ...]
    params: dict[str, Param]


@dataclass(slots=True, eq=False, repr=False)
class State:
    """What all layers so far own: by `path.parameter` the state-dict key and the parameter, by path the first use."""

    owned: dict[str, tuple[str, Param]] = field(default_factory=dict)
    _uses: dict[str, _Use] = field(default_factory=dict)

    def keep(self, node: Node, report: Report) -> bool:
        """Record a node's parameters. False, and `shape-mismatch`, where an earlier use of the same layer differs."""
        assert isinstance(node.op, Op)
        types = [value.type for value in node.inputs]
        params = dict(node.op.params(*types))
        owner = node.owner or node.path
        use = _Use(*node.op.owned_as(*types), params)
        first = self._uses.setdefault(owner, use)
        if first != use:
            report.error("shape-mismatch", _difference(owner, first, use), node.span)
            return False
        for name, param in params.items():
            self.owned[f"{node.path}.{name}" if name else node.path] = (node.key(name), param)
        return True

    def ties(
        self, section: Mapping, op: Op, types: Sequence[TensorType], prefix: str, report: Report
    ) -> dict[str, Tie] | None:
        """The ties of a layer whose `tie` is `section`; None if one of them failed."""
        params = op.params(*types)
        found: dict[str, Tie] = {}
        for key, value in section:
            if key.text not in params or params[key.text].buffer:
                message = f"`{op.name}` has no parameter `{shorten(key.text)}` to tie"
                report.error("unknown-key", message, key.span, help=did_you_mean(key.text, params))
                return None
            tie = self._tie(value, params[key.text], prefix, report)
            if tie is None:
                return None
            found[key.text] = tie
        return found

    def _tie(self, node: Tree, param: Param, prefix: str, report: Report) -> Tie | None:
        target, transpose = _target(node, report)
        if target is None:
            return None
        # Names are those of the chain, then those of the whole file.
        scopes = [prefix[: end + 1] for end in range(len(prefix)) if prefix[end] == "."][::-1]
        names = [f"{scope}{target.text}" for scope in (*scopes, "")]
        known = next((name for name in names if name in self.owned), None)
        if known is None:
            help = did_you_mean(target.text, self.owned)
            message = f"no layer above has the parameter `{shorten(target.text)}`"
            report.error("unknown-name", message, target.span, help=help)
            return None
        key, other = self.owned[known]
        shape = other.shape[::-1] if transpose else other.shape
        if shape != param.shape or (transpose and len(shape) != 2):
            turned = ", transposed" if transpose else ""
            message = f"a tied parameter of {list(param.shape)} cannot be `{known}` of {list(other.shape)}{turned}"
            report.error("shape-mismatch", message, target.span)
            return None
        return Tie(key, transpose)


def _target(node: Tree, report: Report) -> tuple[Scalar | None, bool]:
    if isinstance(node, Scalar):
        return node, False
    if isinstance(node, Mapping) and isinstance(target := node.get("to"), Scalar):
        turn = node.get("transpose")
        strange = [key for key, _ in node if key.text not in ("to", "transpose")]
        if not strange and (turn is None or (isinstance(turn, Scalar) and isinstance(turn.value, bool))):
            return target, isinstance(turn, Scalar) and bool(turn.value)
    message = f"a tie names a parameter, `embed.weight` or {{to: embed.weight, transpose: true}}, got {describe(node)}"
    report.error("wrong-type", message, node.span)
    return None, False


def _difference(owner: str, first: _Use, use: _Use) -> str:
    for name, param in first.params.items():
        other = use.params.get(name)
        if other is not None and other.shape != param.shape:
            return f"`{name}` of `{owner}` is {list(param.shape)}; here it would be {list(other.shape)}"
    if first.op != use.op:
        return f"`{owner}` is another {first.op.name} here: its attributes depend on what it reads"
    return f"`{owner}` reads inputs of {first.ranks} axes; here they have {use.ranks}"
