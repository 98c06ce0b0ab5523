"""The files from which a resolved spec starts: its own, and those of the specs that it uses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from netspec.compiler.spec import WeightsSection
from netspec.compiler.yaml_text import Word
from netspec.lang.folder import spec_folder
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node as Tree
from netspec.lang.nodes import Scalar
from netspec.lang.nodes import Sequence as SequenceNode


def weights(sections: Sequence[WeightsSection], name: str) -> Any:
    """What `weights` says, one or a list; None where there is none.

    Args:
        sections: Those of the spec and of what it uses, as written.
        name: The spec's file: paths are relative to it.
    """
    found = [section.node if not section.path else _below(section, name) for section in sections]
    return (found[0] if len(found) == 1 else found) if found else None


def _below(section: WeightsSection, name: str) -> dict[str, Any]:
    """The weights of a spec that is used, which speak of its own layers."""
    node, path = section.node, section.path
    pairs = node.entries.items() if isinstance(node, MappingNode) else ()
    entries = {key: value for key, (_, value) in pairs} or {"file": node}
    own = entries.get("of")
    found: dict[str, Any] = {"file": Word(_from_here(entries["file"], name)), "of": Word(path)}
    if isinstance(own, Scalar) and own.value is not None:
        found["of"] = Word(f"{path}.{own.text}")
    if "rename" in entries:
        found["rename"] = entries["rename"]
    chosen = {key: [_moved(each, path) for each in _each(entries.get(key))] for key in ("transpose", "skip")}
    chosen["skip"] += [Word(f"{path}.{layer}") for layer in section.cut]
    return found | {key: selected for key, selected in chosen.items() if selected}


def _from_here(file: Tree, name: str) -> str:
    """The path of a file that another spec names, from this one."""
    assert isinstance(file, Scalar)
    there = spec_folder(file.span.source) / file.text
    return os.path.relpath(there, os.path.dirname(name) or ".")


def _each(node: Tree | None) -> Iterable[Tree]:
    if isinstance(node, SequenceNode):
        return node.items
    return () if node is None or (isinstance(node, Scalar) and node.value is None) else (node,)


def _moved(selector: Tree, path: str) -> Any:
    return Word(f"{path}.{selector.text}") if isinstance(selector, Scalar) else selector
