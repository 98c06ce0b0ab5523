"""Losses: `torch.nn.functional` by its names, arguments and defaults. A test compares them with torch's signatures."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from netspec.ops.attributes import Float, NonNegativeFloat, PositiveFloat, Probability, integer
from netspec.training.table import Entry, numbers

Weights = Annotated[tuple[float, ...] | None, numbers("a list of numbers that are not negative, one a class, or none")]
Index = Annotated[int, integer(-(2**31), "an integer")]

#: How an output and a target belong together; `netspec.training.alignment` has the rules.
Relation = Literal["elementwise", "classes", "indices", "reduced", "none"]


class Loss(Entry):
    """Base of all.

    `relation` says how the target lies to the output. `reads` are the layers that it reads, first the output, each with
    the name of torch's argument. `applies` names ops that torch's function computes itself: a layer of that kind before
    it is a mistake.
    """

    relation: ClassVar[Relation] = "elementwise"
    reads: ClassVar[Mapping[str, str]] = {"output": "input"}
    applies: ClassVar[frozenset[str]] = frozenset()

    reduction: Literal["mean", "sum"] = "mean"

    @property
    def of_classes(self) -> bool:
        """Whether the output has one axis more than the target, and the target holds indices on it."""
        return self.relation == "classes"

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """One number a class, if the loss has them."""
        return getattr(self, "weight", None)

    def arguments(self) -> dict[str, Any]:
        """PyTorch's keyword arguments; lists of numbers become tensors in the loop."""
        return self.model_dump(exclude_none=True)


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


class HingeEmbeddingLoss(Loss):
    """The output where the target is 1, max(0, margin - output) where it is -1."""

    name = "hinge_embedding_loss"
    margin: Float = 1.0


class PoissonNLLLoss(Loss):
    """Poisson negative log-likelihood; the output is its logarithm unless `log_input` is false."""

    name = "poisson_nll_loss"
    log_input: bool = True
    full: bool = False
    eps: PositiveFloat = 1e-8


class GaussianNLLLoss(Loss):
    """Gaussian negative log-likelihood, the output being the mean and `var` a layer of variances (Nix, Weigend)."""

    name, reads = "gaussian_nll_loss", {"output": "input", "var": "var"}
    full: bool = False
    eps: PositiveFloat = 1e-6


class KLDiv(Loss):
    """target (log target - output), the output being logarithms; the target too where `log_target` is true."""

    name = "kl_div"
    log_target: bool = False


class MultilabelMarginLoss(Loss):
    """The hinge of every wrong class against every right one; the target lists right classes and ends with -1."""

    name, relation = "multilabel_margin_loss", "indices"


class MultilabelSoftMarginLoss(Loss):
    """Binary cross-entropy with logits, a mean over classes."""

    name = "multilabel_soft_margin_loss"
    applies = frozenset({"sigmoid"})
    weight: Weights = None


class MarginRankingLoss(Loss):
    """max(0, -target (input1 - input2) + margin), targets being 1 and -1."""

    name, reads = "margin_ranking_loss", {"input1": "input1", "input2": "input2"}
    margin: Float = 0.0


class CosineEmbeddingLoss(Loss):
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1."""

    name, relation, reads = "cosine_embedding_loss", "reduced", {"input1": "input1", "input2": "input2"}
    margin: Float = 0.0


class TripletMarginLoss(Loss):
    """max(0, |anchor - positive| - |anchor - negative| + margin); it has no target."""

    name, relation = "triplet_margin_loss", "none"
    reads = {"anchor": "anchor", "positive": "positive", "negative": "negative"}
    margin: Float = 1.0
    p: PositiveFloat = 2
    eps: PositiveFloat = 1e-6
    swap: bool = False


class Sum(Loss):
    """The output as it is, summed over a sample: `{sum: {output: kl}}`. It has no target."""

    name, main, relation = "sum", "output", "none"
    reduction: Literal["mean", "sum"] = "sum"


class ValueOf(Loss):
    """The output as it is, its mean: `{value: kl}`. It has no target."""

    name, main, relation = "value", "output", "none"


_ALL: tuple[type[Loss], ...] = (
    *(CrossEntropy, NLLLoss, MultiMarginLoss, MSELoss, L1Loss, SmoothL1Loss, HuberLoss, BinaryCrossEntropy),
    *(BinaryCrossEntropyWithLogits, SoftMarginLoss, HingeEmbeddingLoss, PoissonNLLLoss, GaussianNLLLoss, KLDiv),
    *(MultilabelMarginLoss, MultilabelSoftMarginLoss, MarginRankingLoss, CosineEmbeddingLoss, TripletMarginLoss),
    *(Sum, ValueOf),
)
LOSSES = {each.name: each for each in _ALL}
#: Those that torch has no function for.
OWN = frozenset({"sum", "value"})

#: Losses of the language that this release does not have yet.
LATER = frozenset({"ctc_loss"})
