"""Tables by hand, and rows that cannot be read, by their line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from netspec.data.readers.table import Table
from netspec.diagnostics import UnavailableError
from netspec.lang.folder import Folder
from tests.data.pictures import refusal

IRIS = "sepal,petal,species,note\n5.1,1.4,setosa,a\n7.0,4.7,versicolor,b\n6.3,6,virginica,c\n"
SPECIES = ["setosa", "versicolor", "virginica"]
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


def written(tmp_path: Path, text: str | bytes) -> Folder:
    (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return Folder(tmp_path)


def table(**arguments: object) -> Table:
    return Table.model_validate({"file": "t.csv", **arguments})


@pytest.mark.parametrize("text", [IRIS, IRIS.replace(",", "\t"), "\ufeff" + IRIS.replace("\n", "\r\n") + "\r\n"])
def test_columns_become_fields(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, text)
    reader = table(vector=["petal", "sepal"], classes={"species": SPECIES})
    declared = reader.declare(folder)
    assert {name: str(field) for name, field in declared.items()} == {
        "vector": "float32 [2]",
        "species": "int64 [] below 3",
    }
    assert declared["species"].classes == tuple(SPECIES)
    loaded = reader.load(folder)
    np.testing.assert_array_equal(loaded.arrays["vector"], np.array([[1.4, 5.1], [4.7, 7], [6, 6.3]], np.float32))
    assert loaded.arrays["species"].tolist() == [0, 1, 2] and loaded.arrays["species"].dtype == np.int64


def test_a_column_alone_is_one_number(tmp_path: Path) -> None:
    folder = written(tmp_path, IRIS)
    declared = table().declare(folder)
    assert {name: str(field) for name, field in declared.items()} == {"sepal": "float32 []", "petal": "float32 []"}
    assert table().load(folder).arrays["sepal"].dtype == np.float32


def test_labels_that_are_numbers_and_names_of_ones_own(tmp_path: Path) -> None:
    folder = written(tmp_path, '1,"0",x\n2,2.0,"a, b"\n')
    loaded = table(columns=["value", "label", "text"], classes={"label": 3}).load(folder)
    assert loaded.arrays["label"].tolist() == [0, 2] and loaded.arrays["value"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (
            IRIS.replace("4.7", "x"),
            {},
            "data-value t.csv: line 3 has `x` in the column `petal`, expected a finite number",
        ),
        (
            IRIS.replace("4.7", ""),
            {},
            "data-value t.csv: line 3 has `` in the column `petal`, expected a finite number",
        ),
        (IRIS.replace("1.4", "nan"), {}, "data-value t.csv: line 2 has `nan` in the column `petal`"),
        (IRIS.replace("4.7", "1e60"), {}, "data-value t.csv: line 3 has `1e60` in the column `petal`"),
        (IRIS.replace("4.7", "1_0"), {}, "data-value t.csv: line 3 has `1_0` in the column `petal`"),
        (
            IRIS,
            {"classes": {"species": SPECIES[:2]}},
            "line 4 has `virginica` in the column `species`, expected one of",
        ),
        (
            IRIS,
            {"classes": {"sepal": 7}},
            "line 2 has `5.1` in the column `sepal`, expected a whole number from 0 to 6",
        ),
        (IRIS, {"vector": ["sepals"]}, "data-file t.csv: no column is called `sepals`"),
        (IRIS + "1,2\n", {}, "data-file t.csv: line 5 has 2 values for 4 columns"),
        ("a,a\n1,2\n", {}, "data-file t.csv: two columns are called `a`"),
        ("a,b\n", {}, "data-file t.csv: a table without rows"),
        ("", {}, "data-file t.csv: an empty file"),
        (b"a,b\n\xff,2\n", {}, "data-file t.csv: not UTF-8 text"),
        ('a,b\n1,"2\n', {}, "data-file t.csv: not a table of text: unexpected end of data"),
        ("vector,b\n1,2\n", {"vector": ["b"]}, "a column is called `vector`, and so is the field"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str | bytes, arguments: dict[str, object], said: str) -> None:
    assert said in refusal(table(**arguments).load, written(tmp_path, text))


@pytest.mark.skipif(HAS_PYARROW, reason="pyarrow is installed")
def test_parquet_needs_an_extra(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="needs the package pyarrow") as caught:
        table().declare(written(tmp_path, b"PAR1....PAR1"))
    assert caught.value.exit_code == 69 and caught.value.diagnostics[0].help == 'pip install "netspec[parquet]"'


@pytest.mark.skipif(not HAS_PYARROW, reason="pyarrow is not installed")
def test_parquet_is_read_as_the_same_table(tmp_path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    folder = written(tmp_path, IRIS)
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(tmp_path / "t.csv"), tmp_path / "t.parquet")
    arguments: dict[str, object] = {"vector": ["petal", "sepal"], "classes": {"species": SPECIES}}
    packed = table(**arguments, file="t.parquet")
    assert packed.declare(folder) == table(**arguments).declare(folder)
    for name, column in table(**arguments).load(folder).arrays.items():
        assert np.array_equal(packed.load(folder).arrays[name], column)
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-20])
    assert "a damaged Parquet file" in refusal(packed.load, folder)
