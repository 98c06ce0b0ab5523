"""R-01 to R-06 and R-08: no text takes more time, memory or stack than its size allows."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest

from netspec.diagnostics import Source, Span, SpecError
from netspec.lang.nodes import plain
from netspec.lang.reader import Limits, read

MIB = 2**20
#: The bars are for a quiet machine; one that is slow and shared must not fail what is not quadratic.
GUARD = 5


def refused(text: str, limits: Limits = Limits()) -> tuple[str, Span, float]:  # noqa: B008 - frozen
    start = time.thread_time()
    with pytest.raises(SpecError) as caught:
        read(Source("a", text), limits)
    seconds = time.thread_time() - start
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None
    return diagnostic.code, diagnostic.span, seconds


def alias_bomb(levels: int, width: int) -> str:
    first = f"a0: &a0 [{', '.join(['x'] * width)}]\n"
    return first + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]\n" for i in range(1, levels))


@pytest.mark.parametrize(("levels", "width"), [(9, 9), (40, 2), (1000, 2), (5, 100), (2, 400)])
def test_r01_an_alias_bomb_is_refused_at_the_alias_that_crosses_the_budget(levels: int, width: int) -> None:
    code, span, seconds = refused(alias_bomb(levels, width))
    assert (code, span.text[0]) == ("yaml-limit", "*")
    assert seconds <= GUARD * 2


def test_r01_a_tree_that_aliases_make_deep_is_refused() -> None:
    """Each alias is one level; together they would be too deep for whatever walks the tree."""
    text = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300))
    code, span, _ = refused(text)
    assert (code, span.text) == ("yaml-limit", "*a62")


def test_aliases_within_the_budget_are_read() -> None:
    assert plain(read(Source("a", "".join(alias_bomb(3, 9).splitlines(True)[:3])))) is not None


def test_r02_a_merge_bomb_is_refused() -> None:
    text = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 41))
    code, span, seconds = refused(text)
    assert (code, span.line) == ("yaml-merge", 2)
    assert seconds <= GUARD * 0.2


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[" * 1_000_000, 1, 65),
        ("{a: " * 1_000_000, 1, 1 + 64 * 4),
        ("- " * 1_000_000, 1, 1 + 64 * 2),
        ("? " * 1_000_000, 1, 1 + 64 * 2),
        ("".join(f"{' ' * i}a:\n" for i in range(1500)), 65, 65),
    ],
    ids=["[", "{", "-", "?", "block"],
)
def test_r03_a_million_levels_are_refused_at_the_65th(text: str, line: int, column: int) -> None:
    code, span, seconds = refused(text)
    assert (code, span.line, span.column) == ("yaml-limit", line, column)
    assert seconds <= GUARD * 0.1


def test_r03_64_levels_are_read() -> None:
    read(Source("a", "[" * 64 + "]" * 64))


def test_r04_a_file_beyond_the_size_limit_is_refused_before_it_is_parsed() -> None:
    for text in ("a: " + "x" * 100 * MIB, "\u20ac" * 3 * MIB):
        code, span, seconds = refused(text)
        assert (code, span.start) == ("yaml-limit", 0)
        assert seconds <= GUARD * 0.2


def test_r04_nodes_are_counted() -> None:
    code, span, _ = refused("[" + "1," * 50 + "]", Limits(nodes=40))
    assert (code, span.column) == ("yaml-limit", 80)  # the list is the first node, item 40 the 41st


def test_r04_a_mebibyte_is_read_within_ten_seconds() -> None:
    text = "layers:\n" + "  - {name: a, linear: 8}\n" * (MIB // 25)
    start = time.thread_time()
    read(Source("a", text))
    assert time.thread_time() - start <= 10


@pytest.mark.parametrize("template", ["a: &a [1, {{b: {}}}]", "- &a\n  - b: {}\n", "&a {{x: [{}]}}"])
def test_r05_every_cycle_is_found(template: str) -> None:
    text = template.format("*a")
    code, span, _ = refused(text)
    assert (code, span.start) == ("yaml-alias", text.index("*a"))


def test_r05_longer_cycles_are_found() -> None:
    for depth in range(1, 60):
        text = "".join(f"&a{i} [" for i in range(depth)) + f"*a{depth // 2}" + "]" * depth
        assert refused(text)[0] == "yaml-alias"


def test_r06_10_000_duplicates_are_found_with_both_places() -> None:
    generator = random.Random(6)
    for _ in range(10_000):
        keys = [f"k{i}" for i in range(generator.randint(1, 6))]
        second = generator.choice(keys)
        keys.insert(generator.randint(keys.index(second) + 1, len(keys)), f"'{second}'")
        flow = generator.random() < 0.5
        text = "{" + ", ".join(f"{key}: 1" for key in keys) + "}" if flow else "".join(f"{key}: 1\n" for key in keys)
        code, span, _ = refused(text)
        assert (code, span.text) == ("duplicate-key", f"'{second}'")


@pytest.mark.parametrize(
    "text",
    ["a: " + "1" * 5000, "a: 0x" + "f" * 2 * MIB, "a: " + "1:" * 60_000 + "1", "a: '" + "x" * MIB + "'", "x" * MIB],
    ids=["digits", "hex", "sexagesimal", "quoted", "key"],
)
def test_r08_long_scalars_are_refused(text: str) -> None:
    code, span, seconds = refused(text)
    assert (code, span.line) == ("yaml-limit", 1)
    assert seconds <= GUARD * 0.1


def test_r08_a_doc_may_be_longer() -> None:
    tree = read(Source("a", "doc: " + "x" * 60_000))
    assert len(str(plain(tree))) > 60_000
    assert refused("doc: " + "x" * 70_000)[0] == "yaml-limit"


def test_a_tree_has_no_recursion_left_to_fear() -> None:
    depth, found = 0, plain(read(Source("a", "[" * 63 + "x" + "]" * 63)))
    while isinstance(found, list):
        depth, (found,) = depth + 1, found
    assert (depth, found) == (63, "x")


def _seconds(layers: int) -> float:
    source = Source("a", "netspec: 1\nlayers:\n" + "  - linear: 8\n  - relu\n" * (layers // 2))
    times = []
    for _ in range(3):
        start = time.thread_time()
        read(source)
        times.append(time.thread_time() - start)
    return min(times)


def test_reading_is_linear_and_takes_microseconds_a_layer() -> None:
    small, large = _seconds(4_000), _seconds(20_000)
    assert large <= 7.5 * small
    assert large <= 20_000 * 40e-6


_PEAK = """
import sys
from netspec.diagnostics import Source, SpecError
from netspec.lang.reader import read
text = {text}

def peak():
    # Not ru_maxrss: a child starts with its parent's.
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
try:
    read(Source("a", text))
except SpecError:
    pass
print(before, peak())
"""


@pytest.mark.parametrize(
    ("text", "more_mib", "peak_mib"),
    [
        ("'a: ' + 'x' * (20 * 2**20)", 20, 300),
        ("'a0: &a0 [x]\\n' + ''.join(f'a{i}: &a{i} [*a{i-1}, *a{i-1}]\\n' for i in range(1, 40000))", 280, 300),
    ],
    ids=["too large", "aliases"],
)
def test_r01_and_r04_bound_memory(text: str, more_mib: int, peak_mib: int) -> None:
    command = [sys.executable, "-c", _PEAK.format(text=text)]
    before, after = map(int, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    assert (after - before) / 1024 <= more_mib
    assert after / 1024 <= peak_mib
