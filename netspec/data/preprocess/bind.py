"""`preprocess:` of a spec's inputs -> steps, every mistake at its place."""

from __future__ import annotations

from netspec.data.preprocess.pipeline import check
from netspec.data.preprocess.sample import StepError
from netspec.data.preprocess.steps import LATER, STEPS, Step
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, TensorType
from netspec.lang import form
from netspec.lang.bind import bind
from netspec.lang.document import Document
from netspec.lang.nodes import Node, Sequence, describe, is_null

Steps = tuple[Step, ...]


def preprocess(document: Document, graph: Graph, report: Report) -> dict[str, Steps]:
    """The steps of every input, by name; inputs with a mistake are left out.

    Args:
        document: Where the steps stand.
        graph: Its inputs' types, which the steps must be able to make.
        report: Takes `unknown-key`, `not-supported`, `wrong-type`, `wrong-value`, `bad-attribute`.
    """
    found: dict[str, Steps] = {}
    for value in graph.inputs:
        declared = document.inputs.get(value.name)
        node = declared.preprocess if declared is not None else None
        steps = bind_steps(node, report)
        if steps is not None and (node is None or _checked(steps, value.type, node, report)):
            found[value.name] = steps
    return found


def bind_steps(node: Node | None, report: Report) -> Steps | None:
    """A list of steps, or None if one of them is wrong."""
    if is_null(node):
        return ()
    if not isinstance(node, Sequence):
        assert node is not None, "null was handled above"
        report.error("wrong-type", f"`preprocess` is a list of steps, got {describe(node)}", node.span)
        return None
    steps = [_bind_step(item, report) for item in node]
    return None if None in steps else tuple(step for step in steps if step is not None)


def _bind_step(node: Node, report: Report) -> Step | None:
    key, argument = form.named(node)
    if key is None:
        message = f"a step is a name, or one name with its arguments, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    model = STEPS.get(key.text)
    if model is not None:
        return bind(model, argument, report, span=key.span, what=f"the step {key.text}", main=model.main)
    if key.text in LATER:
        report.error("not-supported", f"the step `{key.text}` is not in this release", key.span)
    else:
        message = f"no preprocessing step is called `{key.text}`"
        report.error("unknown-key", message, key.span, help=did_you_mean(key.text, STEPS))
    return None


def _checked(steps: Steps, input: TensorType, node: Node, report: Report) -> bool:
    try:
        check(steps, input)
    except StepError as error:
        report.error("bad-attribute", str(error), node.span)
        return False
    return True
