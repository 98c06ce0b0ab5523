"""Metrics worked by hand, alignments, and rates against torch's own schedulers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim import SGD, lr_scheduler

from netspec.ir import TensorType
from netspec.training import alignment
from netspec.training.metrics import F1, Accuracy, Confusion, Mae, MseLoss, Perplexity, Psnr
from netspec.training.phases import Phase
from netspec.training.rates import Rates
from netspec.training.schedules import SCHEDULES

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0], [1.0, 2.0, 0.0], [2.0, 0.0, 1.0]])
LABELS = torch.tensor([0, 2, 1, 1])


def test_accuracy_by_hand() -> None:
    assert Accuracy().total(LOGITS, LABELS) == 2  # the first and the third
    assert Accuracy(top_k=2).total(LOGITS, LABELS) == 3  # the second's label comes second
    assert Accuracy(top_k=3).total(LOGITS, LABELS) == 4
    assert (Accuracy().label, Accuracy(top_k=5).label) == ("accuracy", "accuracy_top5")


def test_confusion_by_hand() -> None:
    found = Confusion().total(LOGITS, LABELS).tolist()
    assert found == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]  # rows: true, columns: predicted


def test_errors_by_hand() -> None:
    output, target = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    assert Mae().total(output, target) == 5 and MseLoss().total(output, target) == 9


def test_perplexity_by_hand() -> None:
    """Equal logits choose among all classes; probabilities 1/2 and 1/8 have the geometric mean 1/4."""
    even = torch.zeros(5, 7)
    assert Perplexity().number(Perplexity().total(even, torch.arange(5)), 5) == pytest.approx(7)
    logits = torch.tensor([[0.5, 0.5], [0.125, 0.875]]).log()
    assert Perplexity().number(Perplexity().total(logits, torch.tensor([0, 0])), 2) == pytest.approx(4)


def test_psnr_by_hand() -> None:
    """Mean squared errors 0.01 and 0.0001 of a maximum of 1 are 20 and 40 decibels; of 10 they are 20 more."""
    output = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.01)])
    target = torch.zeros(2, 3, 4, 4)
    for metric, expected in ((Psnr(), 30), (Psnr(max=10), 50)):
        found = metric.number(metric.total(output, target), metric.count(target))
        assert found == pytest.approx(expected, abs=1e-4)
    assert Psnr().number(Psnr().total(target, target), 2) == pytest.approx(160)


def test_f1_by_hand() -> None:
    """Class 0: precision 3/4, recall 3/4; class 1: 1/2, 1/3; class 2: 1/2, 1/1."""
    matrix = torch.tensor([[3, 1, 0], [1, 1, 1], [0, 0, 1]])
    scores = [0.75, 0.4, 2 / 3]
    assert F1().number(matrix, 8) == pytest.approx(sum(scores) / 3)
    weighted = (4 * scores[0] + 3 * scores[1] + 1 * scores[2]) / 8
    assert F1(average="weighted").number(matrix, 8) == pytest.approx(weighted)
    assert F1(average="micro").number(matrix, 8) == pytest.approx(5 / 8)
    assert (F1().label, F1(average="micro").label) == ("f1", "f1_micro")


def test_f1_counts_as_the_confusion_does() -> None:
    assert torch.equal(F1().total(LOGITS, LABELS), Confusion().total(LOGITS, LABELS))


def test_classes_stand_on_the_axis_that_differs() -> None:
    pixels = alignment.of_classes(TensorType((5, 7, 3)), TensorType((5, 7)))
    assert pixels is not None and pixels.class_axis == 3
    output, target = pixels(torch.zeros(2, 5, 7, 3), torch.zeros(2, 5, 7))
    assert output.shape == (2, 3, 5, 7) and target.shape == (2, 5, 7)
    first = alignment.of_classes(TensorType((3, 5, 7)), TensorType((5, 7)))
    assert first is not None and first.class_axis == 1
    assert alignment.of_classes(TensorType((3, 5)), TensorType((4,))) is None


def test_a_last_axis_of_one_is_ignored() -> None:
    for left, right in (((4, 1), (4,)), ((4,), (4, 1)), ((4,), (4,))):
        found = alignment.elementwise(TensorType(left), TensorType(right))
        assert found is not None
        output, target = found(torch.zeros(2, *left), torch.zeros(2, *right, dtype=torch.int64))
        assert output.shape == target.shape == (2, 4) and target.dtype == torch.float32
    assert alignment.elementwise(TensorType((4, 2)), TensorType((4,))) is None


def optimizer() -> SGD:
    return SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)


def rates(phases: list[Phase], steps: int, per_epoch: int) -> list[float]:
    """The rate of every step."""
    used = optimizer()
    found = Rates(tuple(phases), used, steps, per_epoch)
    seen = []
    for step in range(1, steps + 1):
        seen.append(found.current)
        used.step()
        found.after(step)
    return seen


def phase(
    name: str, *, per: str | None = None, warmup: int = 0, length: int | None = None, **arguments: object
) -> Phase:
    model = SCHEDULES[name]
    return Phase(model.model_validate(arguments), per or model.per, warmup, length)


def theirs(name: str, steps: int, **arguments: object) -> list[float]:
    used = optimizer()
    scheduler = getattr(lr_scheduler, SCHEDULES[name].torch_name)(used, **arguments)
    seen = []
    for _ in range(steps):
        seen.append(used.param_groups[0]["lr"])
        used.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("name", "given", "filled"),
    [
        ("step", {"step_size": 3}, {"step_size": 3}),
        ("multi_step", {"milestones": [2, 7]}, {"milestones": [2, 7]}),
        ("exponential", {"gamma": 0.9}, {"gamma": 0.9}),
        ("cosine_annealing", {}, {"T_max": 10}),
        ("cosine_annealing_warm_restarts", {"T_0": 3}, {"T_0": 3}),
        ("one_cycle", {}, {"max_lr": 0.1, "total_steps": 10}),
        ("one_cycle", {"max_lr": 0.3, "three_phase": True}, {"max_lr": 0.3, "total_steps": 10, "three_phase": True}),
        (
            "cyclic",
            {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3},
            {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3},
        ),
        ("linear", {"start_factor": 0.5}, {"start_factor": 0.5, "total_iters": 10}),
        ("constant", {"total_iters": 4}, {"total_iters": 4}),
        ("polynomial", {"power": 2.0}, {"total_iters": 10, "power": 2.0}),
    ],
)
def test_schedules_are_torchs_and_last_the_run(name: str, given: dict[str, object], filled: dict[str, object]) -> None:
    assert rates([phase(name, per="step", **given)], 10, 99) == pytest.approx(theirs(name, 10, **filled))


def test_epochs_and_steps() -> None:
    by_epoch = rates([phase("exponential", gamma=0.5)], 8, 3)
    assert by_epoch == pytest.approx([0.1] * 3 + [0.05] * 3 + [0.025] * 2)


def test_warm_up_then_cosine_by_hand() -> None:
    found = rates([phase("cosine_annealing", per="step", warmup=4)], 12, 99)
    rising = [0.1 * (1 + step) / 5 for step in range(4)]
    falling = [0.05 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    assert found == pytest.approx(rising + falling)


def test_one_after_the_other_by_hand() -> None:
    found = rates([phase("constant", per="step", length=3, factor=0.5), phase("step", per="step", step_size=2)], 9, 99)
    assert found == pytest.approx([0.05] * 3 + [0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_a_cycle_shorter_than_the_run_ends_at_its_last_rate() -> None:
    found = rates([phase("one_cycle", total_steps=5)], 8, 99)
    assert found[4:] == [found[4]] * 4


def test_a_plateau_is_torchs_and_comes_back() -> None:
    """Losses stop falling: the rate falls after two evaluations more, and again; half-way it is restored."""
    losses = [1.0, 0.8, 0.8, 0.9, 0.85, 0.7, 0.7, 0.7, 0.7, 0.7]
    used, theirs = optimizer(), optimizer()
    scheduler = lr_scheduler.ReduceLROnPlateau(theirs, factor=0.5, patience=1)
    found = Rates((phase("reduce_on_plateau", factor=0.5, patience=1),), used, 99, 9)
    for index, loss in enumerate(losses):
        if index == 5:
            state, used = found.state(), optimizer()
            found = Rates((phase("reduce_on_plateau", factor=0.5, patience=1),), used, 99, 9)
            found.restore(state)
        found.saw(loss)
        found.after(index + 1)
        theirs.step()
        scheduler.step(loss)
        assert found.current == theirs.param_groups[0]["lr"]
    assert found.current < 0.05
