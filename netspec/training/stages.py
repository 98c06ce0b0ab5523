"""`stages` of a section: networks with other arguments, trained one after the other on one set of named parameters."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from netspec.compiler.analyses import counts
from netspec.compiler.load import with_arguments
from netspec.compiler.spec import Spec
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.form import IDENTIFIER, mapping, scalar, sequence
from netspec.lang.nodes import Mapping, Node, Scalar, describe, is_null
from netspec.training import settings
from netspec.training.carry import Carry, Shape, bind_carry
from netspec.training.trained import KEYS as TRAINED
from netspec.training.trained import bind_trained
from netspec.training.updates import ONE

#: What only a stage has.
OWN = frozenset({"name", "set", "reset", "expect"})
#: What belongs to the whole run.
WHOLE = frozenset({"seed", "stages"})
KEYS = OWN | ((settings.PLAIN | settings.OTHER) - WHOLE)
#: Keys of which one takes the place of the others.
RIVALS = (
    frozenset({"epochs", "steps"}),
    frozenset(TRAINED),
    frozenset({"clip_grad_norm", "clip_grad_value"}),
)
EXPECT = ("params", "params_train", "trainable")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stage:
    """The network and the section of one stage. Without `stages` a run has one, which carries nothing."""

    name: str
    spec: Spec
    section: Mapping
    place: Span
    carry: Carry | None = None


def stages(spec: Spec, section: Mapping, place: Span, report: Report) -> Iterator[Stage]:
    """The stages of a section, in order; those that are wrong are reported and left out."""
    node = section.get("stages")
    whole = Mapping({key: entry for key, entry in section.entries.items() if key != "stages"}, section.span)
    if node is None or is_null(node):
        yield Stage("", spec, whole, place)
        return
    items = sequence(node, "`stages`", report)
    if items is not None and not len(items):
        report.error("wrong-value", "`stages` is a list of one stage at least", node.span)
    known: MappingOf[str, Shape] = {}
    names: set[str] = set()
    for number, item in enumerate(items or (), 1):
        found = mapping(item, "a stage", report)
        stage = _stage(spec, whole, found, number, known, report) if found is not None else None
        if stage is None or stage.carry is None:
            continue
        if stage.name in names:
            report.error("duplicate-name", f"two stages are called `{stage.name}`", stage.place)
        names.add(stage.name)
        known = stage.carry.shapes
        yield stage


def _stage(
    spec: Spec, whole: Mapping, node: Mapping, number: int, known: MappingOf[str, Shape], report: Report
) -> Stage | None:
    strange = [key for key, _ in node if key.text not in KEYS]
    for key in strange:
        what = "belongs to the whole run" if key.text in WHOLE else "is no key of a stage"
        report.error("unknown-key", f"`{key.text}` {what}", key.span, help=did_you_mean(key.text, KEYS))
    name = _name(node, number, report)
    values = mapping(node.get("set"), "`set`", report)
    own = with_arguments(spec, values, report) if values is not None else spec
    if own is None or strange:
        return None
    section = _merged(whole, node)
    carry = bind_carry(own.graph, known, node.get("reset"), node.span, report)
    if not _is_changed(spec, values):
        _check_expect(node, own, section, report)
    return Stage(name, own, section, node.span, carry)


def _name(node: Mapping, number: int, report: Report) -> str:
    """Its name, by default `stage1` and so on."""
    found = scalar(node.get("name"), "the name of a stage", report)
    if found is None:
        return f"stage{number}"
    if not IDENTIFIER.fullmatch(found.text):
        report.error("bad-name", "the name of a stage is made of letters, digits and `_`", found.span)
    return found.text


def _merged(whole: Mapping, node: Mapping) -> Mapping:
    """The section with the stage's keys, each in place of the whole of what it replaces."""
    own = {key: entry for key, entry in node.entries.items() if key not in OWN}
    replaced = {rival for rivals in RIVALS for rival in rivals if not rivals.isdisjoint(own)}
    if "updates" in own:
        replaced |= ONE
    elif not ONE.isdisjoint(own):
        replaced.add("updates")
    kept = {key: entry for key, entry in whole.entries.items() if key not in replaced}
    return Mapping({**kept, **own}, whole.span)


def _is_changed(spec: Spec, values: Mapping | None) -> bool:
    """Whether a command has set an argument that the stage does not set itself: then it expects nothing."""
    changed = {text.partition("=")[0].strip().partition(".")[0] for text in spec.settings}
    own = values.entries.keys() if values is not None else frozenset[str]()
    return not changed.isdisjoint(spec.document.args.keys() - own)


def _check_expect(node: Mapping, spec: Spec, section: Mapping, report: Report) -> None:
    """What a stage expects of itself, each number at its place."""
    expected = mapping(node.get("expect"), "`expect` of a stage", report)
    for key, value in expected or ():
        if key.text not in EXPECT:
            message = f"`expect` of a stage has no key `{key.text}`"
            report.error("unknown-key", message, key.span, help=did_you_mean(key.text, EXPECT))
        elif not isinstance(value, Scalar) or type(value.value) is not int:
            report.error("wrong-type", f"`{key.text}` is a number, got {describe(value)}", value.span)
        elif (found := _counted(key.text, spec, section)) != value.value:
            report.error("expect", f"`{key.text}` is {found:,}, expected {value.value:,}", value.span)


def _counted(key: str, spec: Spec, section: Node) -> int:
    if key == "params":
        return counts(spec.graph).num_params
    if key == "params_train":
        return counts(spec.graph).num_params_train
    return num_trained(spec, section)


def num_trained(spec: Spec, section: Node) -> int:
    """How many numbers a section trains; its mistakes are reported elsewhere."""
    from netspec.weights.wanted import wanted

    assert isinstance(section, Mapping)
    keys = bind_trained(section, spec.graph, Report()).keys
    sizes = {key: each.param.numel for key, each in wanted(spec.graph).items()}
    return sum(sizes[key] for key in keys)
