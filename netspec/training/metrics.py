"""Metrics: each adds up a tensor over batches, without leaving the device, and makes one number of the sum."""

from typing import TYPE_CHECKING, ClassVar

from netspec.ops.attributes import PositiveInt
from netspec.training.table import Entry

if TYPE_CHECKING:
    from torch import Tensor


class Metric(Entry):
    """Base of all. Outputs and targets come aligned: classes on axis 1 for those of classes, equal shapes else."""

    of_classes: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False
    is_number: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """The name under which it is written down."""
        return self.name

    def total(self, output: "Tensor", target: "Tensor") -> "Tensor":
        """The sum over a batch."""
        raise NotImplementedError(type(self).__name__)


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


METRICS: dict[str, type[Metric]] = {each.name: each for each in (Accuracy, Mae, MseLoss, Confusion)}

#: Always measured; it need not be asked for.
LOSS = "loss"

#: Metrics of the language that this release does not have yet.
LATER = frozenset("perplexity psnr f1 bleu rouge_l cider edit_distance".split())
