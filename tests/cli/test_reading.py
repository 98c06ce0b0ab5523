"""What is set, allowed and limited on the command line, by every command that reads a spec."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netspec.cli.program import run as _run

Capture = pytest.CaptureFixture[str]

# linear: (3 + 1)*width, then (width + 1)*classes.
SPEC = """netspec: 1
args: {width: 4, classes: {type: int, default: 2, max: 9}}
inputs: {x: [3]}
layers:
  - linear: =width
  - {name: fc, linear: =classes}
expect: {params: 26}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return str(path)


def document(capsys: Capture) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_check_sets_arguments(capsys: Capture, spec: str) -> None:
    assert _run(["check", spec]) == 0
    assert ": ok, 26 parameters" in capsys.readouterr().out
    assert _run(["check", spec, "--set", "width=10", "--set", "classes=3"]) == 0
    assert ": ok, 73 parameters" in capsys.readouterr().out
    assert _run(["check", spec, "--set", "width=10", "--format", "json"]) == 0
    facts = document(capsys)["specs"]
    assert facts == {
        spec: {"ok": True, "name": "small", "settings": ["width=10"], "params": 62, "macs": 50},
    }


def test_the_last_setting_of_a_name_holds(capsys: Capture, spec: str) -> None:
    assert _run(["check", spec, "--set", "width=10", "--set", "width=5"]) == 0
    assert ": ok, 32 parameters" in capsys.readouterr().out


def test_what_the_file_expects_holds_for_its_own_network_only(capsys: Capture, spec: str) -> None:
    assert _run(["check", spec, "--set", "name=other"]) == 0
    assert _run(["check", spec, "--set", "expect.params=27"]) == 1
    assert "`params` is 26, expected 27" in capsys.readouterr().err
    assert _run(["check", spec, "--set", "width=5", "--set", "expect.params=33"]) == 1
    assert "`params` is 32, expected 33" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("width", 2, "'width' is not NAME=VALUE"),
        ("=3", 2, "is not NAME=VALUE"),
        ("widht=3", 1, "did you mean `width`?"),
        ("classes=10", 1, "the argument `classes` is at most 9, got 10"),
        ("classes=two", 1, "is of type int, got the text 'two'"),
        ("width=-1", 1, "expected a positive integer"),
        ("width=[1", 1, "--set width"),
        ("netspec=2", 1, "this netspec reads version 1"),
    ],
)
def test_a_wrong_setting_is_said_in_words(capsys: Capture, spec: str, setting: str, code: int, said: str) -> None:
    assert _run(["check", spec, "--set", setting]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["summary"], "settings"),
        (["compile", "--emit", "graph"], "settings"),
        (["export", "-o", "net.onnx"], "settings"),
        (["diff", "{spec}"], "settings"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_every_command_sets(
    capsys: Capture, spec: str, words: list[str], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [words[0], spec, *(word.format(spec=spec) for word in words[1:])]
    assert _run([*command, "--set", "width=6", "--format", "json"]) == 0
    wanted = [["width=6"], ["width=6"]] if words[0] == "diff" else ["width=6"]
    assert document(capsys)[key] == wanted


def test_summary_compile_and_diagram_show_what_was_set(capsys: Capture, spec: str) -> None:
    assert _run(["summary", spec, "--set", "width=7"]) == 0
    assert "44 parameters" in capsys.readouterr().out
    assert _run(["compile", spec, "--set", "width=7"]) == 0
    assert "nn.Linear(3, 7)" in capsys.readouterr().out
    assert _run(["diagram", spec, "-o", "-", "--to", "dot", "--set", "width=7"]) == 0
    assert "linear\\nout_features 7\\n28 parameters" in capsys.readouterr().out


def test_diff_sets_in_both_or_in_one(capsys: Capture, spec: str) -> None:
    assert _run(["diff", spec, spec, "--set", "width=6", "--exit-code"]) == 0
    assert _run(["diff", spec, spec, "--set-b", "width=6", "--exit-code"]) == 1
    assert "parameters: 26 -> 38 (+12)" in capsys.readouterr().out
    assert _run(["diff", spec, spec, "--set-a", "width=6", "--set", "classes=1", "--format", "json"]) == 0
    assert document(capsys)["settings"] == [["classes=1", "width=6"], ["classes=1"]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--max-layers", "1"], 1, "the limit is 1"),
        (["--max-layers", "2"], 0, ""),
        (["--max-params", "25"], 1, "the limit is 25"),
        (["--max-params", "26"], 0, ""),
        (["--max-bytes", "20"], 1, "larger than 20 bytes"),
        (["--max-bytes", str(len(SPEC))], 0, ""),
        (["--max-layers", "0"], 2, "--max-layers"),
        (["--allow", "/nowhere/at/all"], 2, "--allow"),
    ],
)
def test_budgets_are_the_callers(capsys: Capture, spec: str, words: list[str], code: int, said: str) -> None:
    assert _run(["check", spec, *words]) == code
    assert said in capsys.readouterr().err


def test_files_of_other_folders_are_read_where_that_is_allowed(capsys: Capture, spec: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "wide.yaml").write_text("netspec: 1\nextends: ../small.yaml\nargs: {width: 8}\n")
    wide = str(project / "wide.yaml")
    assert _run(["check", wide]) == 1
    assert "--allow DIR" in capsys.readouterr().err
    assert _run(["check", wide, "--allow", str(tmp_path)]) == 0
    assert ": ok, 50 parameters" in capsys.readouterr().out
    assert _run(["check", wide, "--allow", str(tmp_path), "--set", "width=1"]) == 0
    assert ": ok, 8 parameters" in capsys.readouterr().out


# Every command that prints JSON about a spec, with sizes that are formulas.
FREE = [
    ["check"],
    ["check", "--explain"],
    ["summary"],
    ["summary", "--batch", "4"],
    ["compile", "--emit", "python"],
    ["compile", "--emit", "graph"],
    ["compile", "--emit", "spec"],
    ["diff", "unet", "--set-b", "width=32"],
    ["diff", "unet", "--set-b", "dims.H.multiple_of=32"],
    ["list"],
]


@pytest.mark.parametrize("words", FREE, ids=" ".join)
def test_free_sizes_are_texts_in_json(capsys: Capture, words: list[str]) -> None:
    command = words if words[0] == "list" else [words[0], "unet", *words[1:]]
    assert _run([*command, "--format", "json"]) == 0
    text = json.dumps(document(capsys))
    assert "H" in text


def test_the_formulas_of_a_summary(capsys: Capture) -> None:
    assert _run(["summary", "unet", "--format", "json"]) == 0
    found = document(capsys)
    assert found["totals"]["macs"] == "735040*H*W"  # type: ignore[index]
    assert found["layers"][0]["inputs"] == [[3, "H", "W"]]  # type: ignore[index]
    assert _run(["check", "unet", "--format", "json"]) == 0
    assert document(capsys)["specs"]["unet"]["macs"] == "735040*H*W"  # type: ignore[index]


def test_the_whole_collection_is_checked_in_one_run(capsys: Capture) -> None:
    paths = sorted(map(str, (Path(__file__).parents[2] / "specs").glob("*/*.yaml")))
    assert _run(["check", *paths]) == 0
    assert capsys.readouterr().out.count(": ok, ") == len(paths) > 6


def test_list_shows_input_parameters_and_source(capsys: Capture) -> None:
    assert _run(["list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("unet "))
    assert "3 x H x W" in line and "31,037,698" in line and "U-Net" in line
