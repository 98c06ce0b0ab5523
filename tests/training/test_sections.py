"""Whole sections with what a run can do, checked as `netspec check` does, and the mistakes of updates."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.api import check

UPDATES = """\
netspec: 1
inputs:
  image: {shape: [1, 28, 28], only: train, preprocess: [{scale: =1/255}]}
  z: {shape: [16], sample: normal}
layers:
  - name: generator
    from: z
    sequence:
      - {linear: {out_features: 784, bias: false}}
      - batch_norm
      - {unflatten: {dim: 1, unflattened_size: [1, 28, 28]}}
  - {name: critic, from: image, only: train, sequence: [flatten, {linear: 8}, relu, {linear: 1}]}
  - {name: judged, call: critic, from: generator, only: train}
outputs: [generator]
train:
  data: {mnist: {take: 1000}}
  batch_size: 10
  accumulate: 2
  clip_grad_value: 0.5
  updates:
    - name: critic
      train_only: critic
      every: 2
      loss:
        - {soft_margin_loss: {output: critic, target: 1}}
        - {soft_margin_loss: {output: judged, target: -1}, weight: 0.5}
      optimizer: {rmsprop: {lr: 0.001, groups: [{params: {parameter: bias}, lr: 0.01}]}}
    - name: generator
      train_only: [generator]
      loss: [{soft_margin_loss: {output: judged, target: 1}}, {value: generator.1, weight: 0.1}]
      optimizer: adam
      schedule: [{constant: {}, for: 10, per: step}, {cyclic: {base_lr: 0.001, max_lr: 0.01, cycle_momentum: false}}]
  ema: {decay: 0.99}
  epochs: 0.5
expect: {params: 14_112, params_train: 20_401}
"""
STAGES = """\
netspec: 1
args: {width: 4}
inputs: {image: {shape: [1, 28, 28], preprocess: [{scale: =1/255}]}}
layers:
  - flatten
  - name: body
    sequence:
      - {name: fc, linear: {out_features: =width, bias: false}}
      - {name: bn, batch_norm}
      - {name: act, relu}
  - {name: head, linear: 10}
train:
  data: {mnist: {skip: 10, take: 500}}
  validation: {mnist: {skip: 50_000}}
  loss: cross_entropy
  metrics: [accuracy, {accuracy: 3}, perplexity, f1, {f1: weighted}, {mse_loss: {output: body.act, target: 0.5}}]
  optimizer: {sgd: {lr: 0.1, groups: [{params: "body.*", lr: 0.01, weight_decay: 0.1}]}}
  weights: {file: none, skip: [head]}
  early_stopping: {metric: f1, patience: 3}
  keep: {best: accuracy_top3}
  epochs: 1
  stages:
    - {name: narrow, expect: {params: 3_194, trainable: 3_194}}
    - name: wide
      set: {width: 8}
      reset: [body, head.weight]
      freeze: [body.bn]
      steps: 20
      loss: [cross_entropy, {mse_loss: {output: body.bn, target: body.act}, weight: 0.1}]
      optimizer: adamw
      expect: {params: 6_378, trainable: 6_362}
expect: {params: 3_194}
"""
BAD = """\
netspec: 1
inputs: {image: {shape: [1, 28, 28], preprocess: [{scale: =1/255}]}}
layers:
  - flatten
  - {name: fc, linear: 4}
  - {name: head, linear: 10}
train:
  data: {mnist: {}}
  loss: cross_entropy
  updates:
    - {name: one, train_only: head, loss: cross_entropy}
    - {name: one, loss: {cross_entropy: {target: 12}}, optimizer: adam}
    - {name: "a b", loss: cross_entropy, optimizer: adam}
    - {name: three, freeze: fc, loss: cross_entropy, optimizer: adam}
    - {name: four, train_only: head, every: 0, loss: [{value: nothing}], optimizer: adam}
  ema: {decay: 2}
  early_stopping: {patience: 0}
  steps: 3
"""


def found(text: str, folder: Path) -> list[str]:
    (folder / "net.yaml").write_text(text)
    return [
        f"{each.span.line} {each.code}: {each.message}" for each in check(folder / "net.yaml").diagnostics if each.span
    ]


@pytest.mark.parametrize("text", [UPDATES, STAGES], ids=["updates", "stages"])
def test_a_section_that_is_right(text: str, tmp_path: Path) -> None:
    assert found(text, tmp_path) == []


def test_every_mistake_of_updates_is_told_once(tmp_path: Path) -> None:
    assert found(BAD, tmp_path) == [
        "9 bad-training: `updates` stands in place of `loss`",
        "11 missing-key: `train` needs an `optimizer`, as in `optimizer: {sgd: {lr: 0.1}}`",
        "12 wrong-value: the class 12 is not one of 10",
        "13 bad-name: the name of an update is made of letters, digits and `_`",
        "14 unknown-key: an update has no key `freeze`",
        "15 wrong-value: `every` of an update: expected a positive integer, got 0",
        "16 wrong-value: `decay` of `ema`: expected a number from 0, below 1, got 2",
        "17 wrong-value: `patience` of `early_stopping`: expected a positive integer, got 0",
    ]


def test_two_updates_have_two_names(tmp_path: Path) -> None:
    text = UPDATES.replace("name: generator\n      train_only: [gen", "name: critic\n      train_only: [gen")
    assert found(text, tmp_path) == ["21 duplicate-name: two updates have the same name"]
