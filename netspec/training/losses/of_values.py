"""Losses that compare an output with a target of its shape."""

from netspec.ops.attributes import Float, NonNegativeFloat, PositiveFloat
from netspec.training.losses.base import Loss


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


class KLDiv(Loss):
    """target (log target - output), the output being logarithms; the target too where `log_target` is true."""

    name = "kl_div"
    log_target: bool = False
