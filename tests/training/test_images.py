"""Training on images in files: in memory and streamed, augmented, mixed, seen in several views."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from netspec.data.augment import CutMix, Mixup
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.training import columns
from netspec.training.batches import Batches
from netspec.training.columns import Reading
from netspec.training.evaluate import evaluate
from netspec.training.objective import Losses
from netspec.training.run import Run, planned, train
from netspec.training.views import merged
from tests.data.pictures import noise, png, refusal
from tests.training.specs import spec_of

HEAD = """\
netspec: 1
name: small
inputs:
  image: {shape: [3, 8, 8], preprocess: [{resize: 10}, {center_crop: 8}, {scale: =1/255}]}
layers:
  - {name: conv, conv: {out_channels: 4, kernel_size: 3}}
  - relu
  - flatten
  - {name: fc, linear: 2}
"""
TRAIN = """\
train:
  data: {image_folder: {path: photos}}
  validation: 0.25
  batch_size: 5
  loss: cross_entropy
  optimizer: {sgd: 0.05}
  epochs: 2
"""
AUGMENT = "  augment: {image: [{random_resized_crop: 8}, random_horizontal_flip, {color_jitter: 0.3}]}\n"
CPU = torch.device("cpu")


def children() -> list[str]:
    """Processes of this one that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            found += [path.parent.name] if int(parent) == os.getpid() and state != "Z" else []
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty images of different sizes in two classes, one of them dark."""
    for index in range(40):
        path = tmp_path / "photos" / "ab"[index % 2] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(noise(11 + index % 5, 12, seed=index) // (3 if index % 2 else 1)))
    return tmp_path


def run(folder: Path, text: str, name: str, **options: object) -> Run:
    return train(spec_of(text, folder), directory=folder / name, threads=1, device="cpu", **options)


def test_streams_and_workers_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal weights to the last bit with 0 and 2 processes, and for data in memory and on disk."""
    text = HEAD + TRAIN + AUGMENT
    alone = run(folder, text, "alone", workers=0)
    helped = run(folder, text, "helped", workers=2)
    assert alone.last.read_bytes() == helped.last.read_bytes()
    assert not children()  # workers end with the run, not with the process
    stored = run(folder, HEAD + TRAIN, "stored", workers=0)
    monkeypatch.setattr(columns, "MAX_BYTES", 0)
    streamed = run(folder, HEAD + TRAIN, "streamed", workers=2)
    assert stored.last.read_bytes() == streamed.last.read_bytes() != alone.last.read_bytes()


def test_a_seed_draws_its_own_changes(folder: Path) -> None:
    text = HEAD + TRAIN.replace("epochs: 2", "epochs: 1") + AUGMENT
    one, two, again = (run(folder, text, name, seed=seed, workers=0) for name, seed in (("a", 1), ("b", 2), ("c", 1)))
    assert one.last.read_bytes() == again.last.read_bytes() != two.last.read_bytes()


def test_evaluation_draws_nothing(folder: Path) -> None:
    spec = spec_of(HEAD + TRAIN + AUGMENT, folder)
    done = train(spec, directory=folder / "run", threads=1, device="cpu")
    found = evaluate(spec, done.weights, split="validation", device="cpu")
    assert found["loss"] == pytest.approx(done.metrics["validation_loss"], rel=1e-6)


def test_augmented_batches_are_what_the_op_makes_of_them(tmp_path: Path) -> None:
    """Data in memory: a random crop of the stored bytes, then `scale`; another one in the next epoch."""
    stored = noise(6, 8, 10).transpose(2, 0, 1)[:, None]
    np.savez(tmp_path / "d.npz", image=stored, label=np.arange(10) % 2)
    train_ = TRAIN.replace("{image_folder: {path: photos}}", "{arrays: {file: d.npz, classes: {label: 2}}}")
    head = HEAD.replace("[3, 8, 8]", "[1, 6, 8]").replace("{resize: 10}, {center_crop: 8}, ", "")
    augment = "  augment: {image: [{random_crop: {size: [6, 8], padding: 2}}]}\n"
    plan = planned(spec_of(head + train_ + augment, tmp_path)).final
    samples = Samples({"image": stored, "label": np.arange(10)})
    batches = Batches.of(samples, plan, CPU, training=True, reading=Reading(seed=1))
    places = torch.tensor([3, 7, 1])
    first, again, other = (batches.gather(places, epoch).named["image"] for epoch in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    padded = np.pad(stored, ((0, 0), (0, 0), (2, 2), (2, 2)))
    for image, place in zip(first.numpy(), places.tolist(), strict=True):
        windows = [padded[place, :, y : y + 6, x : x + 8] for y in range(5) for x in range(5)]
        assert sum(np.array_equal(np.float32(1 / 255) * window, image) for window in windows) == 1
    alone = batches.gather(torch.tensor([7]), 1).named["image"]
    assert torch.equal(alone[0], first[1])  # in any company
    plain = Batches.of(samples, plan, CPU).gather(places).named["image"]
    assert torch.equal(plain, torch.from_numpy(stored)[places].float() * np.float32(1 / 255))


@pytest.mark.parametrize("op", [Mixup(alpha=0.5), CutMix()])
def test_mixed_samples_and_their_losses(folder: Path, op: Mixup | CutMix) -> None:
    text = HEAD + TRAIN + f"  augment: {{image: [{op.name}]}}\n"
    plan = planned(spec_of(text, folder)).final
    images = torch.from_numpy(noise(8, 8, 18).reshape(8, 8, 6, 3).transpose(2, 3, 0, 1).copy())
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    samples = Samples({"image": images.numpy(), "label": labels.numpy()})
    batches = Batches.of(samples, plan, CPU, training=True, reading=Reading(seed=4))
    plain = Batches.of(samples, plan, CPU).gather(torch.arange(6)).named["image"]
    batch = batches.gather(torch.arange(6), 1)
    assert batch.partners is not None and 0 <= batch.share <= 1
    partner = [next(j for j in range(6) if torch.equal(each, labels[j])) for each in batch.partners.named["label"]]
    assert sorted(batch.partners.named["label"].tolist()) == sorted(labels.tolist()) and len(partner) == 6
    if isinstance(op, CutMix):
        own = (batch.named["image"] == plain).all(1).float().mean((1, 2))
        moved = own < 1
        assert moved.any() and torch.allclose(own[moved], torch.tensor(batch.share), atol=0.05)
    else:
        rest = (batch.named["image"] - batch.share * plain) / (1 - batch.share)
        apart = (rest[:, None] - plain[None]).abs().amax((2, 3, 4))
        assert (apart.amin(1) < 1e-3).all()
        assert torch.equal(labels[apart.argmin(1)], batch.partners.named["label"])
    logits = torch.randn(6, 2)
    found = Losses(plan.graph, plan.terms, CPU)((logits,), batch)
    one_hot = functional.one_hot(labels, 2).float()
    mixed = batch.share * one_hot + (1 - batch.share) * functional.one_hot(batch.partners.named["label"], 2)
    torch.testing.assert_close(found, functional.cross_entropy(logits, mixed))


def test_mixed_training_runs(folder: Path) -> None:
    done = run(folder, HEAD + TRAIN + AUGMENT.replace("[{random", "[mixup, cutmix, {random"), "run")
    assert np.isfinite(done.metrics["train_loss"])


def test_views_are_averaged_in_evaluation(folder: Path) -> None:
    text = (
        (HEAD + TRAIN + AUGMENT).replace("center_crop: 8", "ten_crop: 8").replace("validation: 0.25", "validation: 0.5")
    )
    spec = spec_of(text, folder)
    done = train(spec, directory=folder / "run", threads=1, device="cpu")
    plan = planned(spec).final
    from netspec.training.splits import load_parts

    held_out = load_parts(plan)[1]
    assert held_out is not None
    batch = Batches.of(held_out, plan, CPU).gather(torch.arange(len(held_out)))
    assert batch.views == 10 and batch.inputs[0].shape == (200, 3, 8, 8) and batch.size == 20
    found = evaluate(spec, done.weights, split="validation", device="cpu")
    from safetensors.torch import load_file

    state = load_file(done.weights)
    hidden = functional.conv2d(batch.inputs[0], state["conv.weight"], state["conv.bias"]).relu().flatten(1)
    mean = functional.linear(hidden, state["fc.weight"], state["fc.bias"]).softmax(1).reshape(20, 10, 2).mean(1)
    assert found["loss"] == pytest.approx(float(functional.nll_loss(mean.log(), batch.named["label"])), rel=1e-4)
    assert found["accuracy"] == pytest.approx(float((mean.argmax(1) == batch.named["label"]).float().mean()))


def test_views_of_other_outputs_are_plain_means() -> None:
    output = torch.arange(12.0).reshape(6, 2)
    assert merged((output,), 3, {})[0].tolist() == [[2, 3], [8, 9]]
    assert merged((output,), 1, {0: 1})[0] is output


def test_sizes_that_differ_within_a_batch_are_named(folder: Path) -> None:
    text = (HEAD + TRAIN).replace("{resize: 10}, {center_crop: 8}, ", "").replace("[3, 8, 8]", "[3, H, W]")
    text = text.replace("- flatten", "- {adaptive_avg_pool: 1}\n  - flatten")
    said = refusal(train, spec_of(text, folder))
    assert said.startswith("data-value photos/a/") and "an image of [3, " in said


def test_labels_are_checked_before_the_first_step(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.zeros((6, 3, 8, 8), np.uint8), label=np.array([0, 1, 1, -100, 0, 1]))
    text = HEAD.replace("{resize: 10}, {center_crop: 8}, ", "") + TRAIN.replace(
        "image_folder: {path: photos}", "arrays: {file: d.npz}"
    )
    said = refusal(train, spec_of(text, tmp_path))
    assert said == "data-value arrays: sample 3 (from 0) has the label -100 in `label`, expected 0 to 1"


def test_a_damaged_file_stops_a_run_by_name(folder: Path) -> None:
    (folder / "photos" / "a" / "08.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"photos/a/08.png: not an image"):
        run(folder, HEAD + TRAIN + AUGMENT, "run")


@pytest.mark.parametrize(
    ("augment", "complaint"),
    [
        ("{image: [{random_crop: 9}]}", "4:3 bad-training"),
        ("{image: [{random_crop: {size: 9, pading: 1}}]}", "15:45 unknown-key"),
        ("{picture: mixup}", "15:13 unknown-name"),
        ("{image: [rotate]}", "15:21 unknown-training"),
        ("mixup", "15:12 wrong-type"),
    ],
)
def test_augmentations_are_checked_at_their_place(folder: Path, augment: str, complaint: str) -> None:
    assert planning(HEAD + TRAIN, folder, augment) == [complaint]


def planning(text: str, folder: Path, augment: str) -> list[str]:
    from netspec.diagnostics import Report
    from netspec.training.planner import plan

    report = Report()
    lines = text.splitlines()
    lines.insert(14, f"  augment: {augment}")
    assert plan(spec_of("\n".join(lines) + "\n", folder), report) is None
    return [f"{each.span.line}:{each.span.column} {each.code}" for each in report if each.span]
