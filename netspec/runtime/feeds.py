"""What a model is given, checked against what it takes: names, shapes, element types, finite numbers, indices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import DataError
from netspec.runtime.description import Description

Array = NDArray[Any]

_ELEMENT_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_,
}  # fmt: skip


class Feeds:
    """The inputs of a session."""

    def __init__(self, session: Any, said: Description, path: Path, seed: int) -> None:
        self._said = said
        self._path = path
        self._random = np.random.default_rng(seed)
        self.shapes: dict[str, tuple[Any, ...]] = {each.name: tuple(each.shape[1:]) for each in session.get_inputs()}
        self.dtypes = {each.name: _ELEMENT_TYPES.get(each.type, np.float32) for each in session.get_inputs()}

    def of(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """What the session gets: all inputs, in the model's element types, with equally many samples.

        Raises:
            DataError: `input-file`: something that the model does not take.
        """
        feeds = {name: self._checked(name, np.asarray(array)) for name, array in arrays.items()}
        feeds |= self._drawn(feeds) | self._whole(feeds)
        missing = [name for name in self.shapes if name not in feeds]
        if missing:
            raise self._wrong(f"the model needs the input `{missing[0]}` too")
        self._check_axes(feeds)
        self._check_lengths(feeds)
        return feeds

    def _checked(self, name: str, array: Array) -> Array:
        if name not in self.shapes:
            known = ", ".join(f"`{each}`" for each in self.shapes)
            raise self._wrong(f"the model has no input `{name}`; it has {known}")
        shape = self.shapes[name]
        sizes = zip(array.shape[1:], shape, strict=False)
        if array.ndim != len(shape) + 1 or any(isinstance(want, int) and have != want for have, want in sizes):
            takes = ", ".join(map(str, ("N", *shape)))
            raise self._wrong(f"the input `{name}` takes [{takes}], got {list(array.shape)}")
        if not array.size:
            raise self._wrong(f"the input `{name}` is empty: {list(array.shape)}")
        converted = self._converted(name, array)
        self._check_bound(name, converted)
        return converted

    def _converted(self, name: str, array: Array) -> Array:
        """The array in the model's element type, in which every number is the same but for rounding."""
        wanted = np.dtype(self.dtypes[name])
        if array.dtype.kind not in "fiub":
            raise self._wrong(f"the input `{name}` takes numbers, got elements of type {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = [int(index) for index in np.argwhere(~np.isfinite(array))[0]]
            raise self._wrong(f"the input `{name}` has {array[tuple(place)]} at {place}; it takes finite numbers")
        with np.errstate(all="ignore"):
            found = np.ascontiguousarray(array, dtype=wanted)
        exact = wanted.kind != "f" and array.dtype != wanted
        if exact and not np.array_equal(found, array):
            index = tuple(np.argwhere(found != array)[0])
            raise self._wrong(f"the input `{name}` takes {wanted}, which {array[index]} is not")
        if wanted.kind == "f" and not np.isfinite(found).all():
            raise self._wrong(f"the input `{name}` has numbers too large for {wanted}")
        return found

    def _check_bound(self, name: str, array: Array) -> None:
        below = self._said.below.get(name)
        if below is not None and not (array.min() >= 0 and array.max() < below):
            wrong = array.min() if array.min() < 0 else array.max()
            raise self._wrong(f"the input `{name}` takes indices from 0 to {below - 1}, got {wrong}")

    def _check_axes(self, feeds: Mapping[str, Array]) -> None:
        """Axes of one name have one size, the batch among them."""
        seen: dict[str, tuple[str, int]] = {}
        for name, array in feeds.items():
            axes = (("batch", array.shape[0]), *zip(self.shapes[name], array.shape[1:], strict=True))
            for axis, size in axes:
                if not isinstance(axis, str) or not axis.isidentifier():
                    continue
                other, known = seen.setdefault(axis, (name, size))
                if known != size:
                    raise self._wrong(f"`{axis}` is {known} in the input `{other}` and {size} in `{name}`")

    def _axis(self, name: str, feeds: Mapping[str, Array]) -> int | None:
        """The size of an axis of that name in what is given, if it has one."""
        found = (
            array.shape[1 + self.shapes[given].index(name)]
            for given, array in feeds.items()
            if name in self.shapes[given]
        )
        return next(found, None)

    def _whole(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Lengths that are not given: samples as long as their arrays."""
        found = {}
        for name, axis in self._said.lengths.items():
            size = self._axis(axis, feeds)
            if name in self.shapes and name not in feeds and size is not None:
                found[name] = np.full(len(next(iter(feeds.values()))), size, np.int64)
        return found

    def _check_lengths(self, feeds: Mapping[str, Array]) -> None:
        for name, axis in self._said.lengths.items():
            size = self._axis(axis, feeds)
            lengths = feeds.get(name)
            if lengths is not None and size is not None and not (lengths.min() >= 1 and lengths.max() <= size):
                wrong = lengths.min() if lengths.min() < 1 else lengths.max()
                holds = f"lengths from 1 to {size}, the size of `{axis}`"
                raise self._wrong(f"the input `{name}` holds {holds}, got {wrong}")

    def _drawn(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs that are drawn and not given, as many samples as there are of the others."""
        missing = [(name, how) for name, how in self._said.sample.items() if name in self.shapes and name not in feeds]
        if not missing or not feeds:
            return {}
        known = {
            axis: size
            for name, array in feeds.items()
            for axis, size in zip(self.shapes[name], array.shape[1:], strict=True)
        }
        count = len(next(iter(feeds.values())))
        shapes = {name: (count, *(known.get(size, size) for size in self.shapes[name])) for name, _ in missing}
        # One with an axis whose size nothing tells is left out: it has to be given.
        open_axes = {name for name, shape in shapes.items() if not all(isinstance(size, int) for size in shape)}
        return {
            name: self._checked(name, self._draw(how, shapes[name])) for name, how in missing if name not in open_axes
        }

    def _draw(self, distribution: str, shape: tuple[int, ...]) -> Array:
        uniform = distribution == "uniform"
        return self._random.random(shape) if uniform else self._random.standard_normal(shape)

    def _wrong(self, message: str) -> DataError:
        return DataError.at(str(self._path), "input-file", message)
