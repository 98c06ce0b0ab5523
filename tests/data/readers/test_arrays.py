"""NumPy files against numpy itself, and files that lie or would run code."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netspec.data.readers.arrays import Arrays
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder
from tests.data.pictures import refusal

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3, 2))
Y = np.array([0, 2, 1, 1, 0], np.int32)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    np.savez(tmp_path / "both.npz", x=X, y=Y)
    np.savez_compressed(tmp_path / "packed.npz", x=X, y=Y)
    np.save(tmp_path / "x.npy", np.asfortranarray(X))
    np.save(tmp_path / "y.npy", Y.astype(">i2"))
    return Folder(tmp_path)


@pytest.mark.parametrize(
    "reader",
    [
        {"file": "both.npz", "classes": {"y": 3}},
        {"file": "packed.npz", "classes": {"y": ["a", "b", "c"]}},
        {"files": {"x": "x.npy", "y": "y.npy"}, "classes": {"y": 3}},
    ],
)
def test_numbers_come_out_as_they_went_in(folder: Folder, reader: dict[str, object]) -> None:
    arrays = Arrays.model_validate(reader)
    declared = arrays.declare(folder)
    assert str(declared["x"]) == "float32 [3, 2]" and str(declared["y"]) == "int64 [] below 3"
    loaded = arrays.load(folder)
    assert np.array_equal(loaded.arrays["x"], X.astype(np.float32)) and loaded.arrays["x"].dtype == np.float32
    assert loaded.arrays["y"].tolist() == Y.tolist() and loaded.arrays["y"].dtype == np.int64


@pytest.mark.parametrize(
    ("dtype", "declared"),
    [
        ("uint8", "uint8"), ("bool", "bool"), ("int8", "int64"), ("uint16", "int64"), ("int64", "int64"),
        ("float16", "float32"), ("float64", "float32"),
    ],
)  # fmt: skip
def test_element_types(tmp_path: Path, dtype: str, declared: str) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1], [1, 0]], dtype))
    reader = Arrays(file="a.npy")
    assert str(reader.declare(Folder(tmp_path))["array"]) == f"{declared} [2]"
    found = reader.load(Folder(tmp_path)).arrays["array"]
    assert found.dtype == declared and found.tolist() == [[0, 1], [1, 0]]


def test_objects_are_refused_unread(tmp_path: Path) -> None:
    class Gadget:
        def __reduce__(self) -> object:
            return (open, (str(tmp_path / "canary"), "w"))

    np.save(tmp_path / "a.npy", np.array([Gadget()], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([Gadget()], object))
    (tmp_path / "canary").unlink(missing_ok=True)
    for name in ("a.npy", "a.npz"):
        said = refusal(Arrays(file=name).load, Folder(tmp_path))
        assert said.startswith(f"data-file {name}: ") and "can run code" in said
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([0, 3, -1]), "sample 1 (from 0) has the label 3 in `array`, expected 0 to 2"),
        (np.array([0, -100, 1]), "sample 1 (from 0) has the label -100 in `array`, expected 0 to 2"),
        (np.array([0.0, 1.5, 1]), "`array` holds labels, expected whole numbers, got float64"),
        (np.array([0.0, np.nan, 1]), "`array` holds labels, expected whole numbers, got float64"),
        (np.array([0.0, 1.0, 7.0]), "sample 2 (from 0) has the label 7 in `array`, expected 0 to 2"),
    ],
)
def test_labels_out_of_range(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert refusal(Arrays(file="a.npy", classes={"array": 3}).load, Folder(tmp_path)) == f"data-value a.npy: {said}"


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[0, 1], [np.nan, 1]]), "sample 1 (from 0) has nan in `array`, expected a finite number"),
        (np.array([[0, np.inf]], np.float32), "sample 0 (from 0) has inf in `array`, expected a finite number"),
        (np.array([[0, 1e60]]), "sample 0 (from 0) has inf in `array`, expected a finite number"),
        (np.array([2**64 - 1], np.uint64), f"`array` holds {2**64 - 1}, expected at most {2**63 - 1}"),
    ],
)
def test_values_that_are_no_numbers(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert refusal(Arrays(file="a.npy").load, Folder(tmp_path)) == f"data-value a.npy: {said}"


def test_fields_of_unequal_length(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3), y=np.zeros(4))
    said = refusal(Arrays(file="a.npz").load, Folder(tmp_path))
    assert said == "data-file a.npz: `y` has 4 samples, `x` has 3"


def test_a_header_that_claims_more_than_the_file_has(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4), np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole.replace(b"(3, 4), }            ", b"(3000000000000, 4), }"))
    said = refusal(Arrays(file="a.npy").declare, Folder(tmp_path))
    assert "claims [3000000000000, 4] float32 = 48,000,000,000,128 bytes, the file has 176" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither an npy nor an npz file: it starts with nothing"),
        (b"\x89HDF\r\n", "neither an npy nor an npz file: it starts with 89 48 44 46 0d 0a"),
        (b"PK\x03\x04 no zip", "a damaged zip file"),
    ],
)
def test_other_formats(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert said in refusal(Arrays(file="a.npy").declare, Folder(tmp_path))


def test_what_the_reader_needs(folder: Folder) -> None:
    assert "needs `file` or `files`" in refusal(Arrays().declare, folder)
    said = refusal(Arrays(file="both.npz", classes={"label": 3}).declare, folder)
    assert said == "data-file both.npz: `classes` names label, but the arrays are x, y"
    np.save(folder.root / "scalar.npy", np.float32(3))
    assert "has shape []: no sample" in refusal(Arrays(file="scalar.npy").declare, folder)


def test_mutated_files_never_give_a_traceback(folder: Folder) -> None:
    chance, fine = random.Random(0), 0
    path = folder.root / "mutant"
    for name in ("x.npy", "packed.npz", "both.npz"):
        whole = (folder.root / name).read_bytes()
        for _ in range(500):
            mutant = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                mutant[chance.randrange(len(whole))] = chance.randrange(256)
            path.write_bytes(mutant[: chance.choice([len(whole), chance.randrange(len(whole))])])
            try:
                Arrays(file="mutant").load(folder)
                fine += 1
            except DataError as error:
                assert error.diagnostics[0].place == "mutant"
    assert 0 < fine < 1000


def test_a_bomb_is_unpacked_no_further_than_it_claims(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(10, np.uint8))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", stream.getvalue() + bytes(50_000_000))
    assert "claims [10] = 138 bytes, the zip 50,000,138" in refusal(Arrays(file="a.npz").declare, Folder(tmp_path))
