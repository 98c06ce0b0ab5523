"""`augment:` of a train section -> augmentations by input, every mistake at its place."""

from __future__ import annotations

from collections.abc import Collection

from netspec.data.augment import AUGMENTATIONS, Augmentation, Mixing
from netspec.data.augment.pipeline import Listed
from netspec.data.preprocess.step import ImageStep
from netspec.data.preprocess.steps import STEPS
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang import form
from netspec.lang.bind import bind
from netspec.lang.nodes import Mapping, Node, Sequence, describe, is_null

#: Augmentations, and the preprocessing steps that may stand among them.
LISTED: dict[str, type[Augmentation | Mixing | ImageStep]] = {
    **AUGMENTATIONS,
    **{name: step for name, step in STEPS.items() if issubclass(step, ImageStep)},
}
MAINS = {name: entry.main for name, entry in LISTED.items()}


def bind_augment(node: Node | None, inputs: Collection[str], report: Report) -> dict[str, tuple[Listed, ...]]:
    """The augmentations of each input; those with a mistake are left out.

    Args:
        node: What stands in the spec.
        inputs: Names of the network's inputs.
        report: Takes `unknown-name`, `unknown-training`, `wrong-type` and what `bind` reports.
    """
    if node is None or is_null(node):
        return {}
    if not isinstance(node, Mapping):
        message = f"`augment` is a mapping from inputs to lists, `{{image: [...]}}`, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return {}
    found: dict[str, tuple[Listed, ...]] = {}
    is_mixed = False
    for key, value in node:
        if key.text not in inputs:
            message = f"no input is called `{key.text}`"
            report.error("unknown-name", message, key.span, help=did_you_mean(key.text, inputs))
            continue
        items = value.items if isinstance(value, Sequence) else (value,)
        listed = [_entry(item, report) for item in items]
        found[key.text] = tuple(each for each in listed if each is not None)
        if any(isinstance(each, Mixing) for each in listed):
            if is_mixed:
                report.error("bad-training", "samples are mixed in one input only", value.span)
            is_mixed = True
    return found


def _entry(node: Node, report: Report) -> Listed | None:
    key, argument = form.named(node)
    if key is None:
        message = f"an augmentation is a name, or one name with its arguments, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    model = LISTED.get(key.text)
    if model is None:
        message = f"no augmentation is called `{key.text}`"
        report.error("unknown-training", message, key.span, help=did_you_mean(key.text, LISTED))
        return None
    return bind(model, argument, report, span=key.span, what=f"the augmentation {key.text}", main=model.main)
