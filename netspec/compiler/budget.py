"""Budgets on the meaning of a spec, that a caller may raise and no spec can (reliability.md B)."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Report, Span
from netspec.ir import Node
from netspec.lang.reader import Limits
from netspec.ops.base import Op


class OutOfBudget(Exception):
    """Elaboration must stop; why is reported."""


@dataclass(slots=True, eq=False)
class Budget:
    """Counts what a network has so far, through all blocks, repeats and files."""

    limits: Limits
    nodes: int = 0
    params: int = 0

    def spend(self, node: Node, span: Span, report: Report) -> None:
        """Count one more node and its parameters.

        Raises:
            OutOfBudget: there are too many; `too-large` is reported.
        """
        self.nodes += 1
        if self.nodes > self.limits.graph_nodes:
            refuse_nodes(self.nodes, self.limits, span, report)
        if node.owner is None:
            assert isinstance(node.op, Op)
            params = node.op.params(*(value.type for value in node.inputs))
            self.params += sum(param.numel for name, param in params.items() if name not in node.ties)
        if self.params > self.limits.params:
            message = (
                f"the network has {self.params:,} parameters so far, more than the limit of {self.limits.params:,}"
            )
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
