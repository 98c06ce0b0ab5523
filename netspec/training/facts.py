"""What a run must share with the checkpoint from which it goes on, and what follows where it does not."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netspec import __version__
from netspec.compiler.spec import Spec
from netspec.data.fingerprint import fingerprint
from netspec.data.samples import Samples
from netspec.diagnostics import Diagnostic, ModelError, Severity
from netspec.training.fields import differences, fields
from netspec.training.meaning import digest, plain
from netspec.training.plan import RunPlan, TrainPlan

#: Fields of a spec, with all below them, on which nothing depends that a checkpoint holds.
HARMLESS = ("doc", "source", "name", "expect", "export", "train.test", "train.epochs", "train.steps", "train.seed")
#: Fields that choose samples: they matter where those are others.
DATA = ("train.data", "train.validation", "train.seed")
#: What a stage's meaning leaves out: what the data themselves tell, what starts a run, and what the run says itself.
_APART = frozenset({"spec", "data", "validation", "test", "weights", "carry", "settings"})
_RUN_SETTINGS = frozenset({"epochs", "steps", "seed"})
MAX_SHOWN = 20

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that was something else. `effect`: it is `refused`, or the bits may be others (`inexact`), or none."""

    field: str
    was: str
    now: str
    effect: str

    def __str__(self) -> str:
        return f"`{self.field}` was {self.was}, is {self.now}"


def facts_of(plan: RunPlan, spec: Spec, **run: Any) -> dict[str, Any]:
    """The facts of a run, as JSON has them, but for its data.

    Args:
        plan: What it does.
        spec: Its text.
        run: Seed, threads, device, and whether the network is rewritten.
    """
    return {"fields": fields(spec), "meaning": meaning(plan), "run": run, "versions": versions()}


def meaning(plan: RunPlan) -> dict[str, str]:
    """What the stages do, by part: `stage1.updates`. Equal parts train in the same way."""
    found: dict[str, str] = {}
    for stage in plan.stages:
        prefix = f"{stage.name}." if stage.name else ""
        found |= {f"{prefix}{name}": digest(value) for name, value in _parts(stage, is_final=stage is plan.final)}
    return found


def data_facts(samples: tuple[Samples, Samples | None]) -> dict[str, str]:
    """Fingerprints of the samples of a stage; where they lie does not matter."""
    train, validation = samples
    return {"train": fingerprint(train)} | ({"validation": fingerprint(validation)} if validation is not None else {})


def versions() -> dict[str, str]:
    """Of all that computes."""
    import numpy
    import torch

    python = platform.python_version()
    return {"netspec": __version__, "python": python, "torch": str(torch.__version__), "numpy": numpy.__version__}


def compare(before: Facts, now: Facts) -> list[Difference]:
    """All differences, those of the spec first."""
    changed = {
        part
        for part in {**before["meaning"], **now["meaning"]}
        if before["meaning"].get(part) != now["meaning"].get(part)
    }
    data = list(_changes("data", before.get("data", {}), now.get("data", {}), "refused"))
    found = list(_spec_differences(before["fields"], now["fields"], changed, are_other_data=bool(data))) + data
    found += _changes("", before["run"], now["run"], "inexact")
    found += _changes("", before["versions"], now["versions"], "inexact")
    return [_strict(each) for each in found]


def check(found: list[Difference], place: str) -> list[Diagnostic]:
    """Warnings of what differs.

    Raises:
        ModelError: `checkpoint`: something differs that changes what is trained.
    """
    refused = [each for each in found if each.effect == "refused"]
    if refused:
        notes = [*map(str, refused[1:MAX_SHOWN]), *_more(len(refused)), *_also(found)]
        message = f"the run cannot go on: {refused[0]}"
        help = "undo the change, or begin a new run, from the weights of this one with `weights: FILE`"
        raise ModelError.at(place, "checkpoint", message, notes=notes, help=help)
    words = {
        "": "changed, and harmless",
        "inexact": "changed: the run goes on, but not to the last bit as it would have",
    }
    kinds = {effect: [each for each in found if each.effect == effect] for effect in words}
    return [_warning(place, words[effect], each) for effect, each in kinds.items() if each]


def _warning(place: str, words: str, found: list[Difference]) -> Diagnostic:
    notes = (*map(str, found[:MAX_SHOWN]), *_more(len(found)))
    return Diagnostic("checkpoint", words, severity=Severity.WARNING, place=place, notes=notes)


def _more(count: int) -> list[str]:
    return [f"and {count - MAX_SHOWN:,} more"] if count > MAX_SHOWN else []


def _also(found: list[Difference]) -> list[str]:
    return [f"{each} (harmless by itself)" for each in found if each.effect != "refused"][:MAX_SHOWN]


def _parts(stage: TrainPlan, *, is_final: bool) -> Iterator[tuple[str, object]]:
    for name in stage.__dataclass_fields__:
        if name not in _APART:
            yield name, getattr(stage, name)
    settings = stage.settings
    yield "settings", {key: value for key, value in settings if key not in _RUN_SETTINGS}
    # The last stage can be made longer, unless a schedule is spread over it.
    if not is_final or any(_depends_on_length(phase) for update in stage.updates for phase in update.schedule):
        yield "length", [settings.epochs, settings.steps]


def _depends_on_length(phase: Any) -> bool:
    """Whether a schedule is spread over the rest of the run."""
    argument = phase.schedule.length
    return argument is not None and phase.length is None and getattr(phase.schedule, argument) is None


def _spec_differences(
    before: Mapping[str, str], now: Mapping[str, str], changed: set[str], *, are_other_data: bool
) -> Iterator[Difference]:
    found = differences(before, now)
    suspects = {name for name in found if changed and not _is_harmless(name, changed)}
    suspects |= {name for name in found if are_other_data and _is_below(name, DATA)}
    for name, (was, is_now) in found.items():
        yield Difference(name, was, is_now, "refused" if name in suspects else "")
    if changed and not suspects:
        # Nothing in the text explains it: a shipped spec of another release, or another default.
        for part in sorted(changed):
            yield Difference(part, "another", "different", "refused")


def _is_harmless(name: str, changed: set[str]) -> bool:
    if name in ("train.epochs", "train.steps") and any(part.endswith("length") for part in changed):
        return False
    return _is_below(name, HARMLESS)


def _is_below(name: str, paths: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith((f"{each}.", f"{each}[")) for each in paths)


def _changes(kind: str, before: Facts, now: Facts, effect: str) -> Iterator[Difference]:
    prefix = f"{kind}." if kind else ""
    for name, (was, is_now) in differences(_texts(before), _texts(now)).items():
        yield Difference(prefix + name, was, is_now, effect)


def _texts(facts: Facts) -> dict[str, str]:
    return {name: str(plain(value)) for name, value in facts.items()}


def _strict(found: Difference) -> Difference:
    """Another seed is another order of the data, whatever the spec says."""
    return Difference(found.field, found.was, found.now, "refused") if found.field == "seed" else found
