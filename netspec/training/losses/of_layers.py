"""Losses that read several layers, or a layer as it is."""

from typing import Literal

from netspec.ops.attributes import Float, PositiveFloat
from netspec.training.losses.base import Loss


class GaussianNLLLoss(Loss):
    """Gaussian negative log-likelihood, the output being the mean and `var` a layer of variances (Nix, Weigend)."""

    name, reads = "gaussian_nll_loss", {"output": "input", "var": "var"}
    full: bool = False
    eps: PositiveFloat = 1e-6


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
