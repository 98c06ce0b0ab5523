"""The sections `train` and `preprocess` by the schema: what it takes is what the planner takes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from netspec.compiler.schema import json_schema
from netspec.data.preprocess.schema import preprocess_schema
from netspec.diagnostics import Source
from netspec.lang.nodes import plain
from netspec.lang.reader import read
from netspec.training.losses import LOSSES
from netspec.training.metrics import METRICS
from netspec.training.optimizers import OPTIMIZERS
from netspec.training.schedules import SCHEDULES
from netspec.training.schema import train_schema

VALIDATOR = jsonschema.Draft7Validator(json_schema(train=train_schema(), preprocess=preprocess_schema()))
SPEC = "{{netspec: 1, inputs: {{x: {{shape: [3], preprocess: [{steps}]}}}}, layers: [relu], train: {{{train}}}}}"
NEEDED = "data: {mnist: {}}, loss: cross_entropy, optimizer: {sgd: 0.1}, epochs: 3"


def is_valid(train: str = NEEDED, steps: str = "") -> bool:
    tree: Any = plain(read(Source("a.yaml", SPEC.format(train=train, steps=steps))))
    return VALIDATOR.is_valid(tree)


def test_it_is_a_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "validation: 0.25, test: {mnist: {split: test}}, batch_size: 8, shuffle: false, seed: 7, clip_grad_norm: 1.5",
        "validation: [{idx: {images: a, labels: b, classes: [x, y], fields: {image: photo}}}]",
        "metrics: [loss, accuracy, {accuracy: 2}, {accuracy: {top_k: 5, output: fc, target: label}}, confusion]",
        "metrics: mae",
        "augment: {x: [{resize: 256}, {random_crop: {size: 224, padding: [1, 2]}}, random_horizontal_flip, mixup]}",
        "augment: {x: {affine: {degrees: [-3, 5], translate: [0.1, 0.2], shear: 4}}}",
        "test: [{chain: [{mnist: {}}, [{mnist: {}}, {arrays: {file: a.npz, classes: {y: 3}}}]]}, {table: {file: t}}]",
        "schedule: [{one_cycle: {max_lr: 0.1}, warmup: 2, for: 3}, {step: 10, per: step}]",
        "schedule: cosine_annealing",
        "schedule: none",
        "evaluate: {every: 5}, keep: {best: accuracy_top2, last: false}",
        "steps: none, validation: =1/5, batch_size: =8*2",
    ],
)
def test_sections_that_it_takes(more: str) -> None:
    assert is_valid(f"{NEEDED}, {more}" if more else NEEDED)


def test_losses_optimisers_and_data_in_all_their_forms() -> None:
    loss = "[{cross_entropy: {output: fc, target: y, weight: [1, 2]}, weight: 0.5}, mse_loss]"
    assert is_valid(NEEDED.replace("cross_entropy", loss))
    assert is_valid(NEEDED.replace("{sgd: 0.1}", "{adamw: {lr: =1/100, betas: [0.8, 0.9]}}"))
    assert is_valid(NEEDED.replace("{mnist: {}}", "[{mnist: }]"))
    assert is_valid(NEEDED.replace("epochs: 3", "steps: 30"))


@pytest.mark.parametrize(
    "more",
    [
        "batchsize: 3",
        "steps: 3",
        "seed: -1",
        "augment: {x: [random_crop]}",
        "augment: {x: [{elastic: {alfa: 3}}]}",
        "augment: {x: [{scale: 2}]}",
        "augment: [mixup]",
        "test: {chain: {mnist: {}}}",
        "shuffle: 3",
        "validation: 1.5",
        "validation: {mnist: {spilt: test}}",
        "metrics: [accurate]",
        "metrics: [{accuracy: 0}]",
        "schedule: {step: {gamma: 0.1}}",
        "schedule: {step: 10, warm: 3}",
        "evaluate: {every: week}",
        "keep: {bets: loss}",
        "stages: []",
    ],
)
def test_sections_that_it_refuses(more: str) -> None:
    assert not is_valid(f"{NEEDED}, {more}")


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("data: {mnist: {}}, ", ""),
        ("loss: cross_entropy, ", ""),
        (", epochs: 3", ""),
        ("cross_entropy", "{cross_entropy: {label_smoothing: 2}}"),
        ("cross_entropy", "{cross_entropy: {}, mse_loss: {}}"),
        ("cross_entropy", "crossentropy"),
        ("{sgd: 0.1}", "{sgd: {learning_rate: 0.1}}"),
        ("{sgd: 0.1}", "{sgdd: 0.1}"),
        ("{mnist: {}}", "mnist"),
        ("{mnist: {}}", "{idx: {images: a}}"),
    ],
)
def test_what_is_missing_or_misspelt_is_refused(part: str, other: str) -> None:
    assert part in NEEDED
    assert not is_valid(NEEDED.replace(part, other))


@pytest.mark.parametrize("table", [LOSSES, METRICS, OPTIMIZERS, SCHEDULES], ids=["loss", "metrics", "optim", "rates"])
def test_every_entry_of_every_table_is_known_with_its_text(table: dict[str, Any]) -> None:
    text = str(VALIDATOR.schema["properties"]["train"])
    for name, entry in table.items():
        assert f"'{name}': {{" in text
        assert (entry.__doc__ or "").split("\n")[0][:20] in text


@pytest.mark.parametrize(
    "steps",
    ["{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}", "grayscale, {resize: 28}", "{resize: [28, 14]}"],
)
def test_steps_that_it_takes(steps: str) -> None:
    assert is_valid(steps=steps)


@pytest.mark.parametrize("steps", ["scale", "{scale: half}", "{scal: 0.5}", "{normalize: {mean: [0.5]}}", "{}", "3"])
def test_steps_that_it_refuses(steps: str) -> None:
    assert not is_valid(steps=steps)
