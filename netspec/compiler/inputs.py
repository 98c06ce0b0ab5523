"""The types of a spec's inputs: sizes are numbers, expressions, vocabularies and symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from netspec.compiler.scope import Env
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Distribution, DType, Input, Size, TensorType, Value, symbol, symbols_of
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import DimDecl, Document, InputDecl
from netspec.lang.form import IDENTIFIER
from netspec.lang.nodes import Mapping, Node, Scalar, shorten

MAX_SIZE = 2**31 - 1
MAX_UINT8 = 256
#: Element types of indices.
INDICES = frozenset({DType.INT64, DType.INT32, DType.UINT8})


class InputTypes:
    """Reads the shapes and element types of inputs; what is wrong goes to `report`."""

    def __init__(self, document: Document, env: Env, report: Report) -> None:
        self._document = document
        self._env = env
        self._report = report
        self._symbols: dict[str, Size] = {}

    @property
    def fixed(self) -> dict[str, int]:
        """The words of the shapes that were read which `dims` makes a number."""
        return {name: size for name, size in self._symbols.items() if isinstance(size, int)}

    def all(self) -> Iterator[tuple[str, TensorType]]:
        """Every input that could be read, with its type."""
        for name, decl in self._document.inputs.items():
            type = self.of(decl) if decl is not None else None
            if type is not None:
                yield name, type

    def value(self, decl: InputDecl) -> Value | None:
        """The input as a value of the network, or None if part of it is wrong."""
        type = self.of(decl)
        sample = self._sample(decl, type) if decl.sample is not None and type is not None else None
        if type is None or (decl.sample is not None and sample is None):
            return None
        name = decl.name.text
        return Input(name, type, decl.only_train, sample) if decl.only_train or sample else Value(name, type)

    def _sample(self, decl: InputDecl, type: TensorType) -> Distribution | None:
        """The distribution from which the input is drawn."""
        assert decl.sample is not None
        known: tuple[Distribution, ...] = get_args(Distribution)
        found = next((each for each in known if each == decl.sample.text), None)
        if found is None:
            message = f"`sample` is {' or '.join(f'`{each}`' for each in known)}, got `{shorten(decl.sample.text)}`"
            help = did_you_mean(decl.sample.text, known)
            self._report.error("wrong-value", message, decl.sample.span, help=help)
        elif not type.dtype.is_floating:
            message = f"what is drawn has floating elements, but the input is {type.dtype}"
            self._report.error("wrong-value", message, decl.sample.span, help="leave `dtype` out")
        elif decl.preprocess is not None:
            message = "the input is drawn, so there is no stored sample to preprocess"
            self._report.error("wrong-value", message, decl.sample.span, help="take `preprocess` or `sample` out")
        else:
            return found
        return None

    def of(self, decl: InputDecl) -> TensorType | None:
        """The type of an input, or None if part of it is wrong."""
        sizes = [self._size(item) for item in decl.shape]
        dtype = self._dtype(decl.dtype)
        below = self._below(decl.below, dtype) if decl.below is not None and dtype is not None else None
        found = [size for size in sizes if size is not None]
        failed = dtype is None or len(found) < len(sizes) or (decl.below is not None and below is None)
        if failed or dtype is None:
            return None
        valid = frozenset(axis for axis, size in enumerate(found, 1) if self._has_lengths(size))
        return TensorType(tuple(found), dtype, below=below, valid=valid)

    def lengths(self) -> dict[str, Scalar]:
        """Of the symbols in the shapes read so far, those whose size differs from sample to sample.

        Each with the name of the input that says it.
        """
        decls = (self._document.dims.get(name) for name, size in self._symbols.items() if not isinstance(size, int))
        return {decl.name.text: decl.lengths for decl in decls if decl is not None and decl.lengths is not None}

    def _has_lengths(self, size: Size) -> bool:
        decls = (self._document.dims.get(each.name) for each in symbols_of(size))
        return any(decl is not None and decl.lengths is not None for decl in decls)

    def _below(self, node: Scalar, dtype: DType) -> int | None:
        """What the input's elements are smaller than: a number, an expression or a vocabulary."""
        if dtype not in INDICES:
            known = ", ".join(sorted(INDICES))
            message = f"`below` bounds whole numbers ({known}), but the input is {dtype}"
            self._report.error("wrong-value", message, node.span, help="dtype: int64")
            return None
        if node.text in self._document.vocabs:
            return self._document.vocabs[node.text].size
        value = value_of(node, self._report, self._env.names)
        if has_failed(value) or self._is_broken_vocab(node.text):
            return None
        if type(value) is not int:
            help = did_you_mean(node.text, self._document.vocabs) if self._document.vocabs else None
            message = f"`below` is a positive integer, an expression or a vocabulary, got `{shorten(node.text)}`"
            self._report.error("wrong-type", message, node.span, help=help)
            return None
        most = MAX_UINT8 if dtype is DType.UINT8 else MAX_SIZE
        if 0 < value <= most:
            return value
        self._report.error("wrong-value", f"`below` is from 1 to {most}, got {value}", node.span)
        return None

    def _is_broken_vocab(self, word: str) -> bool:
        """Whether it is a vocabulary whose mistake is reported already."""
        written = self._document.root.get("vocabs")
        return isinstance(written, Mapping) and word in written and word not in self._document.vocabs

    def _size(self, item: Node) -> Size | None:
        value = value_of(item, self._report, self._env.names) if isinstance(item, Scalar) else None
        if has_failed(value):
            return None
        if isinstance(item, Scalar) and isinstance(value, str) and IDENTIFIER.fullmatch(value):
            return self._symbol(value, item)
        if type(value) is not int:
            message = f"`{shorten(item.span.text)}` in a shape: a size is a positive integer, a word or an expression"
            self._report.error("wrong-type", message, item.span)
            return None
        return self._bounded(value, item)

    def _bounded(self, value: int, item: Node) -> int | None:
        if 0 < value <= MAX_SIZE:
            return value
        self._report.error("wrong-value", f"a size is from 1 to {MAX_SIZE}, got {value}", item.span)
        return None

    def _symbol(self, name: str, item: Scalar) -> Size | None:
        if name in self._document.vocabs:
            return self._document.vocabs[name].size
        if name not in self._symbols:
            decl = self._document.dims.get(name)
            found = symbol(name) if decl is None else self._declared(decl)
            if found is None:
                return None
            self._symbols[name] = found
        return self._symbols[name]

    def _declared(self, decl: DimDecl) -> Size | None:
        if decl.size is not None:
            return self._number(decl.size)
        bounds = {"least": decl.low, "most": decl.high, "multiple_of": decl.multiple_of}
        numbers = {key: self._number(node) for key, node in bounds.items() if node is not None}
        if None in numbers.values():
            return None
        known = {key: number for key, number in numbers.items() if number is not None}
        most = known.get("most")
        step = known.get("multiple_of", 1)
        least = -(-known.get("least", 1) // step) * step
        if most is not None and least > most:
            message = f"no size `{decl.name.text}` is at least {least}, at most {most} and a multiple of {step}"
            self._report.error("wrong-value", message, decl.name.span)
            return None
        found = symbol(decl.name.text, least=least, most=most, multiple_of=step)
        if isinstance(found, int) and decl.lengths is not None:
            message = f"`{decl.name.text}` is {found} in every sample and has no lengths"
            self._report.error("wrong-value", message, decl.lengths.span)
        return found

    def _number(self, node: Scalar) -> int | None:
        value = value_of(node, self._report, self._env.names)
        if has_failed(value):
            return None
        if type(value) is not int:
            message = f"a size is a positive integer, got {shorten(node.text)!r}"
            self._report.error("wrong-type", message, node.span)
            return None
        return self._bounded(value, node)

    def _dtype(self, node: Scalar | None) -> DType | None:
        if node is None:
            return DType.FLOAT32
        known = [dtype.value for dtype in DType]
        if node.text in known:
            return DType(node.text)
        message = f"no element type is called `{shorten(node.text)}`"
        self._report.error("wrong-value", message, node.span, help=did_you_mean(node.text, known))
        return None
