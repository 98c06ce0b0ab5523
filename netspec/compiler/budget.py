"""Budgets on the meaning of a spec, that a caller may raise and no spec can (reliability.md B)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from netspec.diagnostics import Report, Span
from netspec.ir import Node
from netspec.lang.reader import Limits
from netspec.ops.base import Op

#: How deep blocks, other specs and groups stand in each other. No limit of a caller's: Python's stack bounds it.
MAX_DEPTH = 64

# Copies that differ in nothing but shapes may shrink from one to the next: how far a product of counts may be off.
_TOLERANCE = 1_000
# How far a projection from the first copies must be beyond the limit to be believed.
_MARGIN = 4


class OutOfBudget(Exception):
    """Elaboration must stop; why is reported."""


@dataclass(slots=True, eq=False, repr=False)
class Budget:
    """Counts what a network has so far, through all blocks, repeats and files."""

    limits: Limits
    layers: int = 0
    params: int = 0
    # The product of the repeats around the layer at hand whose copies do not depend on a variable.
    _around: int = 1

    def enter(self, span: Span, report: Report) -> None:
        """Count one more layer, with what stands in its place if it is left out.

        Raises:
            OutOfBudget: there are too many; `too-large` is reported.
        """
        self.layers += 1
        if self.layers > self.limits.graph_nodes:
            refuse_nodes(self.layers, self.limits, span, report)

    def spend(self, node: Node, span: Span, report: Report) -> None:
        """Count the parameters of a node.

        Raises:
            OutOfBudget: there are too many; `too-large` is reported.
        """
        if node.owner is not None:
            return
        assert isinstance(node.op, Op)
        params = node.op.params(*(value.type for value in node.inputs))
        self.params += sum(param.numel for name, param in params.items() if name not in node.ties)
        self._check_params(self.params, span, report)

    @contextmanager
    def copies(self, count: int, span: Span, report: Report, *, equal: bool) -> Iterator[None]:
        """Around the copies of a repeat; `equal` where no variable tells them apart.

        Raises:
            OutOfBudget: it and the repeats around it multiply to too many layers.
        """
        most = self.limits.graph_nodes
        if self.layers + count > most:
            refuse_nodes(self.layers + count, self.limits, span, report)
        outer = self._around
        self._around *= max(1, count) if equal else 1
        if self._around > most * _TOLERANCE:
            refuse_nodes(self._around, self.limits, span, report)
        yield
        self._around = outer

    def project(self, before: int, done: int, left: int, span: Span, report: Report) -> None:
        """Refuse a repeat whose `done` copies, since there were `before` parameters, let expect far too many.

        Raises:
            OutOfBudget: the `left` copies that follow would have to shrink to nothing to stay within the limit.
        """
        expected = self.params + (self.params - before) * left // done
        if expected > self.limits.params * _MARGIN:
            self._check_params(expected, span, report)

    def foresee(self, before: tuple[int, int], left: int, span: Span, report: Report) -> None:
        """Refuse a repeat whose `left` further copies are the same as the last one.

        Args:
            before: The layers and the parameters there were before the last copy.
            left: How many copies follow.
            span: The place of the repeat.
            report: Takes `too-large`.

        Raises:
            OutOfBudget: there would be too many layers or parameters.
        """
        layers, params = before
        total = self.layers + (self.layers - layers) * left
        if total > self.limits.graph_nodes:
            refuse_nodes(total, self.limits, span, report)
        self._check_params(self.params + (self.params - params) * left, span, report)

    def _check_params(self, count: int, span: Span, report: Report) -> None:
        most = self.limits.params
        if count > most:
            message = f"the network would have {count:,} parameters or more; the limit is {most:,}"
            report.error("too-large", message, span, help="a caller may raise the limit: `--max-params`")
            raise OutOfBudget


def refuse_nodes(count: int, limits: Limits, span: Span, report: Report, notes: tuple[str, ...] = ()) -> None:
    """Report that a network has too many layers.

    Raises:
        OutOfBudget: always.
    """
    message = f"the network would have {count:,} layers or more; the limit is {limits.graph_nodes:,}"
    report.error("too-large", message, span, notes=notes, help="a caller may raise the limit: `--max-layers`")
    raise OutOfBudget


def refuse_depth(span: Span, report: Report) -> None:
    """Report that blocks stand too deep in each other.

    Raises:
        OutOfBudget: always.
    """
    message = f"blocks, specs and groups stand deeper than {MAX_DEPTH} in each other"
    report.error("too-large", message, span, help="write the chain out, or use `repeat`")
    raise OutOfBudget
