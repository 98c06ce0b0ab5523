"""Word vectors: rows of a parameter as text, in the format of word2vec."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any

from netspec.compiler.spec import Spec
from netspec.deploy.plan import Table
from netspec.diagnostics import DataError, Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, Node
from netspec.lang import form
from netspec.lang.nodes import Node as Syntax
from netspec.lang.nodes import Scalar
from netspec.ops.base import Op

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def bind_tables(node: Syntax | None, spec: Spec, graph: Graph, report: Report) -> tuple[Table, ...]:
    """The tables that a section names, each with the vocabulary whose words its rows are."""
    section = form.mapping(node, "`tables`", report)
    owners = {owner.key(name): (owner, param.shape) for owner in graph.walk() for name, param in _params(owner)}
    found = []
    for key, value in section or ():
        word = form.scalar(value, f"the parameter of `{key.text}`", report)
        if word is None or not _is_file_name(key, report):
            continue
        if word.text not in owners:
            help = did_you_mean(word.text, owners)
            report.error("unknown-name", f"no parameter is called `{word.text}`", word.span, help=help)
            continue
        owner, shape = owners[word.text]
        if len(shape) != 2:
            report.error("bad-export", f"`{word.text}` is {list(shape)}, a table has a row for each word", word.span)
            continue
        vocab = _vocab(spec, owner, shape[0])
        if vocab is None:
            sizes = ", ".join(f"{name} has {each.size:,}" for name, each in spec.document.vocabs.items())
            message = f"`{word.text}` has {shape[0]:,} rows, and no vocabulary of the spec tells their words"
            report.error("bad-export", message, word.span, help=sizes or "`vocabs: {words: {file: FILE, size: N}}`")
            continue
        found.append(Table(key.text, word.text, vocab))
    return tuple(found)


def table_text(words: SequenceOf[str], rows: NDArray[np.float32], place: str) -> str:
    """`V D` and then a line `word x1 ... xD` for each row; numbers are read back as the same float32.

    Args:
        words: A word for each row.
        rows: `[words, features]`.
        place: The file's name, for messages.

    Raises:
        DataError: `data-value`: a word that this format cannot hold, or one that is there twice.
    """
    seen: set[str] = set()
    for number, word in enumerate(words):
        problem = "is empty or has a blank" if word.split() != [word] else "is there twice" if word in seen else ""
        if problem:
            raise DataError.at(place, "data-value", f"word {number:,} (from 0), {word[:40]!r}, {problem}")
        seen.add(word)
    lines = [f"{len(rows)} {rows.shape[1]}\n"]
    lines += [f"{word} {' '.join(map(_text, row))}\n" for word, row in zip(words, rows, strict=True)]
    return "".join(lines)


def _text(value: Any) -> str:
    """The shortest text that is read as this float32."""
    return str(value)


def _params(node: Node) -> list[tuple[str, Any]]:
    assert isinstance(node.op, Op)
    return list(node.op.params(*(value.type for value in node.inputs)).items())


def _vocab(spec: Spec, owner: Node, rows: int) -> str | None:
    """The vocabulary whose indices the layer reads; else the only one that is as large."""
    vocabs = spec.document.vocabs
    for value in owner.inputs:
        declared = spec.document.inputs.get(value.name)
        below = declared.below.text if declared is not None and declared.below is not None else ""
        if below in vocabs and vocabs[below].size == rows:
            return below
    fitting = [name for name, each in vocabs.items() if each.size == rows]
    return fitting[0] if len(fitting) == 1 else None


def _is_file_name(key: Scalar, report: Report) -> bool:
    name = key.text
    if name and name not in (".", "..") and not any(each in name for each in "/\\\0"):
        return True
    report.error("wrong-value", f"a table is a file beside the model, got the name {name[:60]!r}", key.span)
    return False
