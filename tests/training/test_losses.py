"""Losses in a plan against torch's functions, and what their targets may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from netspec.backends.torch import build
from netspec.training.batches import Batches
from netspec.training.objective import Losses, Places, call
from netspec.training.plan import TrainPlan
from netspec.training.splits import load_parts
from tests.training.specs import DATA, planned, write_data

CPU = torch.device("cpu")
HEAD = """\
netspec: 1
name: many
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}
layers:
  - {name: flat, flatten}
  - {name: a, linear: 3}
  - {name: b, from: flat, linear: 3}
  - {name: c, from: flat, linear: 3}
  - {name: positive, from: flat, sequence: [{name: inner, linear: 3}, {name: exp, exp}]}
  - {name: log, from: a, log_softmax}
  - {name: one, from: flat, linear: 1}
  - {name: again, from: a, linear: 36}
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return write_data(tmp_path)


def plan_of(loss: str, folder: Path) -> TrainPlan:
    found, report = planned(f"train:\n{DATA}  loss: {loss}\n  optimizer: sgd\n  steps: 1\n", folder, HEAD)
    assert found is not None, report
    return found


def value_of(loss: str, folder: Path) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
    """The loss of 16 samples, the values of the layers, and the labels."""
    plan = plan_of(loss, folder)
    torch.manual_seed(0)
    module = build(plan.graph)
    batch = Batches.of(load_parts(plan)[0], plan, CPU).gather(torch.arange(16))
    found = Losses(plan.graph, plan.terms, CPU)(call(module, batch), batch)
    x = batch.named["image"].flatten(1)
    values = {name: module.get_submodule(name)(x) for name in ("a", "b", "c", "one")}
    values["inner"] = module.get_submodule("positive.inner")(x)
    values["positive"], values["x"] = values["inner"].exp(), x
    values["again"] = module.get_submodule("again")(values["a"])
    return found, values, batch.named["label"]


F = functional
CASES = {
    "{cross_entropy: {output: a, label_smoothing: 0.1}}": lambda v, y: F.cross_entropy(v["a"], y, label_smoothing=0.1),
    "{nll_loss: {output: log}}": lambda v, y: F.cross_entropy(v["a"], y),
    "{multi_margin_loss: {output: a}}": lambda v, y: F.multi_margin_loss(v["a"], y),
    "{mse_loss: {output: one}}": lambda v, y: ((v["one"][:, 0] - y) ** 2).mean(),
    "{mse_loss: {output: again, target: flat}}": lambda v, y: F.mse_loss(v["again"], v["x"]),
    "{mse_loss: {output: again, target: flat, reduction: sum}}": lambda v, y: ((v["again"] - v["x"]) ** 2).sum() / 16,
    "{l1_loss: {output: a, target: b}}": lambda v, y: F.l1_loss(v["a"], v["b"]),
    "{mse_loss: {output: a, target: positive.inner}}": lambda v, y: F.mse_loss(v["a"], v["inner"]),
    "{huber_loss: {output: a, target: -0.5, delta: 2}}": lambda v, y: F.huber_loss(
        v["a"], torch.full((16, 3), -0.5), delta=2
    ),
    "{mse_loss: {output: a, target: 0x10}}": lambda v, y: F.mse_loss(v["a"], torch.full_like(v["a"], 16)),
    "{cross_entropy: {output: a, target: 2}}": lambda v, y: F.cross_entropy(v["a"], torch.full((16,), 2)),
    "{gaussian_nll_loss: {output: a, target: b, var: positive}}": lambda v, y: F.gaussian_nll_loss(
        v["a"], v["b"], v["positive"]
    ),
    "{kl_div: {output: log, target: positive, reduction: sum}}": lambda v, y: F.kl_div(
        v["a"].log_softmax(1), v["positive"], reduction="batchmean"
    ),
    "{margin_ranking_loss: {input1: a, input2: b, target: 1, margin: 0.2}}": lambda v, y: F.margin_ranking_loss(
        v["a"], v["b"], torch.ones(16, 3), margin=0.2
    ),
    "{triplet_margin_loss: {anchor: a, positive: b, negative: c}}": lambda v, y: F.triplet_margin_loss(
        v["a"], v["b"], v["c"]
    ),
    "{hinge_embedding_loss: {output: positive, target: -1, margin: 2}}": lambda v, y: (2 - v["positive"]).relu().mean(),
    "{soft_margin_loss: {output: one, target: -1}}": lambda v, y: F.softplus(v["one"]).mean(),
    "{multilabel_soft_margin_loss: {output: a, target: 1}}": lambda v, y: F.softplus(-v["a"]).mean(),
    "{sum: {output: positive}}": lambda v, y: v["positive"].sum() / 16,
    "{sum: positive}": lambda v, y: v["positive"].sum() / 16,
    "{value: positive, weight: 0.5}": lambda v, y: 0.5 * v["positive"].mean(),
    "[{value: positive}, {cross_entropy: {output: a}, weight: 2}, {mse_loss: {output: one, target: 0}}]": lambda v, y: (
        v["positive"].mean() + 2 * F.cross_entropy(v["a"], y) + v["one"].square().mean()
    ),
}


@pytest.mark.parametrize("loss", CASES)
def test_losses_are_torchs_functions(tmp_path: Path, loss: str) -> None:
    found, values, labels = value_of(loss, tmp_path)
    assert found.ndim == 0 and found.requires_grad
    torch.testing.assert_close(found, CASES[loss](values, labels), rtol=1e-5, atol=1e-6)


def test_cosines_are_of_vectors(tmp_path: Path) -> None:
    found, values, _ = value_of("{cosine_embedding_loss: {input1: a, input2: b, target: -1, margin: 0.1}}", tmp_path)
    cosine = functional.cosine_similarity(values["a"], values["b"])
    torch.testing.assert_close(found, (cosine - 0.1).relu().mean(), rtol=1e-5, atol=1e-6)


def test_a_layer_as_a_target_gets_no_gradient(tmp_path: Path) -> None:
    plan = plan_of("{mse_loss: {output: a, target: positive.inner}}", tmp_path)
    module = build(plan.graph)
    batch = Batches.of(load_parts(plan)[0], plan, CPU).gather(torch.arange(16))
    Losses(plan.graph, plan.terms, CPU)(call(module, batch), batch).backward()
    assert module.get_submodule("a").weight.grad is not None
    assert module.get_submodule("positive.inner").weight.grad is None


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        (
            "{mse_loss: {output: a, target: nowhere}}",
            "14:40 unknown-name: no field, input or layer is called `nowhere`",
        ),
        ("{mse_loss: {output: a, target: .inf}}", "14:40 wrong-value: a target is a finite number, got .inf"),
        ("{mse_loss: {output: a, target: .nan}}", "14:40 wrong-value: a target is a finite number, got .nan"),
        ("{mse_loss: {output: a, target: [1]}}", "14:40 unknown-name: no field, input or layer is a list"),
        ("{mse_loss: {output: a, target: again}}", "14:10 bad-training: mse_loss wants an output with the shape of"),
        ("{sum: {output: a, target: b}}", "14:27 unknown-key: the loss sum has no attribute `target`"),
        ("{mse_loss: {output: a, var: b, target: b}}", "14:32 unknown-key"),
        ("sum", "14:9 missing-key: the loss sum needs `output`, a layer"),
        ("{triplet_margin_loss: {anchor: a, positive: b}}", "14:10 missing-key"),
        ("{triplet_margin_loss: {anchor: a, positive: b, negative: again}}", "14:10 bad-training: triplet_margin_loss"),
        ("{gaussian_nll_loss: {output: a, target: b}}", "14:10 missing-key: the loss gaussian_nll_loss needs `var`"),
        ("{cross_entropy: {output: a, target: 3}}", "14:45 wrong-value: the class 3 is not one of 3"),
        ("{cross_entropy: {output: a, target: 0.5}}", "14:45 wrong-value: the class 0.5 is not one of 3"),
        ("{cross_entropy: {output: a, target: b}}", "14:10 bad-training: cross_entropy wants class indices"),
        ("{multilabel_margin_loss: {output: a, target: b}}", "14:10 bad-training: multilabel_margin_loss wants class"),
        ("{value: nowhere}", "14:17 unknown-name: no layer is called `nowhere`"),
    ],
)
def test_one_mistake(tmp_path: Path, loss: str, complaint: str) -> None:
    text = f"train:\n{DATA}  loss: {loss}\n  optimizer: sgd\n  steps: 1\n"
    found, (mistake,) = planned(text, tmp_path, HEAD)
    assert found is None and mistake.span is not None
    line = HEAD.count("\n") + 3
    where = f"{mistake.span.line - line + 14}:{mistake.span.column} {mistake.code}: {mistake.message}"
    assert where.startswith(complaint)


def test_values_of_training_only_are_no_part_of_an_evaluation(tmp_path: Path) -> None:
    head = HEAD.replace("{name: c, from: flat, linear: 3}", "{name: c, only: train, from: flat, linear: 3}")
    text = "[{cross_entropy: {output: a}}, {cross_entropy: {output: c}}]"
    plan, _ = planned(f"train:\n{DATA}  loss: {text}\n  optimizer: sgd\n  steps: 1\n", tmp_path, head)
    assert plan is not None
    evaluated = Places(plan.graph, training=False)
    assert [evaluated.has(term) for term in plan.terms] == [True, False]
    torch.manual_seed(0)
    module = build(plan.graph)
    batch = Batches.of(load_parts(plan)[0], plan, CPU).gather(torch.arange(16))
    x, labels = batch.named["image"].flatten(1), batch.named["label"]
    losses = [F.cross_entropy(module.get_submodule(name)(x), labels) for name in ("a", "c")]
    both = Losses(plan.graph, plan.terms, CPU)(call(module, batch), batch)
    torch.testing.assert_close(both, losses[0] + losses[1])
    alone = Losses(plan.graph, plan.terms, CPU, training=False)(call(module.eval(), batch), batch)
    torch.testing.assert_close(alone, losses[0])
