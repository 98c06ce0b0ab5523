"""The train section: what is right, and every mistake at its place, with no torch imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netspec.training.losses.of_classes import CrossEntropy
from netspec.training.optimizers.adam import AdamW
from netspec.training.schedules.cycles import OneCycle
from tests.training.specs import DATA, HEAD, TRAIN, planned, write_data


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path)


def complaints(train: str, folder: Path, head: str = HEAD) -> list[str]:
    """`line:column code` of everything found; a plan is made if and only if there is no error."""
    plan, found = planned(train, folder, head)
    assert (plan is None) == any(each.is_error for each in found)
    return [f"{each.span.line}:{each.span.column} {each.code}" for each in found if each.span is not None]


def test_a_section_with_everything(tmp_path: Path) -> None:
    plan, found = planned(
        f"""\
train:
{DATA}  validation: {{idx: {{images: images, labels: labels, classes: 3}}}}
  test: [{{idx: {{images: images, labels: labels, classes: 3}}}}]
  batch_size: 8
  shuffle: false
  loss: [{{cross_entropy: {{output: fc, target: label, label_smoothing: 0.1, weight: [1, 2, 1]}}, weight: 0.5}}]
  metrics: [loss, accuracy, {{accuracy: 2}}, confusion]
  optimizer: {{adamw: {{lr: =1/100, betas: [0.8, 0.9]}}}}
  schedule: [{{one_cycle: {{max_lr: 0.1}}, warmup: 2}}]
  epochs: 0.5
  clip_grad_norm: 1
  evaluate: {{every: 5}}
  keep: {{best: accuracy_top2, last: false}}
  seed: 7
""",
        tmp_path,
    )
    assert not found and plan is not None
    (term,) = plan.terms
    assert term.loss == CrossEntropy(label_smoothing=0.1, weight=(1.0, 2.0, 1.0)) and term.weight == 0.5
    assert [each.metric.label for each in plan.measures] == ["accuracy", "accuracy_top2", "confusion"]
    (update,) = plan.updates
    (group,) = update.groups
    assert group.optimizer == AdamW(lr=0.01, betas=(0.8, 0.9))
    assert group.keys == ("conv.weight", "conv.bias", "fc.weight", "fc.bias")
    (phase,) = update.schedule
    assert phase.schedule == OneCycle(max_lr=0.1) and phase.per == "step" and phase.warmup == 2
    assert plan.settings.epochs == 0.5 and plan.settings.seed == 7 and not plan.settings.shuffle
    assert plan.evaluate.every == 5 and not plan.keep.last and plan.grows(plan.keep.best)
    assert plan.classes == ("0", "1", "2")


def test_the_defaults_are_the_languages(tmp_path: Path) -> None:
    plan, found = planned(f"train:\n{DATA}  loss: cross_entropy\n  optimizer: sgd\n  steps: 3\n", tmp_path)
    assert not found and plan is not None
    assert plan.settings.batch_size == 32 and plan.settings.shuffle and plan.settings.seed == 0
    assert plan.evaluate.every == "epoch" and plan.keep.best == "loss" and plan.keep.last
    assert plan.validation is None and plan.test is None and plan.updates[0].schedule == ()
    assert [each.metric.name for each in plan.measures] == ["accuracy", "confusion"]


def test_no_section_no_plan(tmp_path: Path) -> None:
    assert planned("", tmp_path) == (None, ())


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("  epoch: 3", "17:3 unknown-key"),
        ("  stages: []", "17:11 wrong-value"),
        ("  bucket: {by: T}", "17:3 bad-training"),
        ("  ema: {decay: 1}", "17:16 wrong-value"),
        ("  steps: 3", "10:1 bad-training"),
        ("  seed: -1", "17:9 wrong-value"),
        ("  seed: true", "17:9 wrong-type"),
        ("  clip_grad_norm: 0", "17:19 wrong-value"),
        ("  evaluate: {every: 0}", "17:21 wrong-value"),
        ("  evaluate: {every: year}", "17:21 wrong-value"),
        ("  keep: {best: acuracy}", "17:16 bad-training"),
        ("  keep: {worst: loss}", "17:10 unknown-key"),
        ("  metrics: [acuracy]", "17:13 unknown-training"),
        ("  metrics: [bleu]", "17:13 not-supported"),
        ("  metrics: [{accuracy: 4}]", "17:14 bad-training"),
        ("  metrics: [{accuracy: {target: image}}]", "17:14 bad-training"),
        ("  metrics: mae", "17:12 bad-training"),
        ("  schedule: cosine", "17:13 unknown-training"),
        ("  schedule: {step: {gamma: 0.1}}", "17:14 missing-key"),
        ("  schedule: {step: 3, per: year}", "17:28 wrong-value"),
        ("  schedule: lambda", "17:13 not-supported"),
        ("  schedule: [reduce_on_plateau, {step: 3}]", "17:14 bad-training"),
        ("  schedule: {reduce_on_plateau: {}, warmup: 2}", "17:13 bad-training"),
        ("  schedule: [{step: 3}, one_cycle]", "17:13 bad-training"),
        ("  schedule: [{step: 3}, {step: 4}]", "17:14 missing-key"),
        ("  test: {mnist: {split: test}}", "17:10 bad-training"),
        ("  test: {idx: {images: nowhere, labels: labels}}", "17:10 data-file"),
    ],
)
def test_one_mistake(tmp_path: Path, line: str, complaint: str) -> None:
    assert complaint in complaints(TRAIN + line + "\n", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("sgd: 0.05", "sdg: 0.05", "15:15 unknown-training"),
        ("sgd: 0.05", "sgd: {lr: nan}", "15:25 wrong-type"),
        ("sgd: 0.05", "sgd: {lr: 0.1, momentun: 1}", "15:30 unknown-key"),
        ("sgd: 0.05", "sgd: {lr: =1/0}", "15:27 bad-expression"),
        ("  loss: cross_entropy\n", "", "10:1 missing-key"),
        ("loss: cross_entropy", "loss: cross_entropi", "14:9 unknown-training"),
        ("loss: cross_entropy", "loss: ctc_loss", "14:9 not-supported"),
        ("loss: cross_entropy", "loss: {cross_entropy: {output: fd}}", "14:34 unknown-name"),
        ("loss: cross_entropy", "loss: {cross_entropy: {target: labl}}", "14:34 unknown-name"),
        ("loss: cross_entropy", "loss: {mse_loss: {target: one}}", "14:29 unknown-name"),
        ("loss: cross_entropy", "loss: {mse_loss: {target: image}}", "14:10 bad-training"),
        ("loss: cross_entropy", "loss: {cross_entropy: {output: conv}}", "14:10 bad-training"),
        ("loss: cross_entropy", "loss: {cross_entropy: {weight: [1, 2]}}", "14:10 bad-training"),
        ("loss: cross_entropy", "loss: [{cross_entropy, mse_loss}]", "14:10 wrong-type"),
        ("validation: 0.25", "validation: 1", "12:15 wrong-value"),
        ("validation: 0.25", "validation: half", "12:15 wrong-value"),
        ("validation: 0.25", "validation: 1.5", "12:15 wrong-value"),
        ("idx: {", "tar_shards: {", "11:10 not-supported"),
        ("idx: {", "mnits: {", "11:10 unknown-training"),
        ("images: images", "images: labels", "11:10 data-file"),
        ("images: images", "images: ../images", "11:10 data-file"),
        ("classes: 3", "classes: 5", "14:9 bad-training"),
        ("classes: 3", "fields: {picture: image}", "11:10 bad-training"),
        ("classes: 3", "fields: {image: picture}", "11:10 unknown-name"),
        ("classes: 3", "classes: [a, a]", "11:57 wrong-value"),
    ],
)
def test_one_thing_changed(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TRAIN
    assert complaints(TRAIN.replace(old, new), tmp_path) == [complaint]


def test_all_mistakes_in_one_run(tmp_path: Path) -> None:
    head = HEAD.replace("mean: [0.5]", "mean: [0.5, 0.5]")
    text = TRAIN.replace("classes: 3", "clases: 3").replace("cross_entropy", "cross_entropi").replace("0.05", "-1")
    assert complaints(text + "  metrics: [loss, acuracy]\n  epoch: 3\n", tmp_path, head) == [
        *("4:41 bad-attribute", "11:48 unknown-key", "14:9 unknown-training", "15:20 wrong-value"),
        *("17:19 unknown-training", "18:3 unknown-key"),
    ]


def test_labels_beyond_the_output_show_both_places(tmp_path: Path) -> None:
    _, (found,) = planned(TRAIN.replace("classes: 3", "classes: 5"), tmp_path)
    assert found.message == "`label` is below 5, but the output has 3 classes"
    assert [(label.text, label.span and label.span.line) for label in found.labels] == [
        ("output fc  [3]", 9),
        ("target label  [] int64 below 5", 11),
    ]


def test_data_that_do_not_fit_the_input(tmp_path: Path) -> None:
    head = HEAD.replace("[1, 6, 6]", "[1, 7, 7]")
    _, (found,) = planned(TRAIN, tmp_path, head)
    assert found.code == "bad-training" and found.span is not None and found.span.line == 4
    assert found.message == "`image`: the sample becomes float32 [1, 6, 6], the input is float32 [1, 7, 7]"
    _, (found,) = planned(
        TRAIN, tmp_path, HEAD.replace(", preprocess: [{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}]", "")
    )
    assert "`scale` and `normalize` make float32" in found.message


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("[{scale: =1/255}, {normalise: {}}]", "4:60 unknown-key"),
        ("[{scale: x}]", "4:50 wrong-type"),
        ("[lowercase]", "4:42 not-supported"),
        ("[{scale: 1}, {center_crop: 4}]", "4:41 bad-attribute"),
        ("3", "4:41 wrong-type"),
        ("[[]]", "4:42 wrong-type"),
    ],
)
def test_preprocessing_is_checked_without_a_train_section(tmp_path: Path, steps: str, complaint: str) -> None:
    head = HEAD.replace("[{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}]", steps)
    plan, found = planned("", tmp_path, head)
    assert plan is None
    assert [f"{each.span.line}:{each.span.column} {each.code}" for each in found if each.span] == [complaint]


@pytest.mark.parametrize(
    ("layer", "loss", "warned"),
    [
        ("{softmax: {dim: 1}}", "cross_entropy", True),
        ("{name: head, sequence: [relu, {softmax: {dim: 1}}]}", "cross_entropy", True),
        ("{log_softmax: {dim: 1}}", "nll_loss", False),
        ("relu", "cross_entropy", False),
    ],
)
def test_softmax_before_the_loss_is_warned_of(tmp_path: Path, layer: str, loss: str, warned: bool) -> None:
    plan, found = planned(TRAIN.replace("cross_entropy", loss), tmp_path, HEAD + f"  - {layer}\n")
    assert plan is not None
    assert [each.code for each in found] == (["softmax-before-loss"] if warned else [])


def test_a_network_without_parameters(tmp_path: Path) -> None:
    head = HEAD[: HEAD.index("  - {name: conv")] + "  - relu\n"
    text = TRAIN.replace("cross_entropy", "{mse_loss: {output: 0, target: image}}")
    assert complaints(text, tmp_path, head) == ["7:1 bad-training"]


def test_planning_imports_no_torch_and_no_numpy(tmp_path: Path) -> None:
    code = """
import sys
from netspec.compiler import load
from netspec.diagnostics import Report
from netspec.training.planner import plan
report = Report()
assert plan(load("mnist_convnet"), report) is not None, report.diagnostics
print(sorted({"torch", "numpy", "PIL", "rich", "onnx", "safetensors"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("below", "fits"), [(2, False), (3, True), (4, True)])
def test_labels_that_are_an_input_stay_below_its_bound(tmp_path: Path, below: int, fits: bool) -> None:
    """As in a conditional GAN; the data have three classes."""
    extra = f"  label: {{shape: [], dtype: int64, below: {below}}}\nlayers:\n  - {{embedding: 3, from: label}}\n"
    head = HEAD.replace("layers:\n", extra).replace("{name: conv,", "{name: conv, from: image,")
    train = TRAIN.replace("cross_entropy", "{cross_entropy: {output: sum, target: label}}")
    _, found = planned(train, tmp_path, f"{head}  - {{name: sum, add, from: [0, fc]}}\n")
    wanted = "`label`: the input takes indices below 2, the field has some up to 2"
    assert [each.message for each in found] == ([] if fits else [wanted])
