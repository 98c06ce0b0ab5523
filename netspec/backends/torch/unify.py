"""Classes that differ in numbers become one, whose constructor takes the numbers that vary (anti-unification).

Each position of a number has a vector: its values over the instances. Positions with equal vectors share a parameter;
one whose vector is a small multiple of a parameter's is written `4 * width`. So the class, given the arguments of an
instance, constructs exactly that instance's tree.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.backends.torch.classes import ClassTree
from netspec.backends.torch.dissect import NOTHING, POSITIONAL, Dissection, Hole, Options
from netspec.backends.torch.expressions import literal
from netspec.backends.torch.naming import TAKEN, parameter_name, unique

# `k * width` is written for these k.
_FACTORS = range(2, 17)

Vector = tuple[Any, ...]


@dataclass(slots=True)
class Parameter:
    """What a constructor takes. `is_keyword`: where it is first used, torch takes it by name."""

    name: str
    vector: Vector
    is_keyword: bool = False
    default: Any = NOTHING
    #: The attribute that keeps it for `forward`.
    attribute: str | None = None


@dataclass(slots=True)
class Parameters:
    """The parameters of a class, in the order in which they are first used."""

    given: Mapping[str, Vector]
    attributes: set[str]
    found: list[Parameter] = field(default_factory=list)
    _taken: set[str] = field(default_factory=lambda: set(TAKEN))
    _by_vector: dict[str, Parameter] = field(default_factory=dict)

    def ordered(self) -> list[Parameter]:
        """As Python wants them: those without defaults first, and by position before by name."""
        return sorted(self.found, key=lambda each: (each.default is not NOTHING, each.is_keyword))

    def tree(self, vector: Vector, name: str, *, in_forward: bool, is_keyword: bool, default: Any) -> ast.expr:
        """What is written at a position with that vector: a number, a parameter, or a multiple of one."""
        if len({repr(value) for value in vector}) == 1:
            return literal(vector[0])
        known = self._by_vector.get(repr(vector))
        if known is None:
            known = self._from_argument(vector, is_keyword, default)
        if known is not None:
            return self._read(known, in_forward)
        multiple = self._multiple(vector)
        if multiple is not None:
            factor, of = multiple
            return ast.BinOp(ast.Constant(factor), ast.Mult(), self._read(of, in_forward))
        return self._read(self._add(name, vector, is_keyword, default), in_forward)

    def _from_argument(self, vector: Vector, is_keyword: bool, default: Any) -> Parameter | None:
        for name, values in self.given.items():
            if repr(values) == repr(vector):
                return self._add(name, vector, is_keyword, default)
        return None

    def _multiple(self, vector: Vector) -> tuple[int, Parameter] | None:
        for name, values in self.given.items():
            factor = _factor(vector, values)
            if factor is not None:
                known = self._by_vector.get(repr(values))
                return factor, known or self._add(name, values, False, NOTHING)
        for each in self.found:
            factor = _factor(vector, each.vector)
            if factor is not None:
                return factor, each
        return None

    def _add(self, name: str, vector: Vector, is_keyword: bool, default: Any) -> Parameter:
        found = Parameter(unique(parameter_name(name), self._taken), vector, is_keyword, default)
        self.found.append(found)
        self._by_vector[repr(vector)] = found
        return found

    def _read(self, parameter: Parameter, in_forward: bool) -> ast.expr:
        if not in_forward:
            return ast.Name(parameter.name)
        if parameter.attribute is None:
            parameter.attribute = unique(parameter.name, self.attributes)
        return ast.Attribute(ast.Name("self"), parameter.attribute)


def _factor(vector: Vector, of: Vector) -> int | None:
    """The k with vector = k * of, if it is a small one."""
    if not all(type(value) is int for value in (*vector, *of)) or not of[0]:
        return None
    factor = vector[0] // of[0]
    return factor if factor in _FACTORS and all(a == factor * b for a, b in zip(vector, of, strict=True)) else None


def unify(
    tree: ClassTree, found: Sequence[Dissection], arguments: Sequence[Mapping[str, Any]], comments: dict[ast.AST, str],
    names: Mapping[str, tuple[str, ...]], attributes: set[str],
) -> list[Parameter]:  # fmt: skip
    """Make the class of the first instance the class of all.

    Args:
        tree: The first instance; it is changed.
        found: Of all instances, the first one first; their tokens are equal.
        arguments: The values of the block's arguments, by instance.
        comments: Those that do not hold for every instance are removed.
        names: Names of the positional arguments of the classes that are defined so far.
        attributes: Names that `self` has already.

    Returns:
        The constructor's parameters, in order.
    """
    parameters = Parameters(_vectors(arguments), attributes)
    for positions in zip(*(each.positions for each in found), strict=True):
        first = positions[0]
        if isinstance(first, Hole):
            vector = tuple(each.value for each in positions if isinstance(each, Hole))
            name, is_keyword = _name(first, names)
            first.put(
                parameters.tree(vector, name, in_forward=first.in_forward, is_keyword=is_keyword, default=NOTHING)
            )
        else:
            _unify_options(first, [each for each in positions if isinstance(each, Options)], parameters)
    for nodes in zip(*(each.commented for each in found), strict=True):
        if len({comments[node] for node in nodes}) > 1:
            comments[nodes[0]] = ""
    kept = [each for each in parameters.found if each.attribute]
    keeping = [_kept(each.attribute, each.name) for each in kept if each.attribute]
    tree.constructor[1:1] = keeping
    return parameters.ordered()


def arguments_of(parameters: Sequence[Parameter], instance: int) -> tuple[list[ast.expr], list[ast.keyword]]:
    """What one instance is constructed with; defaults are left out."""
    positional, keywords = [], []
    for each in parameters:
        value = each.vector[instance]
        if each.is_keyword and (each.default is NOTHING or repr(value) != repr(each.default)):
            keywords.append(ast.keyword(each.name, literal(value)))
        elif not each.is_keyword:
            positional.append(literal(value))
    return positional, keywords


def _unify_options(first: Options, instances: Sequence[Options], parameters: Parameters) -> None:
    """An argument that some instances leave out is given in all, where it is not the same everywhere."""
    call = first.call
    used = [key for key in first.defaults if any(key in each.given for each in instances)]
    trees = {}
    for key in used:
        default = first.defaults[key]
        vector = tuple(each.given.get(key, default) for each in instances)
        trees[key] = parameters.tree(vector, key, in_forward=first.in_forward, is_keyword=True, default=default)
    for keyword in call.keywords:
        if keyword.arg in trees:
            keyword.value = trees.pop(keyword.arg)
    if trees:
        call.keywords += [ast.keyword(key, tree) for key, tree in trees.items()]
        order = {key: index for index, key in enumerate(first.defaults)}
        call.keywords.sort(key=lambda keyword: order.get(keyword.arg or "", -1))


def _vectors(arguments: Sequence[Mapping[str, Any]]) -> dict[str, Vector]:
    """The block's arguments that vary in number, by name."""
    found = {}
    for name in arguments[0]:
        vector = tuple(_plain(each.get(name)) for each in arguments)
        if all(isinstance(value, int | float | tuple) for value in vector) and len({*map(repr, vector)}) > 1:
            found[name] = vector
    return found


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _name(hole: Hole, names: Mapping[str, tuple[str, ...]]) -> tuple[str, bool]:
    """What torch (or the class) calls the argument at that position, and whether it stands there by name."""
    parent = hole.parent
    if isinstance(parent, ast.keyword) and parent.arg:
        return parent.arg, True
    if isinstance(parent, ast.Call) and hole.field == "args" and hole.index is not None:
        called = parent.func
        if isinstance(called, ast.Name):
            known = ("repeats",) if called.id == "range" else names.get(called.id, ())
        else:
            known = POSITIONAL.get(called.attr.rstrip("123d"), ()) if isinstance(called, ast.Attribute) else ()
        return (known[hole.index] if hole.index < len(known) else "size"), False
    return "size", False


def _kept(attribute: str, name: str) -> ast.stmt:
    return ast.Assign([ast.Attribute(ast.Name("self"), attribute)], ast.Name(name), lineno=1)
