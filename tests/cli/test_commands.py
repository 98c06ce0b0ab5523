"""The command line as a user meets it: results on stdout, words on stderr, documented exit codes, never a traceback."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.cli.program import COMMANDS
from netspec.cli.program import run as _run
from netspec.compiler.shipped import shipped

Capture = pytest.CaptureFixture[str]

WRONG = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  - linear: 0\n  - convv: 3\n"


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    return str(path)


def test_help_names_every_command_and_each_has_help(capsys: Capture) -> None:
    assert _run(["--help"]) == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in text
        assert _run([name, "--help"]) == 0


def test_list_names_every_shipped_spec(capsys: Capture) -> None:
    assert _run(["list", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in document["specs"]] == list(shipped())
    assert _run(["list"]) == 0
    assert "289,630" in capsys.readouterr().out


def test_check_passes_all_shipped_specs_in_one_run(capsys: Capture) -> None:
    assert _run(["check", *shipped()]) == 0
    captured = capsys.readouterr()
    assert captured.out.count(": ok, ") == len(shipped())
    assert captured.err.count("warning[") == captured.err.count("warning[deep-sigmoid]") == 3


def test_check_prints_what_each_stage_trains_and_carries(capsys: Capture) -> None:
    assert _run(["check", "stacked_autoencoder"]) == 0
    said = capsys.readouterr().out
    assert [line.strip() for line in said.splitlines() if "trained" in line] == [
        "stage1: 49 parameters, 49 trained",
        "stage2: 80 parameters, 31 trained",
        "stage3: 97 parameters, 17 trained",
    ]
    assert "    carried: enc1, enc2, dec2, dec1\n    new: enc3, dec3\n" in said
    assert "reads: x from the field x; mse_loss of again against x" in said
    assert _run(["check", "stacked_autoencoder", "--set", "target=code", "--format", "json"]) == 0
    stages = json.loads(capsys.readouterr().out)["specs"]["stacked_autoencoder"]["train"]
    assert [stage["trained"] for stage in stages] == [49, 31, 17]
    assert stages[2]["feeds"] == ["x from the field x", "mse_loss of again2 against code2"]


def test_check_explains_with_the_lectures_arithmetic(capsys: Capture) -> None:
    assert _run(["check", "mnist_convnet", "--explain"]) == 0
    assert "(1*5*5 + 1) * 20 = 520" in capsys.readouterr().out


def test_check_explains_sizes_and_macs_too(capsys: Capture) -> None:
    assert _run(["check", "mnist_convnet", "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    conv = next(line for line in lines if " conv " in line)
    assert "(28 - 5)/1 + 1 = 24" in conv and "500 * 576 = 288,000" in conv
    # Aligned: the arithmetic of both windows begins in one column.
    assert len({line.index("(2") for line in lines if ")/" in line}) == 1


def test_a_wrong_spec_is_exit_1_with_every_mistake(capsys: Capture, wrong: str) -> None:
    assert _run(["check", wrong]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{wrong}:4:13" in captured.err
    assert f"{wrong}:5:5" in captured.err


@pytest.mark.parametrize("command", ["check", "summary", "compile"])
def test_json_is_one_document_on_failure_too(capsys: Capture, wrong: str, command: str) -> None:
    assert _run([command, wrong, "--format", "json"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["ok"], document["schema_version"], captured.err) == (False, 1, "")
    assert [each["code"] for each in document["diagnostics"]] == ["wrong-value", "unknown-op"]


@pytest.mark.parametrize("form", ["sarif", "github"])
def test_check_speaks_to_ci(capsys: Capture, wrong: str, form: str) -> None:
    assert _run(["check", wrong, "--format", form]) == 1
    assert "unknown-op" in capsys.readouterr().out


def test_summary_has_a_row_a_layer_and_the_totals(capsys: Capture) -> None:
    assert _run(["summary", "mnist_convnet"]) == 0
    text = capsys.readouterr().out
    assert "20 x 24 x 24" in text
    assert "289,630 parameters" in text
    assert "577,000 MACs" in text


def test_summary_gives_memory_for_a_batch(capsys: Capture) -> None:
    assert _run(["summary", "shallow_classifier", "--batch", "10", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    # Four inputs, a sum and its activation: all are kept, or input and sum, then sum and activation.
    assert document["totals"]["activation_bytes"] == 10 * 4 * 6
    assert document["totals"]["inference_bytes"] == 10 * 4 * 5
    assert _run(["summary", "mnist_convnet", "--batch", "32"]) == 0
    assert "activations at batch 32: 3.6 MiB in training" in capsys.readouterr().out


REPEATED = """netspec: 1
inputs: {x: [8]}
layers:
  - name: body
    sequence:
      - {name: 0, sequence: [{name: fc, linear: 8}, relu]}
      - {name: 1, sequence: [{name: fc, linear: 8}, relu]}
      - {name: 2, sequence: [{name: fc, linear: 8}, relu]}
  - {name: head, linear: 2}
"""


@pytest.fixture
def repeated(tmp_path: Path) -> str:
    path = tmp_path / "repeated.yaml"
    path.write_text(REPEATED)
    return str(path)


def test_summary_folds_equal_groups_and_json_keeps_every_layer(capsys: Capture, repeated: str) -> None:
    assert _run(["summary", repeated]) == 0
    lines = capsys.readouterr().out.splitlines()
    body = next(line for line in lines if line.startswith("body"))
    assert "3 x 2 layers" in body and " 216 " in body
    assert [line.split()[0] for line in lines[3:7]] == ["body", "body.0.fc", "body.0.1", "head"]
    assert lines[4].startswith("  body.0.fc")
    assert _run(["summary", repeated, "--depth", "1"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[3:5]] == ["body", "head"]
    assert _run(["summary", repeated, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["layers"]) == 7


def test_diff_says_what_changed_and_which_weights_fit(capsys: Capture) -> None:
    assert _run(["diff", "mnist_convnet", "mnist_convnet_two_conv"]) == 0
    text = capsys.readouterr().out
    assert "parameters: 289,630 -> 85,670 (-203,960)" in text
    assert "weights: 2 tensors of A fit B (520 elements)" in text
    assert "4 only in A: 4.weight, 4.bias, 6.weight, 6.bias" in text
    assert _run(["diff", "mnist_convnet", "mnist_convnet_two_conv", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["weights"]["transferable"] == ["0.weight", "0.bias"]
    assert document["same"] is False and document["params"] == [289_630, 85_670]


def test_diff_has_an_exit_code_for_scripts(capsys: Capture) -> None:
    assert _run(["diff", "mnist_convnet", "mnist_convnet", "--exit-code"]) == 0
    assert "the same 7 layers" in capsys.readouterr().out
    assert _run(["diff", "mlp_one_hidden", "mlp_two_hidden", "--exit-code"]) == 1


def test_diagram_takes_its_form_from_the_file(capsys: Capture, tmp_path: Path, repeated: str) -> None:
    for ending, begins in (("svg", "<svg "), ("html", "<!doctype html>"), ("mmd", "---"), ("dot", "digraph ")):
        target = tmp_path / f"net.{ending}"
        assert _run(["diagram", repeated, "-o", str(target)]) == 0
        assert target.read_text("utf-8").startswith(begins)
    capsys.readouterr()
    assert _run(["diagram", repeated, "-o", "-", "--to", "svg", "--depth", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("<svg ") and "body.0.fc" in captured.out
    assert captured.err == ""


def test_a_resolved_spec_is_a_spec(capsys: Capture, tmp_path: Path, repeated: str) -> None:
    target = tmp_path / "resolved.yaml"
    assert _run(["compile", repeated, "--emit", "spec", "-o", str(target)]) == 0
    assert _run(["diff", repeated, str(target), "--exit-code"]) == 0


def test_compile_prints_a_file_that_imports_only_torch(capsys: Capture, tmp_path: Path) -> None:
    assert _run(["compile", "mnist_convnet"]) == 0
    source = capsys.readouterr().out
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node) for node in imports} == {"from torch import nn"}
    target = tmp_path / "net.py"
    assert _run(["compile", "mnist_convnet", "-o", str(target)]) == 0
    assert target.read_text() == source


def test_compile_prints_the_graph(capsys: Capture) -> None:
    assert _run(["compile", "mnist_convnet", "--emit", "graph"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "graph mnist_convnet(image: float32[1, 28, 28]) -> (6)"
    assert lines[1] == "  0: float32[20, 24, 24] = conv(image) {out_channels=20, kernel_size=5}"


def test_schema_is_draft_07(capsys: Capture) -> None:
    assert _run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["chekc"], 2, "did you mean `check`?"),
        (["check"], 2, "SPEC"),
        (["check", "mnist_convnett"], 1, "did you mean `mnist_convnet`?"),
        (["check", "."], 1, "not a regular file"),
        (["summary", "mnist_convnet", "--format", "xml"], 2, "xml"),
        (["run", "nothing.onnx", "x.png"], 1, "no such file"),
        (["export", "mnist_convnet"], 2, "--output"),
        (["export", "mnist_convnet", "-o", "/nowhere/at/all.onnx"], 1, "cannot write"),
        (["compile", "mnist_convnet", "-o", "/nowhere/at/all.py"], 1, "cannot write"),
        (["diagram", "mnist_convnet", "-o", "net.png"], 2, ".svg, .html, .mmd, .dot"),
        (["diagram", "mnist_convnet", "-o", "-"], 2, "--to"),
        (["diagram", "mnist_convnet", "-o", "/nowhere/at/all.svg"], 1, "cannot write"),
        (["diff", "mnist_convnet", "nothing"], 1, "no file and no shipped spec"),
    ],
)
def test_bad_input_is_said_in_words(capsys: Capture, words: list[str], code: int, said: str) -> None:
    assert _run(words) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_a_spec_that_is_not_text(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert _run(["check", str(path)]) == 1
    assert "not UTF-8" in capsys.readouterr().err


def test_export_writes_a_file_only_after_parity(capsys: Capture, tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    assert _run(["export", "mlp_one_hidden", "-o", str(target), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["batch"] for row in document["parity"]} == {1, 2, 7}
    assert all(row["max_abs_diff"] <= row["limit"] for row in document["parity"])
    assert target.stat().st_size == document["bytes"]
    assert _run(["bench", str(target), "--runs", "5", "--format", "json"]) == 0


def test_the_end_of_the_program_searches_for_no_garbage() -> None:
    program = """
import atexit, gc
from netspec.cli import main
atexit.register(lambda: print("frozen" if gc.get_freeze_count() > gc.get_count()[0] else "searched"))
main(["check", "mnist_convnet"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "frozen"
