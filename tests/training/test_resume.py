"""A run that was killed goes on to the same bits, and one that would not is refused or told what has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from netspec.compiler import compile_source
from netspec.diagnostics import Diagnostic, ModelError, Source
from netspec.training.average import Average
from netspec.training.checkpoints.store import Store
from netspec.training.keeper import Keeper, Patience
from netspec.training.order import Order
from netspec.training.parts import Random
from netspec.training.resume import spec_of_run
from netspec.training.run import train
from netspec.training.tally import Tally
from netspec.training.turn import Turn
from tests.training import test_streams as streams
from tests.training.resuming import (
    DROPOUT,
    KillAfter,
    Killed,
    assert_equal,
    assert_resumes,
    contents,
    killed_after,
    resumed,
    trained,
)
from tests.training.specs import HEAD, TRAIN, spec_of, write_data, write_idx

ADAMW = "  optimizer: {adamw: {lr: 0.01, weight_decay: 0.1}}\n"
GAN = """\
  updates:
    - {name: one, train_only: [conv], loss: cross_entropy, optimizer: {adam: 0.01}}
    - {name: two, train_only: [fc], loss: cross_entropy, optimizer: {sgd: {lr: 0.1, momentum: 0.9}}, every: 2}
"""
PLAIN = TRAIN.replace("  optimizer: {sgd: 0.05}\n", "")
BY_ACCURACY = "  keep: {best: accuracy}\n  metrics: accuracy\n"
AUGMENT = "  augment: {image: [{random_crop: {size: [6, 6], padding: 1}}, mixup]}\n"
RECIPES = {
    "augmented": PLAIN + ADAMW + AUGMENT,
    "momentum": PLAIN + "  optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true}}\n  metrics: accuracy\n",
    "one cycle": PLAIN
    + ADAMW
    + "  schedule: one_cycle\n  clip_grad_norm: 0.5\n  keep: {best: accuracy}\n  metrics: accuracy\n",
    "a list of schedules": PLAIN + ADAMW + "  schedule: [{linear: {}, for: 1}, {step: 1, warmup: 1}]\n",
    "an average": PLAIN + ADAMW + "  ema: {decay: 0.9}\n  accumulate: 2\n",
    "updates": PLAIN.replace("  loss: cross_entropy\n", "") + GAN,
    "early stopping": PLAIN + "  optimizer: {sgd: 3}\n  early_stopping: {patience: 1}\n",
    "in order": PLAIN + "  optimizer: {rprop: 0.01}\n  shuffle: false\n  evaluate: {every: 4}\n",
    "no held-out samples": PLAIN.replace("  validation: 0.25\n", "") + "  optimizer: {adagrad: 0.1}\n",
    "random changes": PLAIN
    + ADAMW
    + "  augment: {image: [{random_crop: {size: 6, padding: 1}}, {affine: 9}, mixup]}\n",
    "frozen": PLAIN + ADAMW + "  freeze: [conv]\n",
}


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return write_data(tmp_path)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, recipe: str) -> None:
    assert_resumes(spec_of(DROPOUT + RECIPES[recipe], tmp_path), tmp_path, [4, 5])


@pytest.mark.slow
def test_a_run_can_be_killed_after_any_step(tmp_path: Path) -> None:
    spec = spec_of(DROPOUT + RECIPES["one cycle"], tmp_path)
    assert_resumes(spec, tmp_path, list(range(1, 16)))


@pytest.mark.parametrize("part", [Random, Order, Turn, Average, Tally, Keeper, Patience])
def test_no_part_of_the_state_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: type) -> None:
    worse = PLAIN + "  optimizer: {sgd: 3}\n  early_stopping: {patience: 3}\n  evaluate: {every: 2}\n"
    recipe = worse if part in (Keeper, Patience) else RECIPES["an average"] + "  evaluate: {every: 2}\n"
    spec = spec_of(DROPOUT + recipe, tmp_path)
    trained(spec, tmp_path / "whole")
    killed_after(spec, tmp_path / "run", 6)
    whole = part.restore

    def restore(self: Any, state: Any) -> None:
        whole(self, {**state, "generator": torch.Generator().get_state()})

    monkeypatch.setattr(part, "restore", restore if part is Order else lambda *_: None)
    resumed(tmp_path / "run")
    with pytest.raises(AssertionError):
        assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_a_run_can_be_killed_again_and_again(tmp_path: Path) -> None:
    spec = spec_of(DROPOUT + RECIPES["momentum"], tmp_path)
    trained(spec, tmp_path / "whole")
    killed_after(spec, tmp_path / "run", 3)
    for _ in range(5):
        killer = KillAfter(3)
        with pytest.raises(Killed):
            resumed(tmp_path / "run", observing=lambda *_, killer=killer: [killer], checkpoint_seconds=0)
    resumed(tmp_path / "run")
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


STACKED = """\
netspec: 1
name: stacked
args: {depth: 1, width: 4}
inputs: {x: {shape: [5], preprocess: [{scale: =1/255}]}}
layers:
  - {name: enc1, linear: =width}
  - sigmoid
  - {name: enc2, when: =depth > 1, linear: 3}
  - {name: dec2, when: =depth > 1, linear: =width}
  - {name: dec1, linear: 5}
train:
  data: {idx: {images: vectors, labels: labels, fields: {x: image}}}
  batch_size: 10
  loss: {mse_loss: {target: x}}
  optimizer: {adam: 0.01}
  epochs: 1
  stages:
    - {name: outer}
    - {name: inner, set: {depth: 2}, train_only: [enc2, dec2], epochs: 1.5}
    - {name: both, set: {depth: 2}}
"""


def test_stages_are_gone_through_once(tmp_path: Path) -> None:
    write_idx(tmp_path / "vectors", np.random.default_rng(0).integers(0, 256, (64, 5)))
    (tmp_path / "stacked.yaml").write_text(STACKED)
    source = Source(str(tmp_path / "stacked.yaml"), STACKED)
    assert_resumes(compile_source(source, settings=["width=3"]), tmp_path, [3, 7, 8, 12, 17, 19, 20])


def test_carried_recurrent_states_come_back(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("abc cab bac\n" * 20)
    spec = spec_of(streams.PLAIN + streams.TRAIN, tmp_path)
    assert "bptt" in streams.TRAIN
    assert_resumes(spec, tmp_path, [5, 14])


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    spec = spec_of(DROPOUT + TRAIN, tmp_path)
    trained(spec, tmp_path / "whole", seed=5, rewrite=False)
    killer = KillAfter(4)
    with pytest.raises(Killed):
        trained(spec, tmp_path / "run", seed=5, rewrite=False, observing=lambda *_: [killer])
    told: list[Diagnostic] = []
    resumed(tmp_path / "run", warn=told.extend)
    assert [each.message for each in told] == ["there is no checkpoint yet: the run begins again"]
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_a_finished_run_is_finished(tmp_path: Path) -> None:
    run = trained(spec_of(HEAD + TRAIN, tmp_path), tmp_path / "run")
    before = contents(tmp_path / "run")
    again = resumed(tmp_path / "run")
    assert again.metrics == run.metrics and again.history == run.history
    assert again.seconds > run.seconds / 2, "the time of a run goes on"
    assert_equal(contents(tmp_path / "run"), before)


@pytest.mark.parametrize("schedule", ["", "  schedule: {step: 2}\n", "  schedule: {exponential: 0.9, per: step}\n"])
def test_a_run_can_be_made_longer(tmp_path: Path, schedule: str) -> None:
    text = DROPOUT + TRAIN + schedule
    whole = trained(spec_of(text.replace("epochs: 3", "epochs: 6"), tmp_path), tmp_path / "whole")
    trained(spec_of(text, tmp_path), tmp_path / "run")
    told: list[Diagnostic] = []
    run = train(spec_of_run(tmp_path / "run", ["train.epochs=6"]), resume=tmp_path / "run", warn=told.extend)
    (found,) = told
    assert found.message == "changed, and harmless" and found.notes == ("`train.epochs` was 3, is 6",)
    assert run.last.read_bytes() == whole.last.read_bytes()
    again = spec_of_run(tmp_path / "run")
    assert again.settings == ("train.epochs=6",)


WORSE = PLAIN + "  optimizer: {sgd: {lr: 0.02, maximize: true}}\n"


def test_where_the_best_weights_are_not_the_last_the_last_go_on(tmp_path: Path) -> None:
    whole = trained(spec_of(HEAD + WORSE.replace("epochs: 3", "epochs: 5"), tmp_path), tmp_path / "whole")
    run = trained(spec_of(HEAD + WORSE, tmp_path), tmp_path / "run")
    saved, last, best = Store(run.directory).open().tensors("weights"), load_file(run.last), load_file(run.weights)
    assert all(np.array_equal(saved[key], last[key]) for key in last)
    assert not any(torch.equal(best[key], last[key]) for key in last)
    longer = train(spec_of_run(tmp_path / "run", ["train.epochs=5"]), resume=tmp_path / "run")
    assert longer.last.read_bytes() == whole.last.read_bytes()


def test_where_the_best_weights_are_not_the_last_the_last_are_carried(tmp_path: Path) -> None:
    text = HEAD + WORSE + "  stages: [{name: one}, {name: two, optimizer: {sgd: 0}, epochs: 1}]\n"
    run = trained(spec_of(text, tmp_path), tmp_path / "run")
    one = {name: load_file(run.directory / "stages" / "one" / f"{name}.safetensors") for name in ("best", "last")}
    two = load_file(run.last)
    assert all(torch.equal(two[key], one["last"][key]) for key in two)
    assert not any(torch.equal(two[key], one["best"][key]) for key in two)


def test_an_earlier_checkpoint_can_be_named(tmp_path: Path) -> None:
    spec = spec_of(DROPOUT + TRAIN, tmp_path)
    trained(spec, tmp_path / "whole")
    killed_after(spec, tmp_path / "run", 7)
    store = Store(tmp_path / "run")
    assert store.steps() == [5, 6]
    damaged = store.directory / "000000006" / "state.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"000000006/state\.safetensors: the file is damaged") as caught:
        resumed(tmp_path / "run")
    named = store.directory / "000000005"
    assert caught.value.diagnostics[0].help == f"`--resume {named}` goes on from the one before"
    train(spec_of_run(named), resume=named)
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no run in this directory"):
        spec_of_run(tmp_path)
    trained(spec_of(HEAD + TRAIN, tmp_path), tmp_path / "run")
    with pytest.raises(ModelError, match="cannot read: no such file"):
        train(spec_of_run(tmp_path / "run"), resume=tmp_path / "run" / "checkpoints" / "000000003")
    (tmp_path / "run" / "environment.json").write_text("[]")
    with pytest.raises(ModelError, match="this does not say how the run began"):
        spec_of_run(tmp_path / "run")


@pytest.mark.gpu
def test_a_run_on_cuda_goes_on(tmp_path: Path) -> None:
    spec = spec_of(DROPOUT + RECIPES["an average"], tmp_path)
    whole = trained(spec, tmp_path / "whole", device="cuda")
    killer = KillAfter(5)
    with pytest.raises(Killed):
        trained(spec, tmp_path / "run", device="cuda", observing=lambda *_: [killer], checkpoint_seconds=0)
    told: list[Diagnostic] = []
    run = resumed(tmp_path / "run", warn=told.extend)
    assert not told and [row["step"] for row in run.history] == [row["step"] for row in whole.history]
    one, other = load_file(run.last), load_file(whole.last)
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_a_run_goes_on_where_it_was_begun(tmp_path: Path) -> None:
    trained(spec_of(DROPOUT + TRAIN, tmp_path), tmp_path / "whole")
    killed_after(spec_of(DROPOUT + TRAIN, tmp_path), tmp_path / "run", 5)
    resumed(tmp_path / "run")
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))
