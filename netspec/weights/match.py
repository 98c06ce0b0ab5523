"""Tensors of a file against the parameters of a network: all fit, or every misfit is listed and nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from netspec.compiler.glob import capture_prefix
from netspec.compiler.select import Selector, unmatched
from netspec.diagnostics import Diagnostic, ModelError, Report, Span, nearest
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph
from netspec.lang.nodes import shorten
from netspec.weights.bind import PLAIN, Mapped
from netspec.weights.rename import Rule, rename
from netspec.weights.stored import Array, Stored, Tensors, is_finite
from netspec.weights.wanted import Wanted, wanted

#: Older checkpoints lack this count, which no computation of a trained network reads.
COUNTER = "num_batches_tracked"
MAX_LISTED = 1000
#: How many names a missing key is compared with.
MAX_COMPARED = 64


def match(graph: Graph, tensors: Tensors, mapping: Mapped = PLAIN, *, file: str) -> dict[str, Array]:
    """The arrays of a network's parameters and buffers, by state-dict key.

    Args:
        graph: The network.
        tensors: What the file holds.
        mapping: How the file's names become the network's; what is to be transposed and skipped.
        file: What messages call the file.

    Returns:
        An array of the right shape and type for each key, but for those that are skipped or not below `of`.

    Raises:
        ModelError: `weights`: every key that is missing, left over, of another shape or type or not finite, in the
            order of the network, and every rule that applies to nothing; `unknown-name` for a selector that does.
    """
    matcher = _Matcher(wanted(graph), tensors, mapping, file)
    arrays = matcher.arrays()
    if matcher.found:
        raise ModelError(matcher.found[:MAX_LISTED])
    return arrays


@dataclass(slots=True)
class _Matcher:
    known: dict[str, Wanted]
    tensors: Tensors
    mapping: Mapped
    file: str
    found: list[Diagnostic] = field(default_factory=list)
    # The file's own names of those tensors that were given a place.
    used: set[str] = field(default_factory=set)
    spare: dict[tuple[int, ...], list[str]] | None = None

    def arrays(self) -> dict[str, Array]:
        named = self._named()
        self._check_mapping(named)
        arrays: dict[str, Array] = {}
        for key, entry in self._below().items():
            if entry.is_chosen(self.mapping.skip):
                self.used.update(named[name].key for name in (key, *entry.copies) if name in named)
                continue
            array = self._array(key, entry, named)
            if array is not None:
                arrays[key] = array
        self._leftovers(named)
        return arrays

    def _below(self) -> dict[str, Wanted]:
        of = self.mapping.of
        if not of:
            return self.known
        below = {key: entry for key, entry in self.known.items() if f"{key}.".startswith(f"{of}.")}
        if not below:
            paths = {path for key in self.known for path in _above(key)}
            message = f"nothing with weights is at `{of}` in the network"
            self._tell(message, self.mapping.of_span, did_you_mean(of, paths))
        return below

    def _named(self) -> dict[str, Stored]:
        """The tensors by the network's keys."""
        named: dict[str, Stored] = {}
        applied: set[Rule] = set()
        for key, stored in self.tensors.items():
            name, rule = rename(key, self.mapping.rename)
            applied.update([rule] if rule is not None else [])
            # With nothing after the path, the file's one key is a `param` layer's own.
            name = f"{self.mapping.of}.{name}".rstrip(".") if self.mapping.of else name
            if name in named:
                message = f"`{key}` and `{named[name].key}` in {self.file} both become `{name}`"
                self._tell(message, rule.span if rule else None)
            named.setdefault(name, stored)
        prefixes = {prefix for key in self.tensors for prefix in _above(key)}
        for rule in self.mapping.rename:
            if rule not in applied:
                help = did_you_mean(rule.old, prefixes)
                self._tell(f"the prefix `{rule.old}` applies to no name in {self.file}", rule.span, help)
        return named

    def _check_mapping(self, named: Mapping[str, Stored]) -> None:
        report = Report()
        uses = [use for entry in self.known.values() for use in entry.uses]
        # What is left over in the file may be skipped too, by either of its names.
        keys = {*self.tensors, *named}
        idle = [each for each in self.mapping.skip if not any(_names(each, key) for key in keys)]
        unmatched([*self.mapping.transpose, *idle], uses, report)
        self.found.extend(report)

    def _array(self, key: str, entry: Wanted, named: Mapping[str, Stored]) -> Array | None:
        """The array of one parameter, and None where something is wrong with it."""
        copies = {name: named[name] for name in entry.copies if name in named}
        self.used.update(stored.key for stored in copies.values())
        stored = named.get(key)
        if stored is None and copies:
            name, stored = next(iter(copies.items()))
            array = self._checked(name, stored, entry, entry.copies[name])
        elif stored is None:
            return self._absent(key, entry)
        else:
            array = self._checked(key, stored, entry, entry.is_chosen(self.mapping.transpose))
        self.used.add(stored.key)
        if array is not None:
            self._compare(key, entry, array, copies)
        return array

    def _absent(self, key: str, entry: Wanted) -> Array | None:
        if entry.name == COUNTER:
            return np.zeros(entry.param.shape, np.int64)
        near = nearest(key, self._spare().get(entry.param.shape, ()))
        help = f"did you mean `{near}`?" if near else None
        self._tell(f"`{key}` {list(entry.param.shape)} is missing in {self.file}", entry.span, help)
        return None

    def _spare(self) -> dict[tuple[int, ...], list[str]]:
        """Keys of the file that are none of the network's, by shape; few of each, as comparing names is slow."""
        if self.spare is None:
            self.spare = {}
            for key, stored in self.tensors.items():
                found = self.spare.setdefault(stored.shape, [])
                if key not in self.known and len(found) < MAX_COMPARED:
                    found.append(key)
        return self.spare

    def _checked(self, key: str, stored: Stored, entry: Wanted, transposed: bool) -> Array | None:
        shape, dtype = entry.param.shape, entry.param.dtype.value
        if transposed and len(shape) > 2:
            self._tell(f"`{key}` has {len(shape)} axes; `transpose` exchanges two", entry.span)
            return None
        expected = shape[::-1] if transposed else shape
        if stored.shape != expected:
            needs = f"the network needs {list(expected)}{' before it is transposed' if transposed else ''}"
            self._tell(f"`{stored.key}` is {list(stored.shape)} in {self.file}, {needs}", entry.span)
            return None
        if stored.dtype != dtype:
            help = f"netspec convert {self.file} OUT.safetensors --dtype {dtype}"
            message = f"`{stored.key}` holds {stored.dtype} in {self.file}, the network {dtype}"
            self._tell(message, entry.span, help if entry.param.dtype.is_floating else None)
            return None
        array = stored.read()
        if not is_finite(array):
            self._tell(f"`{stored.key}` holds numbers that are not finite in {self.file}", entry.span)
            return None
        return np.ascontiguousarray(array.T) if transposed and array.ndim == 2 else array

    def _compare(self, key: str, entry: Wanted, array: Array, copies: Mapping[str, Stored]) -> None:
        """A file may hold a shared parameter under each of its names; then the copies are equal."""
        for name, stored in copies.items():
            expected = array.T if entry.copies[name] else array
            same = stored.shape == expected.shape and stored.dtype == expected.dtype.name
            if not (same and np.array_equal(stored.read(), expected)):
                self._tell(f"`{name}` and `{key}` are one parameter, but they differ in {self.file}", entry.span)

    def _leftovers(self, named: Mapping[str, Stored]) -> None:
        places = {stored.key: name for name, stored in named.items()}
        for key, stored in self.tensors.items():
            name = places.get(key)
            if key in self.used or name is None or self._is_skipped(key, name):
                continue
            message = f"`{key}` {list(stored.shape)} in {self.file} is left over: the network has no `{name}`"
            self._tell(shorten(message, 280), None)

    def _is_skipped(self, key: str, name: str) -> bool:
        return any(_names(each, key) or _names(each, name) for each in self.mapping.skip)

    def _tell(self, message: str, span: Span | None, help: str | None = None) -> None:
        self.found.append(Diagnostic("weights", message, span, help=help, place=self.file))


def _names(selector: Selector, key: str) -> bool:
    """Whether a selector that is a path names a key, or what is above it."""
    return selector.kind == "path" and capture_prefix(selector.text, key) is not None


def _above(key: str) -> Iterator[str]:
    """The key and all prefixes of it that end before a dot."""
    parts = key.split(".")
    return (".".join(parts[: count + 1]) for count in range(len(parts)))
