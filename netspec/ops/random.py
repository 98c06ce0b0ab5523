"""Values that are drawn anew each time: the noise of a variational autoencoder, say.

In an exported model they are inputs, so that who runs it decides what is drawn.
"""

from netspec.ir import TensorType
from netspec.ops.base import Example, Op, OpError
from netspec.ops.lowering import TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, Reads


class Drawn(Op):
    """Base: of the input only the sizes matter, but every sample draws its own."""

    def infer(self, input: TensorType) -> TensorType:
        if not input.batched:
            raise OpError(
                "the input is the same for every sample, and what is drawn is not", help="read a layer's value"
            )
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return NEW

    def source(self, dim: int, input: TensorType) -> int | None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return getattr(t.torch, self.name)(input)


class RandnLike(Drawn):
    """Standard normal numbers, in training and in evaluation; an input of the exported model.

    input: (*) -> (*).   Source: the reparameterisation of Kingma & Welling 2014, z = mu + sigma * noise.
    """

    name = "randn_like"
    draws = "normal"
    examples = [Example("randn_like", (3, 4)), Example("randn_like", (5,))]


class RandLike(Drawn):
    """Numbers drawn uniformly from [0, 1), in training and in evaluation; an input of the exported model.

    input: (*) -> (*).
    """

    name = "rand_like"
    draws = "uniform"
    examples = [Example("rand_like", (3, 4))]
