"""What single neurons can and cannot do: the lecture's first slides, seen."""

from __future__ import annotations

import pytest
import torch

import netspec

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
AND, OR, XOR = ([0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0])


@pytest.mark.parametrize(("gate", "answers"), [("and", AND), ("or", OR)])
def test_a_mcculloch_pitts_neuron_is_a_gate(gate: str, answers: list[int]) -> None:
    module = netspec.build("mcculloch_pitts", settings=[f"gate={gate}"])
    assert not [*module.parameters()]
    assert module(INPUTS).squeeze(1).tolist() == answers


def test_an_inhibiting_input_makes_a_not() -> None:
    module = netspec.build("mcculloch_pitts", settings=["gate=not"])
    assert module(torch.tensor([[0.0], [1.0]])).squeeze(1).tolist() == [1, 0]


@pytest.mark.parametrize(("answers", "learned"), [(AND, True), (OR, True), (XOR, False)], ids=["and", "or", "xor"])
def test_a_perceptron_learns_what_a_line_separates(answers: list[int], learned: bool) -> None:
    module = netspec.build("perceptron", settings=["size=2"])
    targets = torch.tensor(answers, dtype=torch.float32)
    assert trained(module, targets) is learned


def trained(module: torch.nn.Module, targets: torch.Tensor, epochs: int = 200) -> bool:
    """Whether the perceptron's rule comes to a pass without a mistake: w += (t - y) x.

    Where a line separates the points, the weights stay below 2 and the rule makes few mistakes (Novikoff 1962).
    """
    weight, bias = module.response.weight, module.response.bias
    with torch.no_grad():
        weight.zero_()
        bias.zero_()
        for _ in range(epochs):
            mistakes = 0
            for x, target in zip(INPUTS, targets, strict=True):
                error = target - module(x[None])[0, 0]
                weight += error * x
                bias += error
                mistakes += int(error != 0)
            if mistakes == 0:
                return True
    return False


def test_a_hundred_sigmoids_follow_a_sine() -> None:
    torch.manual_seed(0)
    module = netspec.build("universal_approximation")
    x = torch.linspace(-torch.pi, torch.pi, 200)[:, None]
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=400, line_search_fn="strong_wolfe", tolerance_change=0)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = (module(x) - torch.sin(x)).square().mean()
        error.backward()
        return error

    optimizer.step(loss)
    # Between the points of training too.
    between = torch.linspace(-torch.pi, torch.pi, 1777)[:, None]
    with torch.no_grad():
        assert float((module(between) - torch.sin(between)).abs().max()) <= 0.05


def test_the_gradient_shrinks_from_layer_to_layer_of_sigmoids() -> None:
    ratios = {depth: first_against_last(depth, "sigmoid") for depth in (2, 4)}
    assert ratios[4] < ratios[2] < 1
    assert first_against_last(4, "relu") > 5 * ratios[4]


def first_against_last(depth: int, activation: str) -> float:
    """The gradient of the first hidden layer's weights relative to that of the last one's, at the start."""
    torch.manual_seed(0)
    module = netspec.build("deep_sigmoid_mlp", settings=[f"depth={depth}", f"activation={activation}"])
    images, labels = torch.rand(64, 784), torch.randint(0, 10, (64,))
    torch.nn.functional.cross_entropy(module(images), labels).backward()
    biases = [module.get_submodule(f"hidden{i + 1}.linear").bias for i in range(depth)]
    return float(biases[0].grad.norm() / biases[-1].grad.norm())
