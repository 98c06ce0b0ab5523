"""What every command's help says, and the numbers that no command takes."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from netspec.cli.program import COMMANDS, program
from netspec.cli.program import run as _run

Capture = pytest.CaptureFixture[str]
LIMIT = 2**62


def command(name: str) -> click.Command:
    found = program.get_command(click.Context(program), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_parses(name: str, capsys: Capture) -> None:
    assert _run([name, "--help"]) == 0
    examples = re.findall(r"^  Example: netspec (.*)$", capsys.readouterr().out, re.MULTILINE)
    words = examples[0].split()
    assert (len(examples), words[0]) == (1, name)
    parent = click.Context(program, obj={})
    command(name).make_context(name, words[1:], parent=parent)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    for each in command(name).params:
        assert not isinstance(each, click.Option) or each.help, f"{name} {each.name}"


def test_help_shows_defaults_and_exit_codes(capsys: Capture) -> None:
    assert _run(["bench", "--help"]) == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "[default: 100; x>=1]" in text and "NETSPEC_DEVICE; default: cpu]" in text
    assert _run(["--help"]) == 0
    assert "69 not available here" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "mnist_convnet", "--max-bytes", str(LIMIT + 1)],
        ["summary", "mnist_convnet", "--batch", "9" * 30],
        ["run", "net.onnx", "x.npy", "--max-memory", "9" * 30],
        ["run", "net.onnx", "x.npy", "--max-memory", "nan"],
        ["bench", "net.onnx", "--runs", "9" * 30],
        ["train", "mnist_convnet", "--checkpoint-every", "inf"],
        ["train", "mnist_convnet", "--checkpoint-every", "nan"],
    ],
)
def test_numbers_that_no_machine_can_mean_are_usage_errors(words: list[str], capsys: Capture) -> None:
    assert _run(words) == 2
    assert f"Invalid value for '{words[-2]}'" in capsys.readouterr().err


def test_the_largest_limits_are_taken(tmp_path: Path, capsys: Capture) -> None:
    limits = [word for name in ("bytes", "layers", "params") for word in (f"--max-{name}", str(LIMIT))]
    assert _run(["check", "mnist_convnet", *limits]) == 0
    (tmp_path / "net.yaml").write_text("netspec: 1\ninputs: {x: [2]}\nlayers: [relu]\n")
    assert _run(["check", str(tmp_path / "net.yaml"), *limits]) == 0
