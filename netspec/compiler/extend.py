"""`extends` and `--set`: a spec that is another one with other values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from netspec.compiler.files import Files, resolved
from netspec.diagnostics import Label, NetspecError, Report, Source
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang import form
from netspec.lang.nodes import Mapping, Node, Scalar, describe, shorten
from netspec.lang.nodes import Sequence as List
from netspec.lang.reader import read
from netspec.lang.structure import TOP_KEYS, check_version

# What is said of the other spec, not of this one.
_OWN = ("expect", "name", "extends")
_CHAIN = 64
# Keys that make no other network of the same text.
_BESIDE = ("name", "doc", "source", "expect", "weights", "train", "export")


def extended(root: Node, files: Files, report: Report) -> Node | None:
    """The tree of a spec with what it extends put in; None, and a report, if that cannot be read."""
    return _extended(root, files, report, (resolved(root.span.source.name),), ())


def _extended(
    root: Node, files: Files, report: Report, chain: tuple[str, ...], edges: tuple[Label, ...]
) -> Node | None:
    if not isinstance(root, Mapping) or "extends" not in root:
        return root
    check_version(root, report)
    node = form.scalar(root.get("extends"), "`extends`", report)
    path = files.locate(node.text, node.span, report) if node is not None else None
    if node is None or path is None:
        return None
    edges = (*edges, Label(f"{PurePath(chain[-1]).name} extends {path.name}", node.span))
    if str(path) in chain:
        message = f"`{shorten(path.name)}` extends itself"
        report.error("cycle", message, node.span, labels=edges[chain.index(str(path)) :])
        return None
    if len(chain) > _CHAIN:
        report.error("too-large", f"more than {_CHAIN} specs extend each other in a row", node.span)
        return None
    files.extended[chain[-1]] = (str(path), node.span)
    tree = files.tree(path, node.span, report)
    base = _extended(tree, files, report, (*chain, str(path)), edges) if tree is not None else None
    if base is None:
        return None
    if not isinstance(base, Mapping):
        report.error("wrong-type", f"{path.name} is no spec but {describe(base)}", node.span)
        return None
    return _merged(base, root)


def _merged(base: Mapping, root: Mapping) -> Mapping:
    """`args` merges; any other key replaces that one whole. What the other spec expects of itself is left behind."""
    entries = {key: entry for key, entry in base.entries.items() if key not in _OWN}
    for key, (word, value) in root.entries.items():
        if key == "args" and isinstance(value, Mapping) and isinstance(known := base.get("args"), Mapping):
            entries[key] = (word, _merged_args(known, value))
        else:
            entries[key] = (word, value)
    return Mapping({key: entry for key, entry in entries.items() if key != "extends"}, root.span)


def _merged_args(base: Mapping, args: Mapping) -> Mapping:
    """An argument's scalar or list replaces its default only."""
    entries = dict(base.entries)
    for key, (word, value) in args.entries.items():
        known = base.get(key)
        entries[key] = (word, value if known is None else _with_default(known, value))
    return Mapping(entries, args.span)


def _with_default(decl: Node, value: Node) -> Node:
    if isinstance(value, Mapping) or not (isinstance(decl, Mapping) and "type" in decl):
        return value
    word = Scalar("default", "default", value.span)
    return Mapping({**decl.entries, "default": (word, value)}, decl.span)


def with_settings(root: Node, settings: Sequence[str], report: Report) -> Node:
    """The tree with `NAME=VALUE` put in: an argument by its name, any other key by its dotted path.

    Of another network the file expects nothing: `expect` is left out, unless a setting speaks of it.

    Raises:
        NetspecError: `bad-setting`, for a text that is no setting.
    """
    names: set[str] = set()
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            help = "write it as `--set depth=152` or `--set train.epochs=3`"
            raise NetspecError.at("--set", "bad-setting", f"{shorten(text)!r} is not NAME=VALUE", help=help)
        source = Source(f"--set {shorten(name)}", value if value.strip() else "null")
        if isinstance(root, Mapping):
            path = name.strip().split(".")
            names.add(path[0])
            root = _set(root, path, read(source), report)
    if isinstance(root, Mapping) and not names <= set(_BESIDE) and "expect" not in names:
        return Mapping({key: entry for key, entry in root.entries.items() if key != "expect"}, root.span)
    return root


def with_argument(root: Mapping, name: str, value: Node) -> Mapping:
    """The tree with another value of an argument that it has, and without what it expects with its own."""
    return _set(root, [name], value, Report())


def _set(root: Mapping, path: list[str], value: Node, report: Report) -> Mapping:
    args = root.get("args")
    if isinstance(args, Mapping) and path[0] in args:
        whole = _put(args, path, value, args.get(path[0]), report)
        # What a spec expects of itself it expects with its own arguments.
        kept = {key: entry for key, entry in root.entries.items() if key != "expect"}
        return Mapping({**kept, "args": (root.key("args"), whole)}, root.span)
    if path[0] not in TOP_KEYS:
        known = [*(args.entries if isinstance(args, Mapping) else ()), *TOP_KEYS]
        message = f"the spec has no argument and no key `{shorten(path[0])}`"
        report.error("unknown-key", message, value.span, help=did_you_mean(path[0], known))
        return root
    return _put(root, path, value, None, report)


def _put(node: Mapping, path: list[str], value: Node, decl: Node | None, report: Report) -> Mapping:
    name = path[0]
    if len(path) > 1:
        inner = node.get(name)
        if isinstance(inner, List):
            message = f"`{shorten(name)}` is a list: a setting reaches keys, not the entries of lists"
            help = f"set `{name}` whole, or make what is to be set an argument of the spec"
            report.error("wrong-type", message, value.span, help=help)
            return node
        below = inner if isinstance(inner, Mapping) else Mapping({}, value.span)
        value = _put(below, path[1:], value, None, report)
    elif decl is not None:
        value = _with_default(decl, value)
    key = node.key(name) if name in node else Scalar(name, name, value.span)
    return Mapping({**node.entries, name: (key, value)}, node.span)
