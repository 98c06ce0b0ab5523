"""The slides of the convolution primer: `check --explain` shows the arithmetic that stands on them."""

from __future__ import annotations

import re

import pytest

from netspec.cli.program import main

#: Spec -> the arithmetic of the slide as netspec writes it, and its result.
SLIDES = {
    "fully_connected_28x28": "(784 + 1) * 784 = 615,440",  # 28^2 (28^2 + 1)
    "local_receptive_field": "24*24 * (1*5*5 + 1) = 14,976",  # 24^2 (5^2 + 1)
    "local_receptive_field_rgb": "24*24 * (3*5*5 + 1) = 43,776",  # 24^2 (3 5^2 + 1)
    "shared_filter": "(1*5*5 + 1) * 1 = 26",  # 5^2 + 1
    "shared_filter_rgb": "(3*5*5 + 1) * 1 = 76",  # 3 5^2 + 1
    "conv_layer": "(1*5*5 + 1) * 3 = 78",
    "conv_layer_rgb": "(3*5*5 + 1) * 20 = 1,520",
}


@pytest.mark.parametrize("name", SLIDES)
def test_the_arithmetic_is_the_slides(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = explained(name, capsys)
    assert SLIDES[name] in shown
    terms, _, result = SLIDES[name].partition(" = ")
    # The text is no mere text: it comes to what stands behind it.
    assert re.fullmatch(r"[0-9+*() ]+", terms) and arithmetic(terms) == int(result.replace(",", ""))


@pytest.mark.parametrize("name", ["local_receptive_field", "shared_filter_rgb", "conv_layer"])
def test_24_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "(28 - 5)/1 + 1 = 24" in explained(name, capsys)


@pytest.mark.parametrize("kind", ["max", "average", "l2"])
def test_pools_halve_and_learn_nothing(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = explained("pooling", capsys, "--set", f"kind={kind}")
    assert "20 x 12 x 12" in shown and "(24 - 2)/2 + 1 = 12" in shown and "pooling: ok, 0 parameters" in shown


def explained(name: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What the command prints."""
    with pytest.raises(SystemExit):
        main(["check", name, "--explain", *options])
    return capsys.readouterr().out


def arithmetic(text: str) -> int:
    """The value of a sum of products with one pair of parentheses at most."""
    inner = re.search(r"\(([^()]*)\)", text)
    if inner:
        text = text.replace(inner.group(0), str(arithmetic(inner.group(1))))
    total = 0
    for term in text.split("+"):
        product = 1
        for factor in term.split("*"):
            product *= int(factor)
        total += product
    return total
