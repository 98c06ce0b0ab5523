"""Runs on a small problem, against a loop written by hand, and with everything that can go wrong."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from netspec.backends.torch import build
from netspec.compiler import load
from netspec.data.samples import Samples
from netspec.diagnostics import ModelError, NetspecError, SpecError, TrainingError, UnavailableError
from netspec.training import loop as loop_module
from netspec.training.checkpoints.store import Store
from netspec.training.evaluate import evaluate
from netspec.training.finite import LossWatch, Moment, NotFiniteError, first_layer
from netspec.training.interrupt import TrainingInterrupted
from netspec.training.objective import Objective
from netspec.training.run import train
from netspec.training.weights import load_into
from tests.training.specs import DATA, HEAD, TRAIN, spec_of, write_data


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return write_data(tmp_path)


def plain_network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


def test_the_loop_is_the_one_written_by_hand(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    text = f"""\
train:
{DATA}  batch_size: 10
  shuffle: false
  loss: {{cross_entropy: {{label_smoothing: 0.1}}}}
  optimizer: {{sgd: {{lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01}}}}
  schedule: {{exponential: 0.5}}
  clip_grad_norm: 0.5
  epochs: 2.5
"""
    run = train(spec_of(HEAD + text, tmp_path), seed=3, directory=tmp_path / "run", rewrite=False, threads=1)

    torch.manual_seed(3)
    network = plain_network()
    images = ((torch.from_numpy(data[0]).float() / 255 - 0.5) / 0.25).unsqueeze(1)
    labels = torch.from_numpy(data[1])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    losses = []
    for step in range(1, 19):  # 7 batches of 64 samples an epoch: 2.5 epochs are 17.5 steps
        at = (step - 1) % 7 * 10
        loss = functional.cross_entropy(network(images[at : at + 10]), labels[at : at + 10], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        losses.append((loss.item(), len(images[at : at + 10])))
        if step % 7 == 0:
            scheduler.step()
    found = load_file(run.last)
    assert sorted(found) == sorted(["conv.weight", "conv.bias", "fc.weight", "fc.bias"])
    for key, value in zip(("conv.weight", "conv.bias", "fc.weight", "fc.bias"), network.parameters(), strict=True):
        torch.testing.assert_close(found[key], value.detach(), rtol=1e-4, atol=1e-5)
    assert [row["step"] for row in run.history] == [7, 14, 18] and run.history[-1]["lr"] == pytest.approx(0.025)
    first = losses[:7]
    assert run.history[0]["train_loss"] == pytest.approx(sum(a * n for a, n in first) / 64, rel=1e-4)


def test_it_learns_and_leaves_everything_behind(tmp_path: Path) -> None:
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "epochs: 30"), tmp_path)
    run = train(spec, directory=tmp_path / "run")
    assert run.metrics["validation_accuracy"] == 1.0 and run.cpu_seconds > 0
    names = {path.name for path in run.directory.iterdir()}
    assert names == {
        *(".lock", "checkpoints", "result.json"),
        *("spec.yaml", "environment.json", "metrics.jsonl", "best.safetensors", "last.safetensors"),
        *("curves.svg", "filters.svg", "confusion.svg"),
    }
    assert (run.directory / "spec.yaml").read_text() == spec.source.text
    environment = json.loads((run.directory / "environment.json").read_text())
    assert environment["seed"] == 0 and environment["threads"] == 1 and environment["device"] == "cpu"
    assert environment["samples"] == {"train": 48, "validation": 16}
    rows = [json.loads(line) for line in (run.directory / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 31)) and tuple(rows) == run.history
    for name in ("curves", "filters", "confusion"):
        ElementTree.parse(run.directory / f"{name}.svg")
    best = max(row["validation_loss"] for row in rows), min(row["validation_loss"] for row in rows)
    assert run.metrics["validation_loss"] == best[1]
    assert evaluate(spec, run.weights, split="validation")["loss"] == pytest.approx(best[1], rel=1e-5)
    assert evaluate(spec, run.weights, split="train")["accuracy"] == 1.0
    with pytest.raises(TrainingError, match="no test data"):
        evaluate(spec, run.weights)


def test_equal_seeds_give_equal_bits(tmp_path: Path) -> None:
    spec = spec_of(HEAD.replace("  - flatten", "  - dropout: 0.3\n  - flatten") + TRAIN, tmp_path)
    files = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(5)  # what was drawn before must not matter
        files[name] = train(spec, seed=seed, directory=tmp_path / name).last.read_bytes()
    assert files["a"] == files["b"] != files["c"]


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run")
    assert torch.equal(torch.rand(3), expected) and torch.get_num_threads() == threads


def test_rewrites_keep_what_is_computed(tmp_path: Path) -> None:
    spec = spec_of(HEAD.replace("  - flatten", "  - max_pool: 2\n  - flatten") + TRAIN, tmp_path)
    runs = [train(spec, directory=tmp_path / str(rewrite), rewrite=rewrite) for rewrite in (False, True)]
    plain, rewritten = (load_file(run.last) for run in runs)
    for key, value in plain.items():
        torch.testing.assert_close(rewritten[key], value, rtol=1e-3, atol=1e-5)


def test_an_autoencoder_learns_its_own_input(tmp_path: Path) -> None:
    head = (
        HEAD.replace("linear: 3", "linear: 36") + "  - {name: out, unflatten: {dim: 1, unflattened_size: [1, 6, 6]}}\n"
    )
    text = TRAIN.replace("loss: cross_entropy", "loss: {mse_loss: {target: image}}\n  metrics: mae").replace(
        "3\n", "9\n"
    )
    text = text.replace("classes: 9", "classes: 3")
    run = train(spec_of(head + text, tmp_path), directory=tmp_path / "run")
    assert run.history[-1]["validation_loss"] < 0.8 * run.history[0]["validation_loss"]
    assert run.history[-1]["validation_mae"] < run.history[0]["validation_mae"]
    assert not (run.directory / "confusion.svg").exists()


@pytest.mark.parametrize(("loss", "measured"), [("cross_entropy", 3), ("{mse_loss: {target: 0}}", 2)])
def test_what_is_no_picture_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str, measured: int
) -> None:
    """After each epoch, and at the end for the confusion matrix of the best weights where there are classes."""
    calls = []
    measure = Objective.measure
    monkeypatch.setattr(Objective, "measure", lambda *given: calls.append(given) or measure(*given))
    text = TRAIN.replace("epochs: 3", "epochs: 2").replace("loss: cross_entropy", f"loss: {loss}")
    run = train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "run")
    assert len(calls) == measured
    assert (run.directory / "confusion.svg").exists() is (measured == 3)


def test_without_held_out_samples_the_last_weights_are_the_best(tmp_path: Path) -> None:
    text = TRAIN.replace("  validation: 0.25\n", "") + "  schedule: one_cycle\n  evaluate: {every: 5}\n"
    run = train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "run")
    assert [row["step"] for row in run.history] == [5, 10, 15, 20, 21]
    assert run.weights.read_bytes() == run.last.read_bytes()
    assert set(run.metrics) == {"train_loss", "train_accuracy"}


def poisoned(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """From step `at` on, the bias of the last layer is infinite."""
    step, seen = loop_module.Loop._step, [0]

    def broken(self: loop_module.Loop, *arguments: object) -> None:
        seen[0] += 1
        if seen[0] == at:
            self._module.get_submodule("fc").bias.data[0] = float("inf")
        step(self, *arguments)

    monkeypatch.setattr(loop_module.Loop, "_step", broken)


def test_a_loss_that_is_not_finite_ends_the_run_in_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, 8)
    spec = spec_of(HEAD + TRAIN, tmp_path)
    with pytest.raises(TrainingError) as caught:
        train(spec, directory=tmp_path / "run")
    (found,) = caught.value.diagnostics
    assert found.code == "not-finite" and found.span is not None and found.span.line == 9
    assert found.message == "the loss is nan at step 8 (epoch 2, batch 3 of 5); first in the output of `fc` (linear)"
    assert found.notes == ("parameters that are not finite: fc.bias",)
    for name in ("best", "last"):
        weights = load_file(tmp_path / "run" / f"{name}.safetensors")
        assert all(torch.isfinite(value).all() for value in weights.values())
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1


def test_a_rate_that_is_too_high_ends_cleanly(tmp_path: Path) -> None:
    text = TRAIN.replace("sgd: 0.05", "sgd: 1e38").replace("epochs: 3", "steps: 1")
    with pytest.raises(TrainingError, match="an evaluation after step 1 "):
        train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "one")
    assert not (tmp_path / "one" / "last.safetensors").exists()
    with pytest.raises(TrainingError, match="the loss is nan at step 2 "):
        train(spec_of(HEAD + text.replace("steps: 1", "epochs: 3"), tmp_path), directory=tmp_path / "many")


def test_a_lagging_watch_reads_the_step_before() -> None:
    noted: list[tuple[str, float, int]] = []
    watch = LossWatch(torch.device("cuda"), lambda *each: noted.append(each))  # it touches no device by itself
    moments = [Moment(step, 1, step, 9) for step in (1, 2, 3)]
    watch.see(moments[0], torch.tensor(1.0), "a", 4)
    assert noted == []
    watch.see(moments[1], torch.tensor(float("nan")), "a", 4)
    assert noted == [("a", 1.0, 4)]
    with pytest.raises(NotFiniteError) as caught:
        watch.see(moments[2], torch.tensor(2.0), "a", 3)
    assert caught.value.moment == moments[1]
    watch.flush()
    assert noted == [("a", 1.0, 4), ("a", 2.0, 3)]
    watch.see(moments[0], torch.tensor(float("inf")), "a", 4)
    with pytest.raises(NotFiniteError):
        watch.flush()
    with pytest.raises(NotFiniteError):
        LossWatch(torch.device("cpu"), print).see(moments[0], torch.tensor(float("inf")), "a", 4)


def test_the_first_layer_that_fails_is_found() -> None:
    network = plain_network()
    network[0].weight.data[2] = float("nan")

    class OneBatch:
        inputs = (torch.zeros(2, 1, 6, 6),)

    assert first_layer(network, OneBatch()) == "0"
    network[0].weight.data[2] = 0
    assert first_layer(network, OneBatch()) is None


def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, seen = loop_module.Loop._step, [0]

    def interrupted(self: loop_module.Loop, *arguments: object) -> None:
        seen[0] += 1
        if seen[0] == 7:
            os.kill(os.getpid(), signal.SIGINT)
        step(self, *arguments)

    monkeypatch.setattr(loop_module.Loop, "_step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run")
    assert isinstance(caught.value, TrainingInterrupted)
    assert caught.value.step == 7 and caught.value.directory == tmp_path / "run"
    assert signal.getsignal(signal.SIGINT) is handler
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [5]
    assert Store(tmp_path / "run").steps() == [7] and (tmp_path / "run" / "curves.svg").exists()
    last, saved = load_file(tmp_path / "run" / "last.safetensors"), Store(tmp_path / "run").open().tensors("weights")
    assert last.keys() == saved.keys() and all(np.array_equal(last[key], saved[key]) for key in last)


def test_other_threads_train_too(tmp_path: Path) -> None:
    runs: list[object] = []
    spec = spec_of(HEAD + TRAIN, tmp_path)
    thread = threading.Thread(target=lambda: runs.append(train(spec, directory=tmp_path / "run")))
    thread.start()
    thread.join()
    assert len(runs) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        train(spec_of(HEAD + TRAIN, tmp_path), device="cuda", directory=tmp_path / "run")
    assert caught.value.exit_code == 69 and not (tmp_path / "run").exists()


@pytest.mark.gpu
def test_training_on_cuda(tmp_path: Path) -> None:
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "epochs: 30"), tmp_path)
    run = train(spec, device="cuda", directory=tmp_path / "run")
    assert run.metrics["validation_accuracy"] == 1.0
    assert evaluate(spec, run.weights, split="validation", device="cpu")["accuracy"] == 1.0


@pytest.mark.gpu
def test_a_loss_that_is_not_finite_on_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, 8)
    with pytest.raises(TrainingError, match="the loss is nan at step 8 "):
        train(spec_of(HEAD + TRAIN, tmp_path), device="cuda", directory=tmp_path / "run")
    weights = load_file(tmp_path / "run" / "last.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_specs_that_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no `train` section"):
        train(spec_of(HEAD, tmp_path))
    with pytest.raises(SpecError, match="has no key `epoch`"):
        train(spec_of(HEAD + TRAIN + "  epoch: 3\n", tmp_path))
    train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run")
    with pytest.raises(NetspecError, match="holds a run already"):
        train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run")


def test_one_sample_left_over_for_batch_norm(tmp_path: Path) -> None:
    head = HEAD.replace("  - {name: fc", "  - batch_norm\n  - {name: fc")
    text = TRAIN.replace("batch_size: 10", "batch_size: 47")
    with pytest.raises(TrainingError, match="the last batch of an epoch has one sample"):
        train(spec_of(head + text, tmp_path), directory=tmp_path / "run")
    train(spec_of(head + TRAIN, tmp_path), directory=tmp_path / "other")


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_are_what_torch_takes(tmp_path: Path, seed: int) -> None:
    with pytest.raises(TrainingError, match="a seed is a number"):
        train(spec_of(HEAD + TRAIN, tmp_path), seed=seed, directory=tmp_path / "run")


def test_runs_get_a_directory_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "steps: 1"), tmp_path)
    directories = {train(spec).directory for _ in range(3)}
    assert len(directories) == 3 and all(each.parent == Path("runs/small") for each in directories)


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "dtype", "nan", "text", "absent"])
def test_weights_that_do_not_fit(tmp_path: Path, damage: str) -> None:
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "steps: 1"), tmp_path)
    good = load_file(train(spec, directory=tmp_path / "run").last)
    changes = {
        "missing": {"fc.bias": None},
        "extra": {"fc.scale": torch.zeros(3)},
        "shape": {"fc.bias": torch.zeros(4)},
        "dtype": {"fc.bias": torch.zeros(3, dtype=torch.float64)},
        "nan": {"fc.bias": torch.full((3,), float("nan"))},
    }
    changed = {key: value for key, value in (good | changes.get(damage, {})).items() if value is not None}
    path = tmp_path / "weights.safetensors"
    if damage == "text":
        path.write_text("weights")
    elif damage != "absent":
        save_file(changed, path)
    with pytest.raises(ModelError) as caught:
        evaluate(spec, path, split="validation")
    (found,) = caught.value.diagnostics
    said = {
        "missing": "`fc.bias` [3] is missing in",
        "extra": "`fc.scale` [3] in",
        "shape": "`fc.bias` is [4] in",
        "dtype": "`fc.bias` holds float64 in",
        "nan": "`fc.bias` holds numbers that are not finite in",
        "text": "the file has 7 bytes",
        "absent": "cannot read: no such file",
    }
    assert found.code == "weights" and found.message.startswith(said[damage])
    assert (found.span is not None and found.span.text) == (
        "{name: fc, linear: 3}" if damage in ("missing", "shape", "dtype", "nan") else False
    )
    module = build(spec.graph)
    before = digest(module)
    with pytest.raises(ModelError):
        load_into(module, spec.graph, path)
    assert digest(module) == before
    save_file(good, path)
    load_into(module, spec.graph, path)
    assert digest(module) != before and all(torch.equal(module.state_dict()[key], good[key]) for key in good)


def digest(module: torch.nn.Module) -> str:
    """A hash of all numbers of a module."""
    state = module.state_dict().items()
    return hashlib.sha256(b"".join(key.encode() + each.numpy().tobytes() for key, each in state)).hexdigest()


def test_the_copy_in_the_run_directory_finds_the_data(tmp_path: Path) -> None:
    spec = spec_of(HEAD + TRAIN, tmp_path)
    run = train(spec, directory=tmp_path / "elsewhere" / "run")
    copy = load(run.directory / "spec.yaml")
    assert evaluate(copy, run.weights, split="validation") == evaluate(spec, run.weights, split="validation")
    (run.directory / "environment.json").write_text("{")
    with pytest.raises(SpecError, match="no such file"):
        evaluate(copy, run.weights, split="validation")


def test_division_follows_the_specs_seed_only(tmp_path: Path) -> None:
    seen: list[list[int]] = []
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "steps: 1"), tmp_path)
    divide = Samples.divide

    def spy(self: Samples, fraction: float, seed: int) -> tuple[Samples, Samples]:
        parts = divide(self, fraction, seed)
        seen.append(parts[1].arrays["image"].flatten().tolist())
        return parts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Samples, "divide", spy)
        for seed in (1, 2):
            train(spec, seed=seed, directory=tmp_path / str(seed))
    assert seen[0] == seen[1]
