"""R-12 to R-19: what would be too large is refused at once, with the number and the chain that makes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.compiler.budget import MAX_DEPTH
from netspec.compiler.limits import MAX_INPUTS
from netspec.diagnostics import Diagnostic, Source, SpecError
from netspec.ir.verify import verify
from netspec.lang.reader import Limits

HEAD = "netspec: 1\ninputs: {x: [8]}\n"


def tower(first: str, level: str, last: str, levels: int = 12) -> str:
    """Blocks b0, b1 ..., each made of the one below: `below` in `level` is its name."""
    blocks = "".join(f"  b{i}: {level.replace('below', f'b{i - 1}')}\n" for i in range(1, levels + 1))
    return f"{HEAD}blocks:\n  b0: {first}\n{blocks}layers:\n  - {last.replace('top', f'b{levels}')}\n"


def calls(levels: int) -> str:
    layers = "".join(f"  - {{name: r{i}, repeat: 100, call: r{i - 1}}}\n" for i in range(1, levels))
    return f"{HEAD}layers:\n  - {{name: r0, repeat: 100, relu}}\n{layers}"


N_TIMES = "{args: {n: int}, layers: [{repeat: =n, relu}]}"
NOTHING = "{name: a, repeat: 199999, sequence: [{name: b, repeat: 199999, sequence: [{repeat: 0, relu}]}]}"
LAYERS = {
    "one": f"{HEAD}layers:\n  - {{repeat: 1000000000000, relu}}\n",
    "expression": HEAD + 'layers:\n  - {name: a, repeat: "=10**6", sequence: [{repeat: "=10**6", relu}]}\n',
    "constant": tower("{layers: [relu]}", "{layers: [{repeat: 10, below}]}", "top"),
    "argument": tower(N_TIMES, "{args: {n: int}, layers: [{repeat: =n, below: =n}]}", "top: 10"),
    "variable": tower(N_TIMES, '{args: {n: int}, layers: [{repeat: {i: =n}, below: "=n + i"}]}', "top: 10"),
    "cumulative": tower(
        '{args: {s: int}, layers: [{repeat: "=s % 7 + 5", relu}]}',
        '{args: {s: int}, layers: [{repeat: {i: 10}, below: "=s*11 + i"}]}',
        "top: 1",
    ),
    "sizes": tower("{layers: [{repeat: =in_channels, relu}]}", "{layers: [{repeat: =in_channels, below}]}", "top", 14),
    "doubling": tower("{layers: [relu]}", "{layers: [below, below]}", "top", 40),
    "parallel": tower("{layers: [relu]}", "{parallel: {a: below, b: [below]}, join: add}", "top", 40),
    "by_name": tower("{layers: [relu]}", "{args: {a: below}, layers: [{op: =a}, {op: =a}]}", "top", 40),
    "nothing": f"{HEAD}layers:\n  - {NOTHING}\n",
    "absent": HEAD + "layers:\n  - {name: a, repeat: 199999, sequence: [{repeat: 199999, when: false, relu}]}\n",
    "calls": calls(7),
}
USES = "inputs: {x: [3000]}\nblocks: {b: {layers: [{repeat: 200, linear: 3000}]}}\nlayers:\n  - {repeat: 600, b}\n"
SMALL = "inputs: {x: [3000]}\nblocks: {b: {layers: [{linear: 3000}]}}\nlayers:\n  - {repeat: 99000, b}\n"
PARAMETERS = {
    "one": f"{HEAD}layers:\n  - linear: 1000000\n  - linear: 1000000\n",
    "many": "netspec: 1\ninputs: {x: [100000]}\nlayers:\n  - {repeat: 100, linear: 100000}\n",
    "uses": f"netspec: 1\n{USES}",
    "small": f"netspec: 1\n{SMALL}",
    "varied": "netspec: 1\ninputs: {x: [2500]}\nlayers:\n  - {repeat: {i: 160_000}, linear: =2500 + i - i}\n",
}

# Prints seconds of processor time and MiB, beyond what a small spec needs, and what is refused.
MEASURE = """
import sys, time
from netspec.compiler import compile_source
from netspec.diagnostics import Source, SpecError
compile_source(Source("a.yaml", "{netspec: 1, inputs: {x: [8]}, layers: [{linear: 8}, relu, {add, from: [x, 1]}]}"))
start = time.process_time()
try:
    compile_source(Source("a.yaml", sys.stdin.read()))
except SpecError as error:
    (found,) = error.diagnostics
    seconds = time.process_time() - start
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(seconds, int(peak) / 1024, found.code, found.message, sep="|")
"""


def refused(text: str) -> tuple[float, float, str, str]:
    """Processor seconds, peak MiB, the code and the message of the one diagnostic."""
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True)
    seconds, mebibytes, code, message = done.stdout.strip().split("|")
    return float(seconds), float(mebibytes), code, message


@pytest.mark.parametrize("name", LAYERS)
def test_r12_towers_of_layers(name: str) -> None:
    seconds, mebibytes, code, message = refused(LAYERS[name])
    assert code == "too-large"
    assert int(re.findall(r"[\d,]{5,}", message)[0].replace(",", "")) >= 10**9
    assert seconds <= 1.0
    assert mebibytes <= 300


@pytest.mark.parametrize("name", PARAMETERS)
def test_r15_parameters(name: str) -> None:
    seconds, mebibytes, code, message = refused(PARAMETERS[name])
    assert code == "too-large"
    assert "parameters" in message
    assert seconds <= 1.0
    assert mebibytes <= 300


def test_the_number_and_the_chain() -> None:
    (found,) = mistakes(LAYERS["constant"])
    # 10^12 relus, and 10^12 + 10^11 + ... + 10 + 1 uses of blocks.
    assert "2,111,111,111,111 layers" in found.message
    assert found.notes[:2] == (
        "`b12` at line 18: 2,111,111,111,111 layers",
        "`b11` at line 16: 2,111,111,111,110 layers",
    )


def test_what_fits_is_not_refused() -> None:
    spec = compile_source(Source("a.yaml", tower("{layers: [relu]}", "{layers: [{repeat: 3, below}]}", "top", 7)))
    verify(spec.graph)
    assert sum(1 for _ in spec.graph.walk()) == 3**7
    sampled = "{args: {n: int}, layers: [{repeat: {i: =n}, when: =i < 2, below: =n}]}"
    spec = compile_source(Source("a.yaml", tower("{args: {n: int}, layers: [relu]}", sampled, "top: 60", 4)))
    assert sum(1 for _ in spec.graph.walk()) == 2**4


def test_the_limit_is_the_callers() -> None:
    text = f"{HEAD}layers:\n  - {{repeat: 100, relu}}\n"
    assert compile_source(Source("a.yaml", text), limits=Limits(graph_nodes=100))
    assert mistakes(text, Limits(graph_nodes=99))[0].code == "too-large"
    weights = f"{HEAD}layers:\n  - {{repeat: 3, linear: 8}}\n"
    assert compile_source(Source("a.yaml", weights), limits=Limits(params=216))
    (found,) = mistakes(weights, Limits(params=215))
    assert found.message == "the network would have 216 parameters or more; the limit is 215"


def mistakes(text: str, limits: Limits | None = None, name: str = "a.yaml", **more: object) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        compile_source(Source(name, text), limits=limits, **more)  # type: ignore[arg-type]
    return caught.value.diagnostics


def written(folder: Path, names: Iterable[str], text: str) -> None:
    (folder / "pyproject.toml").touch()
    names = list(names)
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        (folder / f"{name}.yaml").write_text(text.replace("FOLLOWING", following))


STEPS = {
    "use": HEAD + "layers:\n  - {use: FOLLOWING.yaml}\n",
    "extends": "netspec: 1\nextends: FOLLOWING.yaml\n",
}


@pytest.mark.parametrize("kind", STEPS)
def test_r13_circles_of_files_of_every_length(kind: str, tmp_path: Path) -> None:
    for length in range(1, 51):
        folder = tmp_path / str(length)
        folder.mkdir()
        written(folder, (f"f{i}" for i in range(length)), STEPS[kind])
        start = folder / "f0.yaml"
        (found,) = mistakes(start.read_text(), name=str(start))
        assert found.code == "cycle"
        edges = [(label.span.source.name, label.span.line) for label in found.labels if label.span]
        line = 4 if kind == "use" else 2
        assert edges == [(str(folder / f"f{i}.yaml"), line) for i in range(length)]


def test_r13_circles_of_both_kinds(tmp_path: Path) -> None:
    written(tmp_path, ["a", "b", "c", "d"], STEPS["use"])
    for name, following in (("b", "c"), ("d", "a")):
        (tmp_path / f"{name}.yaml").write_text(STEPS["extends"].replace("FOLLOWING", following))
    (found,) = mistakes((tmp_path / "a.yaml").read_text(), name=str(tmp_path / "a.yaml"))
    assert [label.text for label in found.labels] == [
        "b.yaml extends c.yaml", "c.yaml uses d.yaml", "d.yaml extends a.yaml", "a.yaml uses b.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["{layers: [%s]}", "{args: {a: %s}, layers: [{op: =a}]}"])
def test_r13_circles_of_blocks_of_every_length(step: str) -> None:
    for length in range(1, 51):
        blocks = "".join(f"  b{i}: {step % f'b{(i + 1) % length}'}\n" for i in range(length))
        (found,) = mistakes(f"{HEAD}blocks:\n{blocks}layers: [b0]\n")
        assert found.code == "cycle"
        assert [label.span.line for label in found.labels if label.span] == list(range(4, 4 + length))


@pytest.mark.parametrize("length", [1, 2, 50])
def test_circles_of_calls(length: int) -> None:
    layers = "".join(f"  - {{name: c{i}, call: c{(i + 1) % length}}}\n" for i in range(length))
    assert {found.code for found in mistakes(f"{HEAD}layers:\n{layers}")} == {"cycle"}


def test_a_chain_of_a_thousand_blocks_is_too_deep_and_one_of_calls_is_not() -> None:
    text = tower("{layers: [relu]}", "{layers: [below]}", "top", 1000)
    (found,) = mistakes(text)
    assert (found.code, str(MAX_DEPTH) in found.message) == ("too-large", True)
    for step in (1, -1):
        names = list(range(500))[::step]
        layers = "".join(f"  - {{name: c{i}, call: c{i - 1}}}\n" if i else "  - {name: c0, linear: 8}\n" for i in names)
        verify(compile_source(Source("a.yaml", f"{HEAD}layers:\n{layers}")).graph)


def test_the_deepest_that_is_allowed_is_built() -> None:
    text = tower("{layers: [{linear: 8}]}", "{layers: [below]}", "top", MAX_DEPTH - 1)
    assert len(build(compile_source(Source("a.yaml", text)).graph).state_dict()) == 2


def test_as_many_inputs_as_are_allowed_are_built_and_one_more_is_refused() -> None:
    def text(count: int) -> str:
        return f"{HEAD}layers:\n  - {{add, from: [{', '.join(['x'] * count)}]}}\n"

    build(compile_source(Source("a.yaml", text(MAX_INPUTS))).graph)
    assert mistakes(text(MAX_INPUTS + 1))[0].code == "too-large"


def test_r19_no_link_leads_out_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    written(project, ["a"], HEAD + "layers: [relu]\n")
    outside = tmp_path / "outside.yaml"
    outside.write_text(HEAD + "layers: [relu]\n")
    (project / "link.yaml").symlink_to(outside)
    (project / "folder").symlink_to(tmp_path)
    (project / "round.yaml").symlink_to(project / "round.yaml")
    os.mkfifo(project / "pipe.yaml")
    odd = ["link.yaml", "folder/outside.yaml", "../outside.yaml", str(outside), "~/a.yaml", "round.yaml", "pipe.yaml"]
    odd += [
        "/dev/zero",
        "/proc/self/environ",
        "file:///etc/passwd",
        "http://localhost/a",
        "a" * 5000,
        "",
        ".",
        "a.yaml/b",
    ]
    for name in odd:
        for key in ("layers: [{use: %r}]\ninputs: {x: [8]}", "extends: %r"):
            found = mistakes("netspec: 1\n" + key % name + "\n", name=str(project / "main.yaml"))
            assert {each.code for each in found} <= {"unreadable", "unknown-spec", "wrong-type", "yaml-limit"}, name
    text = "netspec: 1\nextends: link.yaml\n"
    assert compile_source(Source(str(project / "a.yaml"), text), allowed=(tmp_path,))


def test_files_in_a_row_and_in_all(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "f0.yaml").write_text(HEAD + "layers: [relu]\n")
    for i in range(1, 70):
        (tmp_path / f"f{i}.yaml").write_text(f"netspec: 1\nextends: f{i - 1}.yaml\n")
    assert compile_source(Source(str(tmp_path / "f60.yaml"), (tmp_path / "f60.yaml").read_text()))
    (found,) = mistakes((tmp_path / "f69.yaml").read_text(), name=str(tmp_path / "f69.yaml"))
    assert found.code == "too-large"
    uses = "".join(f"  - use: f{i}.yaml\n" for i in range(3))
    (tmp_path / "f.yaml").touch()
    found = mistakes(f"{HEAD}layers:\n{uses}", Limits(files=2), name=str(tmp_path / "f.yaml"))[0]
    assert (found.code, found.message) == ("too-large", "more than 2 files")


@pytest.mark.parametrize(
    "setting",
    [
        "n=[", "n=!!python/object:os.system x", "n=&a *a", "n=" + "9" * 400, "n==9**9**9", "n={a: 1, a: 2}", "n=\0",
        "layers=3", "layers.0.linear=3", "blocks.b.layers=[b]", "x.y=3", "n.m=3", "inputs.x=-1", "netspec=2", "args=3",
        "extends=/etc/passwd", "train=[]", ".=3", "n=\ud800", "__class__=3", "n" * 5000 + "=3", "n=" + "[" * 5000,
        "n=1e999",
    ],
)  # fmt: skip
def test_hostile_settings_are_diagnostics(setting: str) -> None:
    text = f"{HEAD}args: {{n: {{type: int, default: 1}}}}\nlayers:\n  - {{name: a, linear: =n}}\n"
    try:
        compile_source(Source("a.yaml", text), settings=[setting])
    except SpecError as error:
        assert error.diagnostics
