"""What a run shares with its checkpoint: every edit of a spec is refused or told, and what is told changes nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from netspec.compiler import Spec, compile_source
from netspec.diagnostics import Diagnostic, ModelError, Source, SpecError
from netspec.training import facts as facts_module
from netspec.training.facts import Difference, check, compare, data_facts, facts_of
from netspec.training.fields import fields
from netspec.training.resume import spec_of_run
from netspec.training.run import planned, train
from netspec.training.splits import load_parts
from tests.training.specs import write_data, write_idx

SAMPLE = """\
netspec: 1
name: sample
doc: A small network.
source: a test
args: {width: 4}
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}]}
layers:
  - {name: conv, conv: {out_channels: =width, kernel_size: 3, bias: true}}
  - {name: act, relu}
  - {name: drop, dropout: 0.1}
  - flatten
  - {name: fc, linear: 3}
train:
  data: {idx: {images: images, labels: labels, classes: 3}}
  test: {idx: {images: images, labels: labels, classes: 3}}
  validation: 0.25
  batch_size: 10
  shuffle: true
  loss: {cross_entropy: {label_smoothing: 0.1}}
  metrics: [accuracy]
  optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.001}}
  schedule: {step: {step_size: 2, gamma: 0.5}}
  clip_grad_norm: 1
  accumulate: 1
  precision: float32
  ema: {decay: 0.9}
  evaluate: {every: epoch}
  early_stopping: {metric: loss, patience: 5}
  keep: {best: loss, last: true}
  epochs: 3
  seed: 0
"""
#: A new value for every field; what has none here is made of the old one.
HARMLESS = {
    "name": "sample2",
    "doc": "Another text.",
    "source": "a book",
    "train.test.idx.images": "images2",
    "train.test.idx.labels": "labels2",
    "train.data.idx.images": "images2",
    "train.data.idx.labels": "labels2",
    "train.epochs": "4",
}
REFUSED = {
    "args.width": "5",
    "inputs.image.shape[0]": "3",
    "inputs.image.shape[1]": "7",
    "inputs.image.shape[2]": "5",
    "inputs.image.preprocess[0].scale": "=1/256",
    "inputs.image.preprocess[1].normalize.mean[0]": "0.4",
    "inputs.image.preprocess[1].normalize.std[0]": "0.3",
    "layers[0].name": "conv2",
    "layers[0].conv.out_channels": "=width + 1",
    "layers[0].conv.kernel_size": "5",
    "layers[0].conv.bias": "false",
    "layers[1].name": "act2",
    "layers[2].name": "drop2",
    "layers[2].dropout": "0.2",
    "layers[4].name": "fc2",
    "layers[4].linear": "4",
    "train.data.idx.classes": "4",
    "train.test.idx.classes": "4",
    "train.validation": "0.5",
    "train.batch_size": "9",
    "train.shuffle": "false",
    "train.loss.cross_entropy.label_smoothing": "0.2",
    "train.metrics[0]": "mae",
    "train.optimizer.sgd.lr": "0.06",
    "train.optimizer.sgd.momentum": "0.8",
    "train.optimizer.sgd.nesterov": "true",
    "train.optimizer.sgd.weight_decay": "0.002",
    "train.schedule.step.step_size": "1",
    "train.schedule.step.gamma": "0.4",
    "train.clip_grad_norm": "2",
    "train.accumulate": "2",
    "train.precision": "bfloat16",
    "train.ema.decay": "0.8",
    "train.evaluate.every": "2",
    "train.early_stopping.metric": "accuracy",
    "train.early_stopping.patience": "6",
    "train.keep.best": "accuracy",
    "train.keep.last": "false",
    "train.seed": "1",
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path)
    for name in ("images", "labels"):
        shutil.copy(tmp_path / name, tmp_path / f"{name}2")


def spec_of(text: str, folder: Path) -> Spec:
    (folder / "sample.yaml").write_text(text)
    return compile_source(Source(str(folder / "sample.yaml"), text))


def edited(path: str, value: str) -> str:
    """The sample with another value at a path such as `layers[0].conv.bias`."""
    tree = yaml.safe_load(SAMPLE)
    *way, last = [int(word) if word.isdigit() else word for word in re.findall(r"[^.\[\]]+", path)]
    place: Any = tree
    for word in way:
        place = place[word]
    assert last in place or isinstance(last, int)
    place[last] = yaml.safe_load(value)
    return str(yaml.safe_dump(tree, sort_keys=False))


def facts(spec: Spec) -> dict[str, Any]:
    plan = planned(spec)
    run = {"seed": 0, "threads": 1, "rewrite": True, "device": "cpu"}
    return {**facts_of(plan, spec, **run), "data": data_facts(load_parts(plan.stages[0]))}


def found(path: str, value: str, folder: Path) -> list[Difference]:
    before = facts(spec_of(str(yaml.safe_dump(yaml.safe_load(SAMPLE), sort_keys=False)), folder))
    return compare(before, facts(spec_of(edited(path, value), folder)))


def test_the_tables_have_every_field_of_the_sample(tmp_path: Path) -> None:
    own = {path for path in fields(spec_of(SAMPLE, tmp_path)) if not path.startswith("layers[1].relu")}
    nameless = {"netspec", "layers[1].relu", "layers[3]"}
    assert own - nameless == HARMLESS.keys() | REFUSED.keys()


@pytest.mark.parametrize("path", REFUSED)
def test_an_edit_that_changes_what_is_trained_is_refused(path: str, tmp_path: Path) -> None:
    try:
        differences = found(path, REFUSED[path], tmp_path)
    except SpecError:
        return  # refused before, as it does not fit the data
    (only,) = [each for each in differences if not each.field.startswith("data.")]
    assert only.field == path and only.effect == "refused"
    with pytest.raises(ModelError) as caught:
        check(differences, "runs/x")
    assert f"`{path}` was {only.was}, is {only.now}" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("path", HARMLESS)
def test_an_edit_that_is_told_to_be_harmless_is(path: str, tmp_path: Path) -> None:
    (only,) = found(path, HARMLESS[path], tmp_path)
    assert only.field == path and only.effect == ""
    (told,) = check([only], "runs/x")
    assert told.message == "changed, and harmless" and told.notes == (str(only),)
    # The first two epochs are the same to the last bit.
    ends = []
    for name, text in (("before", SAMPLE), ("after", edited(path, HARMLESS[path]))):
        run = train(spec_of(text, tmp_path), directory=tmp_path / name, threads=1)
        rows = [{key: value for key, value in row.items() if "seconds" not in key} for row in run.history]
        ends.append(rows[:2])
    assert ends[0] == ends[1]


def test_how_a_value_is_written_does_not_matter(tmp_path: Path) -> None:
    text = SAMPLE.replace("lr: 0.05", "lr: 5e-2").replace("{name: act, relu}", "{name: act, relu: {}}  # the same")
    differences = compare(facts(spec_of(SAMPLE, tmp_path)), facts(spec_of(text, tmp_path)))
    assert {each.field: each.effect for each in differences} == {
        "train.optimizer.sgd.lr": "", "layers[1].relu": ""
    }  # fmt: skip


def test_the_length_matters_to_a_schedule_that_is_spread_over_it(tmp_path: Path) -> None:
    text = SAMPLE.replace("schedule: {step: {step_size: 2, gamma: 0.5}}", "schedule: cosine_annealing")
    longer = text.replace("epochs: 3", "epochs: 4")
    (only,) = compare(facts(spec_of(text, tmp_path)), facts(spec_of(longer, tmp_path)))
    assert (only.field, only.effect) == ("train.epochs", "refused")


def test_only_the_last_stage_can_be_made_longer(tmp_path: Path) -> None:
    text = SAMPLE.replace("epochs: 3", "stages: [{name: a, epochs: 1}, {name: b, epochs: 2}]")
    before = facts(spec_of(text, tmp_path))
    for old, new, field, effect in (
        ("epochs: 1", "epochs: 2", "train.stages[0].epochs", "refused"),
        ("epochs: 2", "epochs: 3", "train.stages[1].epochs", ""),
    ):
        (only,) = compare(before, facts(spec_of(text.replace(old, new), tmp_path)))
        assert (only.field, only.effect) == (field, effect)


def test_other_data_are_refused_wherever_they_are(tmp_path: Path) -> None:
    before = facts(spec_of(SAMPLE, tmp_path))
    images, _ = write_data(tmp_path)
    images[3, 2, 2] ^= 1
    write_idx(tmp_path / "images", images)
    differences = compare(before, facts(spec_of(SAMPLE, tmp_path)))
    assert {(each.effect, each.field) for each in differences} <= {
        ("refused", "data.train"),
        ("refused", "data.validation"),
    }
    assert len(differences) == 1  # a sample is in one of the two


def test_another_machine_is_told(tmp_path: Path) -> None:
    before = facts(spec_of(SAMPLE, tmp_path))
    now = {**before, "run": {**before["run"], "threads": 2}, "versions": {**before["versions"], "torch": "9.9"}}
    differences = compare(before, now)
    assert {each.field: each.effect for each in differences} == {"threads": "inexact", "torch": "inexact"}
    (told,) = check(differences, "runs/x")
    assert told.message == "changed: the run goes on, but not to the last bit as it would have"
    assert told.notes[0] == "`threads` was 1, is 2"


def test_another_seed_is_refused(tmp_path: Path) -> None:
    train(spec_of(SAMPLE, tmp_path), directory=tmp_path / "run", seed=3)
    with pytest.raises(ModelError, match="the run cannot go on: `seed` was 3, is 4"):
        train(spec_of_run(tmp_path / "run"), resume=tmp_path / "run", seed=4)


def test_each_refused_difference_is_shown_once(tmp_path: Path) -> None:
    before = facts(spec_of(SAMPLE, tmp_path))
    now = {**before, "meaning": {**before["meaning"], "updates": "0", "augment": "0"}}
    with pytest.raises(ModelError) as caught:
        check(compare(before, now), "runs/x")
    (told,) = caught.value.diagnostics
    for field in ("`updates`", "`augment`"):
        assert sum(field in each for each in [told.message, *told.notes]) == 1


def test_what_the_text_does_not_explain_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release may read the same text in another way."""
    before = facts(spec_of(SAMPLE, tmp_path))
    now = {**before, "meaning": {**before["meaning"], "updates": "0"}}
    (only,) = compare(before, now)
    assert (only.field, only.effect) == ("updates", "refused")


def test_the_specs_that_a_spec_uses_are_compared_too(tmp_path: Path) -> None:
    convolution = "{name: conv, conv: {out_channels: 4, kernel_size: 3}}"
    trunk = f"netspec: 1\ninputs: {{x: [1, 6, 6]}}\nlayers: [{convolution}, tanh]\n"
    (tmp_path / "trunk.yaml").write_text(trunk)
    own = "  - {name: conv, conv: {out_channels: =width, kernel_size: 3, bias: true}}\n"
    assert own in SAMPLE
    text = SAMPLE.replace(own, "  - {name: trunk, use: trunk.yaml}\n")
    before = facts(spec_of(text, tmp_path))
    (tmp_path / "trunk.yaml").write_text(trunk.replace("tanh", "sigmoid"))
    (only,) = compare(before, facts(spec_of(text, tmp_path)))
    assert only == Difference("trunk.yaml: layers[1]", "tanh", "sigmoid", "refused")


def test_many_differences_are_shown_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "MAX_SHOWN", 3)
    many = [Difference(f"layers[{n}]", "a", "b", "refused") for n in range(5)] + [Difference("doc", "a", "b", "")]
    with pytest.raises(ModelError) as caught:
        check(many, "runs/x")
    (found,) = caught.value.diagnostics
    assert found.notes[-2:] == ("and 2 more", "`doc` was a, is b (harmless by itself)")
    told: list[Diagnostic] = check([Difference(f"doc{n}", "a", "b", "") for n in range(5)], "runs/x")
    assert told[0].notes[-1] == "and 2 more"
