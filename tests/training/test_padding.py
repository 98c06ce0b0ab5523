"""Losses and metrics of samples of several lengths: what a loop over the valid positions gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from netspec.backends.torch import build
from netspec.data.ragged import Ragged
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.training.batches import Batches
from netspec.training.objective import Losses, Metrics, Objective, call
from netspec.training.order import Order
from netspec.training.plan import TrainPlan
from netspec.training.run import train
from tests.training.specs import planned, spec_of

HEAD = """\
netspec: 1
name: copying
dims: {T: {lengths: n, max: 60}}
inputs: {sequence: {shape: [T], dtype: int64, below: 5}}
layers:
  - embedding: 4
  - gru: 6
  - {name: logits, linear: 5}
"""
TRAIN = """\
train:
  data: {generated: {task: copy, length: [8, 20], items: 3, symbols: 3, samples: 40}}
  validation: {generated: {task: copy, length: [8, 20], items: 3, symbols: 3, samples: 23, seed: 1}}
  batch_size: 7
  loss: {cross_entropy: {target: target}}
  metrics: [accuracy, perplexity]
  optimizer: {adam: {lr: 0.01}}
  epochs: 2
"""
CPU = torch.device("cpu")


def plan_of(folder: Path, train: str = TRAIN, head: str = HEAD) -> TrainPlan:
    found, diagnostics = planned(train, folder, head)
    assert found is not None, diagnostics
    return found


def test_a_batch_is_as_long_as_its_longest_sample(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    samples = plan.data.load()
    column, target = samples.arrays["sequence"], samples.arrays["target"]
    assert isinstance(column, Ragged) and isinstance(target, Ragged)
    batch = Batches.of(samples, plan, CPU).gather(torch.tensor([3, 0, 11]))
    lengths = [int(column.lengths[index]) for index in (3, 0, 11)]
    assert batch.named["n"].tolist() == lengths and batch.inputs[1] is batch.named["n"]
    assert batch.inputs[0].shape == batch.named["target"].shape == (3, max(lengths))
    for row, index, length in zip(batch.inputs[0], (3, 0, 11), lengths, strict=True):
        assert row[:length].tolist() == column.value(index).tolist() and not row[length:].any()


def test_loss_and_metrics_are_those_of_the_valid_positions(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    batch = Batches.of(plan.data.load(), plan, CPU).gather(torch.arange(9))
    logits = torch.randn(9, batch.inputs[0].shape[1], 5)
    rows = [
        (row[:length], target[:length])
        for row, target, length in zip(logits, batch.named["target"], batch.named["n"], strict=True)
    ]
    for row, length in zip(logits, batch.named["n"], strict=True):
        row[length:] = float("nan")
    flat, targets = torch.cat([row for row, _ in rows]), torch.cat([target for _, target in rows])
    losses = Losses(plan.graph, plan.terms, CPU)
    torch.testing.assert_close(losses((logits,), batch), functional.cross_entropy(flat, targets))
    assert losses.weight(batch) == len(targets) == int(batch.named["n"].sum())
    (right, count), (entropy, _) = Metrics(plan.graph, plan.measures).totals((logits,), batch)[:2]
    assert count == len(targets) and int(right) == int((flat.argmax(1) == targets).sum())
    torch.testing.assert_close(entropy, functional.cross_entropy(flat, targets, reduction="sum"))


def test_the_sum_is_over_positions_and_the_mean_over_samples(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TRAIN.replace("{target: target}", "{target: target, reduction: sum}"))
    batch = Batches.of(plan.data.load(), plan, CPU).gather(torch.arange(5))
    logits = torch.randn(5, batch.inputs[0].shape[1], 5)
    each = functional.cross_entropy(logits.movedim(2, 1), batch.named["target"], reduction="none")
    total = sum(row[:length].sum() for row, length in zip(each, batch.named["n"], strict=True))
    torch.testing.assert_close(Losses(plan.graph, plan.terms, CPU)((logits,), batch), total / 5)


def test_a_split_is_measured_as_one(tmp_path: Path) -> None:
    """Batches of different lengths do not bend the mean: it is over all positions."""
    plan = plan_of(tmp_path)
    samples = plan.data.load()
    module = build(plan.graph).eval()
    objective = Objective(plan, CPU)
    objective._batch_size = 7
    batches = Batches.of(samples, plan, CPU)
    numbers = objective.measure(module, batches).numbers
    with torch.no_grad():
        batch = batches.gather(torch.arange(40))
        whole = Losses(plan.graph, plan.terms, CPU)(call(module, batch), batch)
    assert numbers["loss"] == pytest.approx(float(whole), rel=1e-6)
    assert numbers["perplexity"] == pytest.approx(float(whole.exp()), rel=1e-5)


def test_buckets_hold_similar_lengths_and_every_sample_once(tmp_path: Path) -> None:
    plain, plan = plan_of(tmp_path), plan_of(tmp_path, TRAIN + "  bucket: {by: T, width: 2}\n")
    samples = plan.data.load()
    lengths = samples.arrays["sequence"].lengths
    spreads = []
    for each in (plain, plan):
        order = Order(Batches.of(samples, each, CPU), 7, 12, seed=0)
        places = [places for _, places in order]
        assert order.steps_per_epoch == 6
        for epoch in (places[:6], places[6:]):
            assert sorted(torch.cat(epoch).tolist()) == list(range(40))
        assert not torch.equal(torch.cat(places[:6]), torch.cat(places[6:]))
        spreads.append(np.mean([np.ptp(lengths[each]) for each in places]))
    assert spreads[1] < spreads[0] / 3


def test_it_learns(tmp_path: Path) -> None:
    spec = spec_of(HEAD + TRAIN.replace("epochs: 2", "epochs: 8") + "  bucket: {by: T, width: 4}\n", tmp_path)
    run = train(spec, directory=tmp_path / "run", device="cpu")
    assert run.history[-1]["validation_loss"] < run.history[0]["validation_loss"] < 1.7
    again = train(spec, directory=tmp_path / "again", device="cpu")
    assert again.weights.read_bytes() == run.weights.read_bytes()


def test_samples_that_dims_excludes_are_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, head=HEAD.replace("max: 60", "min: 20, max: 25"))
    with pytest.raises(DataError, match=r"sample \d+ \(from 0\) is \d+ long; `T` is at least 20, at most 25"):
        Batches.of(plan.data.load(), plan, CPU)
    fixed = Samples({"sequence": np.zeros((2, 30), np.int64), "target": np.zeros((2, 30), np.int64)})
    batch = Batches.of(fixed, plan_of(tmp_path), CPU).gather(torch.arange(2))
    assert batch.named["n"].tolist() == [30, 30]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("lengths: n, ", ""), "`sequence`: the samples have several lengths along axis 1, the input has not"),
        (("bucket: {by: T}", "bucket: {by: S}"), "`bucket` goes by `S`, which has no lengths"),
        (("  bucket: {by: T}\n", "  bptt: {steps: 3}\n  accumulate: 2\n"), "`accumulate` is 1"),
        (("  bucket: {by: T}\n", "  bucket: {by: T}\n  bptt: {steps: 3}\n"), "`bucket` and `bptt` exclude each other"),
        (("gru: 6", "gru: {hidden_size: 3, bidirectional: true}"), ""),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    text = (HEAD + TRAIN + "  bucket: {by: T}\n").replace(*change)
    head, _, train = text.partition("train:\n")
    found, diagnostics = planned(f"train:\n{train}", tmp_path, head)
    if message:
        assert found is None and any(message in each.message for each in diagnostics), diagnostics
    else:
        assert found is not None


EACH = """\
netspec: 1
name: watching
dims: {T: {lengths: n}}
inputs: {sequence: {shape: [T], dtype: int64, below: 8}}
layers:
  - embedding: 4
  - lstm: 5
  - {name: logits, linear: 4}
"""
WATCHING = """\
train:
  data: {generated: {task: temporal_order, length: [12, 20], samples: 30}}
  batch_size: 6
  loss: {cross_entropy: {target: target}, each: T}
  optimizer: {adam: {lr: 0.01}}
  epochs: 1
"""


def test_every_step_has_the_one_target(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WATCHING, EACH)
    batch = Batches.of(plan.data.load(), plan, CPU).gather(torch.arange(7))
    logits = torch.randn(7, batch.inputs[0].shape[1], 4)
    rows, targets = [], []
    for row, target, length in zip(logits, batch.named["target"], batch.named["n"], strict=True):
        rows.append(row[:length])
        targets += [int(target)] * int(length)
    expected = functional.cross_entropy(torch.cat(rows), torch.tensor(targets))
    torch.testing.assert_close(Losses(plan.graph, plan.terms, CPU)((logits,), batch), expected)
    (right, count), *_ = Metrics(plan.graph, plan.measures).totals((logits,), batch)
    assert count == len(targets) and int(right) == int((torch.cat(rows).argmax(1) == torch.tensor(targets)).sum())


def test_an_axis_that_is_not_there_is_refused(tmp_path: Path) -> None:
    found, diagnostics = planned(WATCHING.replace("each: T", "each: S"), tmp_path, EACH)
    assert found is None and "each `S`: no axis of [T, 4] depends on it" in diagnostics[0].message
    found, diagnostics = planned(WATCHING.replace(", each: T", ""), tmp_path, EACH)
    assert found is None and diagnostics[0].code == "bad-training"
