"""The spanned tree, and what the reader says of texts that are not one."""

from __future__ import annotations

import pytest

from netspec.diagnostics import Diagnostic, Source, SpecError
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, plain
from netspec.lang.reader import read

SPEC = """\
netspec: 1
doc: |
  Two lines
  of text
layers:
  - conv: {out_channels: 20, kernel_size: 5}   # a comment

  - relu
outputs: {logits: "fc"}
"""


def refusal(text: str) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        read(Source("a.yaml", text))
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def at(text: str, *path: str | int) -> Node:
    node = read(Source("a.yaml", text))
    for step in path:
        if isinstance(step, int):
            assert isinstance(node, Sequence)
            node = node.items[step]
        else:
            assert isinstance(node, Mapping)
            node = node.entries[step][1]
    return node


def test_the_tree_holds_plain_data() -> None:
    assert plain(read(Source("a.yaml", SPEC))) == {
        "netspec": 1,
        "doc": "Two lines\nof text\n",
        "layers": [{"conv": {"out_channels": 20, "kernel_size": 5}}, "relu"],
        "outputs": {"logits": "fc"},
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("netspec",), "1"),
        (("layers", 0, "conv"), "{out_channels: 20, kernel_size: 5}"),
        (("layers", 0, "conv", "kernel_size"), "5"),
        (("layers", 0), "conv: {out_channels: 20, kernel_size: 5}"),
        (("layers",), "- conv: {out_channels: 20, kernel_size: 5}   # a comment\n\n  - relu"),
        (("outputs", "logits"), '"fc"'),
        ((), SPEC.strip()),
    ],
)
def test_a_span_covers_what_was_written_and_no_more(path: tuple[str | int, ...], text: str) -> None:
    assert at(SPEC, *path).span.text == text


def test_keys_have_places_too() -> None:
    tree = at(SPEC, "layers", 0)
    assert isinstance(tree, Mapping)
    assert str(tree.key("conv").span) == "a.yaml:6:5"


def test_an_alias_is_the_same_tree_at_its_own_place() -> None:
    tree = at("a: &x {b: 1}\nc: *x\n", "c")
    assert plain(tree) == {"b": 1}
    assert (tree.span.text, str(tree.span)) == ("*x", "a.yaml:2:4")


def test_a_byte_order_mark_and_windows_line_ends_shift_nothing() -> None:
    tree = at("\ufeffa: 1\r\nb: [x,\r\n  y]\r\n", "b", 1)
    assert (tree.span.text, str(tree.span)) == ("y", "a.yaml:3:3")


def test_wide_characters_count_once() -> None:
    assert str(at("名: {é: \U0001f600, x: y}", "名", "x").span) == "a.yaml:1:14"


def test_a_scalar_knows_whether_it_was_quoted() -> None:
    quoted, bare = at("['x', x]", 0), at("['x', x]", 1)
    assert isinstance(quoted, Scalar)
    assert isinstance(bare, Scalar)
    assert (quoted.quoted, bare.quoted) == (True, False)


@pytest.mark.parametrize(
    ("text", "code", "place", "part"),
    [
        ("", "yaml-syntax", "1:1", "the file is empty"),
        ("# only a comment\n", "yaml-syntax", "1:1", "the file is empty"),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", "2:2", "did not find expected ',' or ']'"),
        ("a: 1\n b: 2\n", "yaml-syntax", "2:3", "mapping values are not allowed"),
        ("a: 'x\n", "yaml-syntax", "2:1", "unexpected end of stream"),
        ("a:\n\t- b\n", "yaml-syntax", "2:1", "cannot start any token"),
        ("a: @b\n", "yaml-syntax", "1:4", "cannot start any token"),
        ("a: 1\n---\nb: 2\n", "yaml-syntax", "2:1", "a second document"),
        ("é: \x00\n", "yaml-syntax", "1:4", "U+0000"),
        ("é: \x1b[31m\n", "yaml-syntax", "1:4", "U+001B"),
        ("é: \ud800\n", "yaml-syntax", "1:4", "lone surrogate"),
        ("a: !!python/object/apply:os.system [ls]\n", "yaml-tag", "1:4", "tags"),
        ("a: !!int 3\n", "yaml-tag", "1:4", "tags"),
        ("a: !x\n  b: 1\n", "yaml-tag", "1:4", "tags"),
        ("!!set {a}\n", "yaml-tag", "1:1", "tags"),
        ("b: &b {c: 1}\na: {<<: *b}\n", "yaml-merge", "2:5", "merge keys"),
        ("a: *b\n", "yaml-alias", "1:4", "no anchor `&b`"),
        ("a: &a [1, *a]\n", "yaml-alias", "1:11", "refers to itself"),
        ("&a {b: {c: *a}}\n", "yaml-alias", "1:12", "refers to itself"),
        ("[1, 2]: 3\n", "yaml-key", "1:1", "a key must be a word"),
        ("? {a: 1}\n: 3\n", "yaml-key", "1:3", "a key must be a word"),
        ("?\n: 3\n", "yaml-key", "1:2", "a key is missing"),
        ("a: \ufeffb\n", "yaml-syntax", "1:4", "U+FEFF"),
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", "3:1", "the key `a` stands twice"),
        ("{a: 1, 'a': 2}\n", "duplicate-key", "1:8", "the key `a` stands twice"),
    ],
)
def test_refusals_name_their_place(text: str, code: str, place: str, part: str) -> None:
    diagnostic = refusal(text)
    assert (diagnostic.code, diagnostic.location) == (code, f"a.yaml:{place}")
    assert part in diagnostic.message


def test_a_syntax_error_shows_where_the_broken_list_began() -> None:
    (label,) = refusal("a:\n  - [1, 2\nb: 3\n").labels
    assert (label.text, str(label.span)) == ("while parsing a flow sequence", "a.yaml:2:5")


def test_a_duplicate_shows_both_places() -> None:
    assert refusal("a: 1\nb: {c: 1, d: 2, c: 3}\n").notes == ("first at line 2, column 5",)


@pytest.mark.parametrize(
    ("text", "place", "shown", "help"),
    [
        ("{p: =min(a, b)}", "1:5", "=min(a, b)", 'write "=min(a, b)"'),
        ("x: {p: =max(a, min(b, c)), q: 1}", "1:8", "=max(a, min(b, c))", 'write "=max(a, min(b, c))"'),
        ("[=min(a, b), c]", "1:2", "=min(a, b)", 'write "=min(a, b)"'),
        ("{p: =a if m == 'x, y' else b}", "1:5", "=a if m == 'x, y' else b", "write \"=a if m == 'x, y' else b\""),
        ("[{x: =a[0]}]", "1:6", "=a[0]", 'write "=a[0]"'),
        ("a: 1\nb: {x: =w[i + 1], y: 2}", "2:8", "=w[i + 1]", 'write "=w[i + 1]"'),
        ("{x: =[1, 2]}", "1:5", "=[1, 2]", 'write "=[1, 2]"'),
        ("[=a[1], 2]", "1:2", "=a[1]", 'write "=a[1]"'),
        ("{x: =a[min(1, 2)] + 1}", "1:5", "=a[min(1, 2)] + 1", 'write "=a[min(1, 2)] + 1"'),
        ("x: =a[1 : 2] if b else a: c", "1:4", "=a[1 : 2] if b else a: c", 'write "=a[1 : 2] if b else a: c"'),
        ("{linear:10}", "1:2", "linear:10", "write `linear: 10`, with a blank after the colon"),
        ("- {name: a, linear:10}", "1:13", "linear:10", "write `linear: 10`, with a blank after the colon"),
    ],
)
def test_values_that_need_quotes_are_shown_with_them(text: str, place: str, shown: str, help: str) -> None:
    diagnostic = refusal(text)
    assert (diagnostic.code, diagnostic.location, diagnostic.help) == ("unquoted", f"a.yaml:{place}", help)
    assert diagnostic.span is not None
    assert diagnostic.span.text == shown
    if help.startswith('write "'):
        assert plain(read(Source("mended", text.replace(shown, help.removeprefix("write "))))) is not None


@pytest.mark.parametrize(
    "text",
    ["{p: '=min(a, b)'}", "p: =min(a, b)", "x: =a[0]", "{http: x:y}", "{'a:b'}", "{p: =(a)}", "- =[1, 2]", "{a: b:c}"],
)
def test_what_yaml_reads_whole_needs_no_quotes(text: str) -> None:
    read(Source("a.yaml", text))
