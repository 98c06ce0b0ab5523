"""Metrics: each adds up a tensor over batches, without leaving the device, and makes one number of the sum."""

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from netspec.ops.attributes import PositiveFloat, PositiveInt
from netspec.training.table import Entry

if TYPE_CHECKING:
    from torch import Tensor

#: exp of more is no float.
MAX_EXPONENT = 700.0
#: Of an output that is exactly right: 160 decibels at a maximum of 1.
MIN_ERROR = 1e-16


class Metric(Entry):
    """Base of all. Outputs and targets come aligned: classes on axis 1 for those of classes, equal shapes else."""

    of_classes: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False
    is_number: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """The name under which it is written down."""
        return self.name

    @abstractmethod
    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        """The sum over a batch."""

    def count(self, target: "Tensor") -> int:
        """How many values a batch's sum is of."""
        return target.numel()

    def number(self, total: "Tensor", count: int) -> float:
        """The number that the sum over all batches makes."""
        return float(total) / max(1, count)


class Accuracy(Metric):
    """The share of targets that are among the `top_k` largest outputs."""

    name, main, of_classes, higher_is_better = "accuracy", "top_k", True, True
    top_k: PositiveInt = 1

    @property
    def label(self) -> str:
        return self.name if self.top_k == 1 else f"{self.name}_top{self.top_k}"

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        if self.top_k == 1:
            return output.argmax(1).eq(target).sum()
        return output.topk(self.top_k, 1).indices.eq(target.unsqueeze(1)).sum()


class Mae(Metric):
    """Mean absolute error."""

    name = "mae"

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        return (output - target).abs().sum()


class MseLoss(Metric):
    """Mean squared error."""

    name = "mse_loss"

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        return (output - target).square().sum()


class Confusion(Metric):
    """Counts by true class (row) and predicted class (column); a picture, not a number."""

    name, of_classes, is_number = "confusion", True, False

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        classes = output.shape[1]
        pairs = target.flatten() * classes + output.argmax(1).flatten()
        return pairs.bincount(minlength=classes * classes).reshape(classes, classes)


class Perplexity(Metric):
    """exp of the mean cross-entropy, the output being logits: among how many equally likely classes one chooses."""

    name, of_classes = "perplexity", True

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        from torch.nn.functional import cross_entropy

        return cross_entropy(output.float(), target, reduction="sum")

    def number(self, total: "Tensor", count: int) -> float:
        return math.exp(min(super().number(total, count), MAX_EXPONENT))


class Psnr(Metric):
    """Peak signal-to-noise ratio in decibels, 10 log10(max**2 / mean squared error), a mean over samples."""

    name, main, higher_is_better = "psnr", "max", True
    max: PositiveFloat = 1.0

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        errors = (output - target).square().flatten(1).mean(1).clamp(min=MIN_ERROR)
        return (self.max**2 / errors).log10().mul(10).sum()

    def count(self, target: "Tensor") -> int:
        return len(target)


class F1(Confusion):
    """2 precision recall / (precision + recall) of each class.

    `macro` is their mean, `weighted` their mean by the number of samples of each class, `micro` that of all samples
    together. A class that is neither there nor predicted counts 0, and nothing in `weighted`.
    """

    name, main, is_number, higher_is_better = "f1", "average", True, True
    average: Literal["macro", "micro", "weighted"] = "macro"

    @property
    def label(self) -> str:
        return self.name if self.average == "macro" else f"{self.name}_{self.average}"

    def number(self, total: "Tensor", count: int) -> float:
        right, true, predicted = total.diagonal().double(), total.sum(1).double(), total.sum(0).double()
        if self.average == "micro":
            return float(right.sum() / true.sum().clamp(min=1))
        scores = 2 * right / (true + predicted).clamp(min=1)
        return float(scores.mean() if self.average == "macro" else (scores * true).sum() / true.sum().clamp(min=1))


_ALL: tuple[type[Metric], ...] = (Accuracy, Mae, MseLoss, Perplexity, Psnr, F1, Confusion)
METRICS: dict[str, type[Metric]] = {each.name: each for each in _ALL}

#: Always measured; it need not be asked for.
LOSS = "loss"

#: Metrics of the language that this release does not have yet.
LATER = frozenset("bleu rouge_l cider edit_distance".split())
