"""Tables in files: CSV and TSV by the standard library, Parquet by pyarrow where it is installed.

numpy is imported when numbers are asked for, not before.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from netspec.diagnostics import DataError, UnavailableError
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.folder import Folder
from netspec.lang.nodes import shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARQUET = b"PAR1"
MAX_BYTES = 2 << 30
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of texts. `lines` says where each stands in the file, for messages."""

    file: str
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: Sequence[int] = field(default_factory=list)

    def require(self, name: str) -> int:
        """The place of a column.

        Raises:
            DataError: `data-file`: there is none of that name.
        """
        if name not in self.names:
            message = f"no column is called `{shorten(name)}`"
            raise DataError.at(self.file, "data-file", message, help=did_you_mean(name, self.names))
        return self.names.index(name)

    def is_number(self, name: str) -> bool:
        """Whether the first value of a column is one, or should be: an empty one is no text."""
        text = self.rows[0][self.require(name)].strip()
        return not text or text.lower().lstrip("+-") in _NOT_FINITE or _number(text) is not None

    def numbers(self, name: str) -> NDArray[Any]:
        """A column of numbers, float32 `[N]`.

        Raises:
            DataError: `data-value`, naming line, column and value.
        """
        import numpy as np

        place = self.require(name)
        found = np.empty(len(self.rows), np.float32)
        for index, row in enumerate(self.rows):
            value = _number(row[place])
            if value is None or abs(value) > float(np.finfo(np.float32).max):
                raise self._wrong(index, name, row[place], "a finite number")
            found[index] = value
        return found

    def labels(self, name: str, classes: int | tuple[str, ...]) -> NDArray[Any]:
        """A column of classes, int64 `[N]`.

        Raises:
            DataError: `data-value`, naming line, column and value.
        """
        import numpy as np

        place = self.require(name)
        if isinstance(classes, int):
            known, expected = None, f"a whole number from 0 to {classes - 1}"
        else:
            known = {each: number for number, each in enumerate(classes)}
            expected = "one of " + ", ".join(classes[:8]) + (", ..." if len(classes) > 8 else "")
        found = np.empty(len(self.rows), np.int64)
        for index, row in enumerate(self.rows):
            text = row[place].strip()
            value = _whole(text, classes) if isinstance(classes, int) else (known or {}).get(text)
            if value is None:
                raise self._wrong(index, name, text, expected)
            found[index] = value
        return found

    def _wrong(self, index: int, name: str, text: str, expected: str) -> DataError:
        where = f"line {self.lines[index]:,}" if self.lines else f"row {index:,} (from 0)"
        message = f"{where} has `{shorten(text)}` in the column `{name}`, expected {expected}"
        return DataError.at(self.file, "data-value", message)


def head(name: str, folder: Folder, columns: tuple[str, ...] | None) -> Table:
    """The names of the columns and the first row.

    Raises:
        DataError: `data-file`: no table, or one without rows.
        UnavailableError: `unavailable`: Parquet, and pyarrow is not installed.
    """
    return _table(name, folder, columns, rows=1)


def read(name: str, folder: Folder, columns: tuple[str, ...] | None) -> Table:
    """The whole table.

    Raises:
        DataError: `data-file`: no table; a line has another number of values; it is not UTF-8.
        UnavailableError: as `head`.
    """
    return _table(name, folder, columns, rows=None)


def _table(name: str, folder: Folder, columns: tuple[str, ...] | None, rows: int | None) -> Table:
    with folder.open(name) as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size > MAX_BYTES:
            raise DataError.at(name, "data-file", f"{size:,} bytes; a table of up to {MAX_BYTES:,} is read into memory")
        start = file.read(len(PARQUET))
        file.seek(0)
        if start == PARQUET:
            return _parquet(file, name, columns, rows)
        try:
            return _separated(file, name, columns, rows)
        except UnicodeDecodeError as error:
            raise DataError.at(name, "data-file", f"not UTF-8 text: {error.reason}") from None
        except csv.Error as error:
            raise DataError.at(name, "data-file", f"not a table of text: {str(error).lower()}") from None


def _separated(file: BinaryIO, name: str, columns: tuple[str, ...] | None, rows: int | None) -> Table:
    text = TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        delimiter = "\t" if "\t" in text.readline(1 << 20) else ","
        text.seek(0)
        lines = csv.reader(text, delimiter=delimiter, strict=True)
        names = columns or tuple(each.strip() for each in next(lines, []))
        _check_names(names, name)
        found: list[list[str]] = []
        numbers: list[int] = []
        for row in islice(_filled(lines), rows):
            if len(row) != len(names):
                message = f"line {lines.line_num:,} has {len(row):,} values for {len(names):,} columns"
                raise DataError.at(name, "data-file", message)
            found.append(row)
            numbers.append(lines.line_num)
    finally:
        text.detach()  # the file is the caller's to close
    return _checked(Table(name, names, found, numbers))


def _filled(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    return (row for row in lines if row)


def _check_names(names: tuple[str, ...], file: str) -> None:
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if not names or twice:
        message = f"two columns are called `{shorten(twice[0])}`" if twice else "an empty file"
        raise DataError.at(file, "data-file", message)


def _checked(table: Table) -> Table:
    if not table.rows:
        raise DataError.at(table.file, "data-file", "a table without rows")
    return table


def _parquet(file: BinaryIO, name: str, columns: tuple[str, ...] | None, rows: int | None) -> Table:
    try:
        import pyarrow.lib
        import pyarrow.parquet
    except ModuleNotFoundError:
        message = "reading Parquet needs the package pyarrow, which is not installed"
        raise UnavailableError.at(name, "unavailable", message, help='pip install "netspec[parquet]"') from None
    try:
        opened = pyarrow.parquet.ParquetFile(file)
        batches = opened.iter_batches(rows or 65_536)
        taken = islice(batches, 1) if rows is not None else batches
        found = [list(map(_text, row)) for batch in taken for row in zip(*batch.to_pydict().values(), strict=True)]
        names = columns or tuple(opened.schema_arrow.names)
    except (pyarrow.lib.ArrowException, OSError, ValueError) as error:
        raise DataError.at(name, "data-file", f"a damaged Parquet file: {str(error).splitlines()[0][:120]}") from None
    _check_names(names, name)
    return _checked(Table(name, names, found))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _whole(text: str, below: int) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value == int(value) and 0 <= value < below else None
