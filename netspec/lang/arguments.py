"""`args`, `dims` and `vocabs`: the names that expressions and shapes may use."""

from __future__ import annotations

from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang import form
from netspec.lang.document import ArgDecl, DimDecl, VocabDecl
from netspec.lang.names import check_input_name
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null
from netspec.lang.parser import CONSTANTS

TYPES = ("int", "float", "bool", "str", "list", "map", "any")
# What an expression knows of itself, or reads as an operator.
TAKEN = frozenset({"in_channels", "in_features", "and", "or", "not", "in", "if", "else", *CONSTANTS})

ARG_KEYS = ("type", "default", "choices", "min", "max")
DIM_KEYS = ("min", "max", "multiple_of", "lengths")
VOCAB_KEYS = ("file", "size", "unit", "special")
# What a text is cut into, and what entries may be for.
UNITS = ("word", "char")
ROLES = ("pad", "unk", "bos", "eos")


def arguments(node: Node | None, taken: frozenset[str], report: Report) -> dict[str, ArgDecl]:
    """The arguments that `args` declares, in order; `taken` are names that none may have."""
    found = form.mapping(node, "`args`", report)
    decls = [_argument(key, value, taken, report) for key, value in found or ()]
    return {decl.name.text: decl for decl in decls if decl is not None}


def _argument(key: Scalar, value: Node, taken: frozenset[str], report: Report) -> ArgDecl | None:
    if not form.is_identifier(key, "the argument", report):
        return None
    if key.text in taken or key.text in TAKEN:
        what = "a key of a spec" if key.text in taken else "a word of expressions"
        report.error("reserved-name", f"`{key.text}` is {what}; an argument needs another name", key.span)
    if isinstance(value, Mapping) and "type" in value:
        return _long_form(key, value, report)
    if isinstance(value, Scalar) and not value.quoted and value.text in TYPES:
        return ArgDecl(key, type=value.text)
    return ArgDecl(key, default=value)


def _long_form(key: Scalar, value: Mapping, report: Report) -> ArgDecl | None:
    if not form.check_keys(value, ARG_KEYS, f"the argument `{key.text}`", report):
        return None
    kind = value.get("type")
    if not (isinstance(kind, Scalar) and kind.text in TYPES):
        assert kind is not None
        message = f"a type is one of {', '.join(TYPES)}, got {describe(kind)}"
        help = did_you_mean(kind.text, TYPES) if isinstance(kind, Scalar) else None
        report.error("wrong-value", message, kind.span, help=help)
        return None
    choices = form.sequence(value.get("choices"), "`choices`", report)
    low, high = (form.scalar(value.get(end), f"`{end}`", report) for end in ("min", "max"))
    return ArgDecl(key, kind.text, value.get("default"), choices, low, high)


def dims(node: Node | None, report: Report) -> dict[str, DimDecl]:
    """What `dims` says of symbolic sizes."""
    found = form.mapping(node, "`dims`", report)
    decls = [_dim(key, value, report) for key, value in found or () if form.is_identifier(key, "the size", report)]
    return {decl.name.text: decl for decl in decls if decl is not None}


def _dim(key: Scalar, value: Node, report: Report) -> DimDecl | None:
    if isinstance(value, Scalar) and not is_null(value):
        return DimDecl(key, size=value)
    known = form.mapping(value, f"`{key.text}` in `dims`", report)
    if known is None or not form.check_keys(known, DIM_KEYS, f"`{key.text}` in `dims`", report):
        return None if isinstance(value, Sequence) else DimDecl(key)
    low, high, step = (form.scalar(known.get(part), f"`{part}`", report) for part in ("min", "max", "multiple_of"))
    return DimDecl(key, None, low, high, step, _lengths(known.get("lengths"), report))


def _lengths(node: Node | None, report: Report) -> Scalar | None:
    """The name of the input that holds the lengths."""
    name = form.scalar(node, "`lengths`", report)
    return name if name is not None and check_input_name(name, report) else None


def vocabs(node: Node | None, report: Report) -> dict[str, VocabDecl]:
    """The vocabularies, each with its size."""
    found = form.mapping(node, "`vocabs`", report)
    decls = [_vocab(key, value, report) for key, value in found or () if form.is_identifier(key, "the name", report)]
    return {decl.name.text: decl for decl in decls if decl is not None}


def _vocab(key: Scalar, value: Node, report: Report) -> VocabDecl | None:
    if isinstance(value, Sequence):
        entries = _entries(key, value, report)
        # One character each: then the text is read by characters.
        unit = "char" if entries and all(len(entry) == 1 for entry in entries) else "word"
        return None if entries is None else VocabDecl(key, len(value), entries=entries, unit=unit)
    known = form.mapping(value, f"the vocabulary `{key.text}`", report)
    if known is None or not form.check_keys(known, VOCAB_KEYS, f"the vocabulary `{key.text}`", report):
        return None
    size = known.get("size")
    if not (isinstance(size, Scalar) and type(size.value) is int and size.value > 0):
        message = f"the vocabulary `{key.text}` needs its `size`, a positive integer"
        report.error("missing-key" if size is None else "wrong-value", message, (size or key).span)
        return None
    file = form.scalar(known.get("file"), "`file`", report)
    return VocabDecl(key, size.value, file, None, _unit(known, report), _special(known, report))


def _entries(key: Scalar, value: Sequence, report: Report) -> tuple[str, ...] | None:
    """The entries of a list, which are different texts."""
    found: dict[str, None] = {}
    for item in value:
        entry = form.scalar(item, f"an entry of `{key.text}`", report)
        if entry is None or entry.text in found:
            if entry is not None:
                report.error("wrong-value", f"the vocabulary `{key.text}` has an entry twice", entry.span)
            return None
        found[entry.text] = None
    return tuple(found)


def _unit(known: Mapping, report: Report) -> str:
    node = form.scalar(known.get("unit"), "`unit`", report)
    if node is not None and node.text not in UNITS:
        help = did_you_mean(node.text, UNITS)
        report.error("wrong-value", f"`unit` is one of {', '.join(UNITS)}, got {describe(node)}", node.span, help=help)
    return node.text if node is not None else UNITS[0]


def _special(known: Mapping, report: Report) -> dict[str, str]:
    """Entries by role."""
    found = form.mapping(known.get("special"), "`special`", report)
    if found is None or not form.check_keys(found, ROLES, "`special`", report):
        return {}
    words = {key.text: form.scalar(value, f"`{key.text}`", report) for key, value in found}
    return {role: word.text for role, word in words.items() if word is not None}
