"""Losses: `torch.nn.functional` by its names, arguments and defaults. A test compares them with torch's signatures."""

from typing import Annotated, Any, ClassVar, Literal

from netspec.ops.attributes import Float, NonNegativeFloat, PositiveFloat, Probability, integer
from netspec.training.table import Entry, numbers

Weights = Annotated[tuple[float, ...] | None, numbers("a list of numbers that are not negative, one a class, or none")]
Index = Annotated[int, integer(-(2**31), "an integer")]


class Loss(Entry):
    """Base of all.

    `of_classes`: the output has one axis more than the target, and the target holds indices on it; else both have equal
    shapes. `applies` names ops that torch's function computes itself: a layer of that kind before it is a mistake.
    """

    of_classes: ClassVar[bool] = False
    applies: ClassVar[frozenset[str]] = frozenset()

    reduction: Literal["mean", "sum"] = "mean"

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """One number a class, if the loss has them."""
        return getattr(self, "weight", None)

    def arguments(self) -> dict[str, Any]:
        """PyTorch's keyword arguments; lists of numbers become tensors in the loop."""
        return self.model_dump(exclude_none=True)


class CrossEntropy(Loss):
    """-log softmax(output)[target], the output being logits."""

    name, of_classes = "cross_entropy", True
    applies = frozenset({"softmax", "softmin"})
    weight: Weights = None
    ignore_index: Index = -100
    label_smoothing: Probability = 0.0


class NLLLoss(Loss):
    """-output[target], the output being logarithms of probabilities."""

    name, of_classes = "nll_loss", True
    weight: Weights = None
    ignore_index: Index = -100


class MultiMarginLoss(Loss):
    """The hinge of every wrong class against the right one (Crammer, Singer 2001)."""

    name, of_classes = "multi_margin_loss", True
    p: Literal[1, 2] = 1
    margin: Float = 1.0
    weight: Weights = None


class MSELoss(Loss):
    """(output - target)**2."""

    name = "mse_loss"


class L1Loss(Loss):
    """|output - target|."""

    name = "l1_loss"


class SmoothL1Loss(Loss):
    """A square within beta, a line beyond (Girshick 2015)."""

    name = "smooth_l1_loss"
    beta: NonNegativeFloat = 1.0


class HuberLoss(Loss):
    """A square within delta, a line beyond (Huber 1964)."""

    name = "huber_loss"
    delta: PositiveFloat = 1.0


class BinaryCrossEntropy(Loss):
    """-target log output - (1 - target) log(1 - output), the output being probabilities."""

    name = "binary_cross_entropy"


class BinaryCrossEntropyWithLogits(Loss):
    """The same of sigmoid(output)."""

    name = "binary_cross_entropy_with_logits"
    applies = frozenset({"sigmoid"})


class SoftMarginLoss(Loss):
    """log(1 + exp(-target output)), targets being -1 and 1."""

    name = "soft_margin_loss"


class PoissonNLLLoss(Loss):
    """Poisson negative log-likelihood; the output is its logarithm unless `log_input` is false."""

    name = "poisson_nll_loss"
    log_input: bool = True
    full: bool = False
    eps: PositiveFloat = 1e-8


_ALL: tuple[type[Loss], ...] = (
    *(CrossEntropy, NLLLoss, MultiMarginLoss, MSELoss, L1Loss, SmoothL1Loss, HuberLoss),
    *(BinaryCrossEntropy, BinaryCrossEntropyWithLogits, SoftMarginLoss, PoissonNLLLoss),
)
LOSSES = {each.name: each for each in _ALL}

#: Losses of the language that this release does not have yet.
LATER = frozenset(
    "ctc_loss kl_div sum triplet_margin_loss cosine_embedding_loss margin_ranking_loss gaussian_nll_loss value".split()
)
