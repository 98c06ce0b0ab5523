"""Running text: tokens one apart, documents, vocabularies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netspec.compiler import compile_source
from netspec.data.ragged import Ragged
from netspec.data.samples import Samples
from netspec.data.source import bind_source
from netspec.diagnostics import DataError, Report, Source
from netspec.lang.folder import Folder
from netspec.lang.reader import read

SPEC = """
netspec: 1
vocabs: {vocab}
dims: {{T: {{lengths: n}}}}
inputs: {{in: {{shape: [T], dtype: int64, below: words}}}}
layers: [{{embedding: 2}}]
"""
WORDS = "{words: {file: words.txt, size: 6}}"
CHARS = "{words: [a, b, ' ', \"\\n\"]}"


def load(folder: Path, reader: str, vocab: str = WORDS, text: str = "", words: str = "") -> Samples:
    (folder / "text.txt").write_text(text, newline="")
    (folder / "words.txt").write_text(words, newline="")
    document = compile_source(Source("net.yaml", SPEC.format(vocab=vocab))).document
    report = Report()
    found = bind_source(read(Source("a.yaml", reader)), Folder(folder), report, document.vocabs)
    if found is None:
        raise DataError(report.diagnostics)
    return found.load()


def values(samples: Samples, name: str) -> list[list[int]]:
    column = samples.arrays[name]
    assert isinstance(column, Ragged)
    return [column.value(index).tolist() for index in range(len(column))]


def test_characters_are_one_apart(tmp_path: Path) -> None:
    found = load(tmp_path, "text: {file: text.txt, vocab: words}", CHARS, "ab a\nb")
    assert values(found, "in") == [[0, 1, 2, 0, 3]]
    assert values(found, "out") == [[1, 2, 0, 3, 1]]


def test_shares_of_a_running_text(tmp_path: Path) -> None:
    text = "ab" * 50
    first = load(tmp_path, "text: {file: text.txt, vocab: words, end: 0.9}", CHARS, text)
    rest = load(tmp_path, "text: {file: text.txt, vocab: words, start: 0.9}", CHARS, text)
    assert [len(each) for each in values(first, "in") + values(rest, "in")] == [89, 9]


@pytest.mark.parametrize(("kind", "text"), [("line", "the cat\n\nA dog the\n"), ("blank", "the\ncat\n \n\nA dog\nthe")])
def test_documents_of_words_begin_and_end(tmp_path: Path, kind: str, text: str) -> None:
    words = "<bos>\n<eos>\n<unk>\nthe\ncat\na\n"
    reader = f"text: {{file: text.txt, vocab: words, documents: {kind}, lowercase: true}}"
    found = load(tmp_path, reader, text=text, words=words)
    assert values(found, "in") == [[0, 3, 4], [0, 5, 2, 3]]
    assert values(found, "out") == [[3, 4, 1], [5, 2, 3, 1]]


def test_special_entries_have_other_names(tmp_path: Path) -> None:
    vocab = "{words: {file: words.txt, size: 3, special: {bos: '[', eos: ']', unk: '?'}}}"
    reader = "text: {file: text.txt, vocab: words, documents: line}"
    found = load(tmp_path, reader, vocab, "x y\n", "[\r\n]\r\n?")
    assert values(found, "in") == [[0, 2, 2]] and values(found, "out") == [[2, 2, 1]]


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ("a\nb\n", "a b", "words.txt: 2 entries, one a line; the spec says 6"),
        ("a\nb\nc\na\ne\nf\n", "a b", "the entry 'a' is there twice, in lines 1 and 4"),
        ("a\nb\nc\nd\ne\nf\n", "a b g", "token 2 (from 0), 'g', is not in the vocabulary `words`"),
        ("a\nb\nc\nd\ne\nf\n", "a", "there is no text of two tokens at least"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: str, text: str, message: str) -> None:
    with pytest.raises(DataError) as refused:
        load(tmp_path, "text: {file: text.txt, vocab: words}", text=text, words=words)
    assert message in str(refused.value)


def test_a_special_entry_that_is_not_there(tmp_path: Path) -> None:
    vocab = "{words: {file: words.txt, size: 2, special: {eos: '<|end|>'}}}"
    with pytest.raises(DataError, match=r"the special entry '<\|end\|>' is not among the entries"):
        load(tmp_path, "text: {file: text.txt, vocab: words}", vocab, "a b", "a\nb")


def test_no_such_vocabulary_and_no_part(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no vocabulary is called `chars`; there are: words"):
        load(tmp_path, "text: {file: text.txt, vocab: chars}")
    with pytest.raises(DataError, match=r"nothing lies between 0\.5 and 0\.5"):
        load(tmp_path, "text: {file: text.txt, vocab: words, start: 0.5, end: 0.5}")


def test_text_that_is_no_text(tmp_path: Path) -> None:
    load(tmp_path, "text: {file: text.txt, vocab: words}", CHARS, "ab a")
    (tmp_path / "text.txt").write_bytes(b"ab\na\xff")
    document = compile_source(Source("net.yaml", SPEC.format(vocab=CHARS))).document
    found = bind_source(
        read(Source("a.yaml", "text: {file: text.txt, vocab: words}")), Folder(tmp_path), Report(), document.vocabs
    )
    assert found is not None
    with pytest.raises(DataError, match="not UTF-8 text at byte 4"):
        found.load()


def test_ragged_columns_are_cut_joined_and_padded() -> None:
    column = Ragged.of([np.arange(3), np.arange(10, 11), np.arange(20, 24)])
    chosen = column[np.array([2, 0])]
    assert chosen.padded().tolist() == [[20, 21, 22, 23], [0, 1, 2, 0]]
    assert column.join([chosen]).padded()[:, 0].tolist() == [0, 10, 20, 20, 0]
