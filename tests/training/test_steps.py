"""What a step does: accumulation, clipping, averages, autocast, groups, freezing, several updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netspec.backends.torch import build
from netspec.diagnostics import UnavailableError
from netspec.training.average import Average
from netspec.training.batches import Batch
from netspec.training.journal import Journal
from netspec.training.loop import Loop, Splits
from netspec.training.order import Order
from netspec.training.plan import TrainPlan
from netspec.training.precision import Precision
from netspec.training.run import planned, train
from netspec.training.splits import load_parts
from tests.training.specs import DATA, HEAD, TRAIN, spec_of, write_data

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return write_data(tmp_path)


def plan_of(train_section: str, folder: Path, head: str = HEAD) -> TrainPlan:
    return planned(spec_of(head + train_section, folder)).final


def loop_of(plan: TrainPlan, folder: Path, *, seed: int = 0, double: bool = False) -> tuple[Loop, nn.Module]:
    torch.manual_seed(seed)
    module = build(plan.graph)
    splits = Splits.of(*load_parts(plan), plan, CPU)
    if double:
        module.double()
        splits = Splits(_Doubled(splits.train), None)
    folder.mkdir(exist_ok=True)
    return Loop(plan, module, splits, CPU, Journal(folder), seed=seed, place="small.yaml"), module


class _Doubled:
    """Batches in float64."""

    def __init__(self, batches: object) -> None:
        self._batches = batches

    def __getattr__(self, name: str) -> object:
        return getattr(self._batches, name)

    def __len__(self) -> int:
        return len(self._batches)

    def gather(self, places: torch.Tensor, epoch: int) -> Batch:
        batch = self._batches.gather(places, epoch)
        doubled = {key: each.double() if each.is_floating_point() else each for key, each in batch.named.items()}
        return Batch(tuple(doubled["image"] for _ in batch.inputs), doubled, batch.size)


def steps(loop: Loop, count: int | None = None) -> None:
    for moment, places in loop.order:
        loop._step(moment, places)
        if moment.step == count:
            return


@pytest.mark.parametrize("optimizer", ["{sgd: {lr: 0.1, momentum: 0.9}}", "{adam: 0.01}"])
def test_four_batches_of_8_are_one_of_32_in_float64(tmp_path: Path, optimizer: str) -> None:
    """48 samples are left of 64: a step of 32 and one of 16."""
    found = []
    for size, times in ((8, 4), (32, 1)):
        text = f"train:\n{DATA}  loss: cross_entropy\n  optimizer: {optimizer}\n  epochs: 5\n  validation: 0.25\n"
        text += f"  batch_size: {size}\n  accumulate: {times}\n  clip_grad_norm: 0.5\n"
        loop, module = loop_of(plan_of(text, tmp_path), tmp_path / str(size), double=True)
        assert (loop.batches, loop.steps) == (2, 10)
        steps(loop)
        found.append({key: value.clone() for key, value in module.state_dict().items()})
    for key, value in found[0].items():
        assert value.dtype is torch.float64
        torch.testing.assert_close(value, found[1][key], rtol=0, atol=1e-10)


def test_gradients_are_clipped_by_value(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    text = f"train:\n{DATA}  batch_size: 64\n  shuffle: false\n  loss: cross_entropy\n  optimizer: {{sgd: 1}}\n"
    plan = plan_of(text + "  steps: 1\n  clip_grad_value: 0.01\n", tmp_path)
    loop, module = loop_of(plan, tmp_path / "run")
    before = {key: value.clone() for key, value in module.named_parameters()}
    steps(loop)
    for key, value in module.named_parameters():
        moved = (before[key] - value).abs()
        assert float(moved.detach().max()) <= 0.0100001
    assert any(bool((before[key] - value).abs().isclose(torch.tensor(0.01), rtol=1e-3).any())
               for key, value in module.named_parameters())  # fmt: skip


def test_the_average_is_torchs() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    theirs = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    ours = Average(module, 0.9)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.001)
    for _ in range(7):
        optimizer.zero_grad()
        module(torch.randn(8, 3)).square().sum().backward()
        optimizer.step()
        ours.update()
        theirs.update_parameters(module)
    live = [each.clone() for each in module.parameters()]
    with ours.in_place():
        for mine, averaged in zip(module.parameters(), theirs.module.parameters(), strict=True):
            assert torch.equal(mine, averaged)
    assert all(map(torch.equal, live, module.parameters()))


def test_the_average_is_measured_and_kept(tmp_path: Path) -> None:
    text = TRAIN.replace("epochs: 3", "epochs: 2") + "  ema: {decay: 0.5}\n"
    run = train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "run")
    plain = train(spec_of(HEAD + text.replace("  ema: {decay: 0.5}\n", ""), tmp_path), directory=tmp_path / "plain")
    averaged, live = load_file(run.last), load_file(plain.last)
    assert not torch.equal(averaged["fc.weight"], live["fc.weight"])
    assert run.history[-1]["train_loss"] == plain.history[-1]["train_loss"]
    assert run.history[-1]["validation_loss"] != plain.history[-1]["validation_loss"]


def test_bfloat16_learns_or_is_refused(tmp_path: Path) -> None:
    text = TRAIN.replace("epochs: 3", "epochs: 30") + "  precision: bfloat16\n"
    spec = spec_of(HEAD + text, tmp_path)
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        with pytest.raises(UnavailableError, match="this CPU does not compute in bfloat16"):
            train(spec, directory=tmp_path / "run")
        return
    run = train(spec, directory=tmp_path / "run")
    assert run.metrics["validation_accuracy"] > 0.9
    assert all(each.dtype is torch.float32 for each in load_file(run.last).values())


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_what_the_cpu_cannot_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"bfloat16": "bf16", "float16": "fp16"}[name]
    monkeypatch.setattr(torch.ops.mkldnn, f"_is_mkldnn_{short}_supported", lambda: False)
    with pytest.raises(UnavailableError) as caught:
        Precision(name, CPU)
    assert caught.value.diagnostics[0].message == f"this CPU does not compute in {name}"
    spec = spec_of(HEAD + TRAIN + f"  stages: [{{epochs: 1}}, {{precision: {name}}}]\n", tmp_path)
    with pytest.raises(UnavailableError):
        train(spec, directory=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


NORMED = HEAD.replace("  - relu", "  - {name: bn, batch_norm}\n  - relu")


def test_a_frozen_batch_norm_keeps_its_statistics(tmp_path: Path) -> None:
    frozen = TRAIN + "  freeze: [conv, bn]\n"
    loop, module = loop_of(plan_of(frozen, tmp_path, NORMED), tmp_path / "run")
    before = {key: value.clone() for key, value in module.state_dict().items()}
    loop._train_mode()
    steps(loop)
    after = module.state_dict()
    same = {key for key, value in before.items() if torch.equal(value, after[key])}
    assert same == {key for key in before if not key.startswith("fc.")}
    assert "bn.running_mean" in same and "bn.num_batches_tracked" in same


def test_train_only_is_freeze_of_the_rest(tmp_path: Path) -> None:
    one = plan_of(TRAIN + "  freeze: [conv, bn]\n", tmp_path, NORMED)
    other = plan_of(TRAIN + "  train_only: fc\n", tmp_path, NORMED)
    assert (one.trained.keys, one.trained.still) == (other.trained.keys, other.trained.still)
    assert one.trained.still == ("bn",) and one.trained.keys == ("fc.weight", "fc.bias")
    part = plan_of(TRAIN + "  train_only: [fc, bn.bias]\n", tmp_path, NORMED)
    assert part.trained.still == () and part.trained.keys == ("bn.bias", "fc.weight", "fc.bias")


def test_groups_have_arguments_of_their_own(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    optimizer = "{sgd: {lr: 0.1, weight_decay: 0.5, groups: [{params: {parameter: bias}, weight_decay: 0}, "
    optimizer += "{params: fc, lr: 0}]}}"
    text = f"train:\n{DATA}  batch_size: 64\n  shuffle: false\n  loss: cross_entropy\n  optimizer: {optimizer}\n"
    plan = plan_of(text + "  steps: 1\n", tmp_path)
    (update,) = plan.updates
    assert [group.keys for group in update.groups] == [("conv.weight",), ("conv.bias", "fc.bias"), ("fc.weight",)]
    loop, module = loop_of(plan, tmp_path / "run")
    by_hand = build(plan.graph)
    by_hand.load_state_dict(module.state_dict())
    images = ((torch.from_numpy(data[0]).float() / 255 - 0.5) / 0.25).unsqueeze(1)
    functional.cross_entropy(by_hand(images), torch.from_numpy(data[1])).backward()
    steps(loop)
    named = dict(by_hand.named_parameters())
    for key, rate, decay in (
        ("conv.weight", 0.1, 0.5),
        ("conv.bias", 0.1, 0),
        ("fc.bias", 0.1, 0),
        ("fc.weight", 0, 0),
    ):
        assert named[key].grad is not None
        expected = named[key] - rate * (named[key].grad + decay * named[key])
        torch.testing.assert_close(module.get_parameter(key), expected, rtol=1e-5, atol=1e-6)


GAN = """\
netspec: 1
name: small
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}
layers:
  - {name: flat, flatten}
  - {name: generator, sequence: [{linear: 8}, batch_norm, relu, {linear: 36}]}
  - {name: discriminator, from: flat, sequence: [{linear: 6}, batch_norm, {dropout: 0.3}, {linear: 1}]}
  - {name: judged, call: discriminator, from: generator}
"""
LOGITS = "binary_cross_entropy_with_logits"
ADVERSARIAL = f"""\
train:
{DATA}  batch_size: 16
  shuffle: false
  updates:
    - name: first
      train_only: discriminator
      loss:
        - {{{LOGITS}: {{output: discriminator, target: 1}}}}
        - {{{LOGITS}: {{output: judged, target: 0}}, weight: 0.5}}
      optimizer: {{sgd: 0.1}}
    - name: second
      train_only: generator
      loss: {{{LOGITS}: {{output: judged, target: 1}}}}
      optimizer: {{sgd: {{lr: 0.1, momentum: 0.9}}}}
  epochs: 2
"""


def test_two_updates_take_turns_as_by_hand(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    plan = plan_of(ADVERSARIAL, tmp_path, GAN)
    loop, module = loop_of(plan, tmp_path / "run", seed=4)
    by_hand = build(plan.graph)
    by_hand.load_state_dict(module.state_dict())
    generator, discriminator = by_hand.get_submodule("generator"), by_hand.get_submodule("discriminator")
    images = torch.from_numpy(data[0]).float() / 255
    first = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    second = torch.optim.SGD(generator.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(9)
    loop._train_mode()
    steps(loop)
    torch.manual_seed(9)
    logits = functional.binary_cross_entropy_with_logits
    for _ in range(2):
        for x in images.flatten(1).split(16):
            noise = torch.get_rng_state()
            _statistics(generator, still=True)
            fake = generator(x)
            real_logit, fake_logit = discriminator(x), discriminator(fake.detach())
            loss = logits(real_logit, torch.ones(16, 1)) + 0.5 * logits(fake_logit, torch.zeros(16, 1))
            first.zero_grad()
            loss.backward()
            first.step()
            _statistics(generator, still=False)
            torch.set_rng_state(noise)
            _statistics(discriminator, still=True)
            fake = generator(x)
            discriminator(x)  # draws its dropout, as in the whole network
            loss = logits(discriminator(fake), torch.ones(16, 1))
            second.zero_grad()
            loss.backward()
            second.step()
            _statistics(discriminator, still=False)
    expected = by_hand.state_dict()
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value, expected[key], rtol=1e-5, atol=1e-6, msg=key)


def _statistics(module: nn.Module, *, still: bool) -> None:
    for each in module.modules():
        if isinstance(each, nn.BatchNorm1d):
            each.track_running_stats = not still


def test_losses_of_updates_are_noted_by_name(tmp_path: Path) -> None:
    run = train(spec_of(GAN + ADVERSARIAL, tmp_path), directory=tmp_path / "run")
    row = run.history[-1]
    assert row["train_loss"] == pytest.approx(row["train_first_loss"] + row["train_second_loss"])


WHOLE = TRAIN.replace("epochs: 3", "epochs: 4").replace(
    "sgd: 0.05", "adamw: {lr: 0.01, groups: [{params: fc, lr: 0.02}]}"
)
WHOLE += """\
  schedule: [{linear: {}, per: step, for: 5}, {cosine_annealing: {}, per: step}]
  clip_grad_norm: 1
  accumulate: 2
  ema: {decay: 0.9}
  early_stopping: {patience: 50}
  evaluate: {every: 4}
"""
PLATEAU = (
    TRAIN
    + """\
  schedule: {reduce_on_plateau: {patience: 0, threshold: 0.5}}
  evaluate: {every: 2}
"""
)
DROPPED = NORMED.replace("  - flatten", "  - dropout: 0.3\n  - flatten")


@pytest.mark.parametrize("at", range(1, 12))
@pytest.mark.parametrize("section", ["whole", "turns", "plateau"])
def test_a_restored_loop_goes_on_to_the_same_bits(tmp_path: Path, at: int, section: str) -> None:
    """48 samples in steps of 20: three an epoch; it is stopped after any of the first eleven."""
    text, head = {
        "whole": (WHOLE, DROPPED),
        "turns": (ADVERSARIAL.replace("epochs: 2", "epochs: 4"), GAN),
        "plateau": (PLATEAU, DROPPED),
    }[section]
    plan = plan_of(text, tmp_path, head)
    straight, module = loop_of(plan, tmp_path / "straight", seed=1)
    _run(straight)
    broken, _ = loop_of(plan, tmp_path / "broken", seed=1)
    _run(broken, at)
    state = _copied(broken.state())
    other, resumed = loop_of(plan, tmp_path / "resumed", seed=2)
    torch.rand(7)
    other.restore(state)
    _run(other)
    expected = module.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in resumed.state_dict().items())
    assert all(torch.equal(value, straight.named_weights()[key]) for key, value in other.named_weights().items())
    assert _rows(other)[-1] == _rows(straight)[-1]


def _run(loop: Loop, until: int | None = None) -> None:
    """As `Loop.run`, stopped after a step."""
    every = loop.batches if loop.plan.evaluate.every == "epoch" else loop.plan.evaluate.every
    loop._train_mode()
    for moment, places in loop.order:
        loop._step(moment, places)
        if moment.step % every == 0 or moment.step == loop.steps:
            loop._evaluate(moment)
        if moment.step == until:
            return


def _rows(loop: Loop) -> Sequence[dict[str, object]]:
    return [{key: row[key] for key in row if "seconds" not in key} for row in loop._journal.rows]


def _copied(state: object) -> object:
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(each) for each in state] if isinstance(state, list) else state


def test_an_order_that_goes_on_gives_what_was_left(tmp_path: Path) -> None:
    batches = Splits.of(*load_parts(plan_of(TRAIN, tmp_path)), plan_of(TRAIN, tmp_path), CPU).train
    whole = [(moment.step, moment.epoch, moment.batch, places.tolist()) for moment, places in Order(batches, 10, 17, 3)]
    assert len(whole) == 17 and sorted(place for each in whole[:5] for place in each[3]) == list(range(48))
    for at in range(1, 17):
        order = Order(batches, 10, 17, 3)
        for moment, _ in order:
            if moment.step == at:
                break
        later = Order(batches, 10, 17, 99)
        later.restore(order.state())
        rest = [(moment.step, moment.epoch, moment.batch, places.tolist()) for moment, places in later]
        assert rest == whole[at:]


def test_a_stage_ends_early_when_nothing_gets_better(tmp_path: Path) -> None:
    text = TRAIN.replace("sgd: 0.05", "sgd: 0").replace("epochs: 3", "epochs: 50")
    run = train(spec_of(HEAD + text + "  early_stopping: {patience: 4}\n", tmp_path), directory=tmp_path / "run")
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4, 5]
    assert math.isfinite(run.metrics["validation_loss"])
