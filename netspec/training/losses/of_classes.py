"""Losses whose target is a class, or several."""

from typing import Annotated, Literal

from netspec.ops.attributes import Float, Probability, integer
from netspec.training.losses.base import Loss, Weights

Index = Annotated[int, integer(-(2**31), "an integer")]


class CrossEntropy(Loss):
    """-log softmax(output)[target], the output being logits."""

    name, relation = "cross_entropy", "classes"
    applies = frozenset({"softmax", "softmin"})
    weight: Weights = None
    ignore_index: Index = -100
    label_smoothing: Probability = 0.0


class NLLLoss(Loss):
    """-output[target], the output being logarithms of probabilities."""

    name, relation = "nll_loss", "classes"
    weight: Weights = None
    ignore_index: Index = -100


class MultiMarginLoss(Loss):
    """The hinge of every wrong class against the right one (Crammer, Singer 2001)."""

    name, relation = "multi_margin_loss", "classes"
    p: Literal[1, 2] = 1
    margin: Float = 1.0
    weight: Weights = None


class MultilabelMarginLoss(Loss):
    """The hinge of every wrong class against every right one; the target lists right classes and ends with -1."""

    name, relation = "multilabel_margin_loss", "indices"


class MultilabelSoftMarginLoss(Loss):
    """Binary cross-entropy with logits, a mean over classes."""

    name = "multilabel_soft_margin_loss"
    applies = frozenset({"sigmoid"})
    weight: Weights = None
