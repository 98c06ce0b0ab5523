"""Safetensors files: what the library writes is read, and no header lies its way in."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from netspec.diagnostics import ModelError
from netspec.weights.read import open_weights, read_tensors
from netspec.weights.stored import Array, from_arrays
from netspec.weights.write import write_weights
from tests.weights.nets import tensors


def load(path: Path) -> dict[str, Array]:
    with open_weights(path) as found:
        return {key: stored.read() for key, stored in found.items()}


def file_of(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    types = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float64"]
    arrays = {name: np.arange(6).reshape(2, 3).astype(name) for name in types}
    arrays |= {"bf16": np.arange(4).astype(ml_dtypes.bfloat16), "empty": np.zeros((0, 3)), "scalar": np.array(3.5)}
    save_file(arrays, tmp_path / "a", metadata={"format": "np"})
    found = load(tmp_path / "a")
    assert found.keys() == arrays.keys()
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype and found[key].shape == array.shape
        assert found[key].tobytes() == array.tobytes()


def test_what_is_written_the_library_reads(tmp_path: Path) -> None:
    arrays = {**tensors(), "half": np.array([1.5], np.float16)}
    write_weights(from_arrays(arrays), tmp_path / "a.safetensors")
    found = load_file(tmp_path / "a.safetensors")
    assert found.keys() == arrays.keys() and all(np.array_equal(found[key], arrays[key]) for key in arrays)


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        ({"a": ONE}, b"1234567", "shorter than its header says"),
        ({"a": ONE}, b"123456789", "longer than its header says"),
        (b'{"a": {}, "a": {}}', b"", "the key 'a' twice"),
        (b'{"a": {"dtype": "F32", "dtype": "F32"}}', b"", "the key 'dtype' twice"),
        ({"a": {**ONE, "dtype": "F31"}}, b"12345678", "'a' has the element type 'F31'"),
        ({"a": {**ONE, "dtype": ["F32"]}}, b"12345678", "element type"),
        ({"a": {**ONE, "shape": [True, 2]}}, b"12345678", "'a' has a shape"),
        ({"a": {**ONE, "shape": [1] * 9}}, b"12345678", "up to 8 sizes"),
        ({"a": {**ONE, "shape": [-2]}}, b"12345678", "'a' has a shape"),
        ({"a": {**ONE, "shape": [0, 2**62, 4], "data_offsets": [0, 0]}}, b"", "'a' has a shape"),
        ({"a": {**ONE, "shape": [3]}}, b"12345678", "claims F32 [3] = 12 bytes, its data_offsets 8"),
        ({"a": {**ONE, "shape": [2**59]}}, b"12345678", "claims F32"),
        ({"a": {**ONE, "data_offsets": [0, 2**70]}}, b"12345678", "two positions"),
        ({"a": {**ONE, "data_offsets": [8, 0]}}, b"12345678", "its data_offsets -8"),
        ({"a": {**ONE, "extra": 1}}, b"12345678", "not described by"),
        ({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, b"123456781234", "'b' overlaps"),
        ({"a": ONE, "b": {**ONE, "data_offsets": [12, 20]}}, bytes(20), "'b' leaves a hole"),
        ({"": ONE}, b"12345678", "a name of 0 characters"),
        ({"a" * 600: ONE}, b"12345678", "a name of 600 characters"),
        ({"__metadata__": {"a": 1}, "a": ONE}, b"12345678", "texts to texts"),
        (b'{"a": ' + b"[" * 100_000, b"", "not JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", b"", "not JSON"),
        (b'{"\xff": 1}', b"", "not JSON"),
        (b"{" + b" " * (1 << 20) + b"}", b"", "the header claims 1,048,578 bytes"),
    ],
)
def test_headers_that_lie(tmp_path: Path, header: object, data: bytes, said: str) -> None:
    path = file_of(tmp_path / "a", header, data)
    with pytest.raises(ModelError) as caught:
        load(path)
    (found,) = caught.value.diagnostics
    assert said in found.message and (found.code, found.place) == ("weights", str(path))


def test_the_number_of_tensors_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.weights.safetensors_file.MAX_TENSORS", 3)
    entries = {str(i): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(4)}
    with pytest.raises(ModelError, match="lists 4 tensors; 3 are read"):
        load(file_of(tmp_path / "a", entries))


def test_no_prefix_of_a_file_is_read(tmp_path: Path) -> None:
    whole = save(tensors())
    path = tmp_path / "a"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load(path)
    path.write_bytes(whole)
    assert load(path).keys() == tensors().keys()


def mutate(count: int, path: Path) -> int:
    """Read so many damaged headers; the number of those that were refused. Nothing but ModelError may come out."""
    whole = save(tensors())
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(1)
    refused = 0
    with path.open("wb+", buffering=0) as file:
        for _ in range(count):
            data = bytearray(whole[:header])
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(header)
                data[at] = rng.choice((rng.randrange(256), ord(rng.choice('0123456789[]{},:"-e.'))))
            file.seek(0)
            file.write(bytes(data) + whole[header:])
            file.seek(0)
            started = time.monotonic()
            try:
                for stored in read_tensors(file, "a").values():
                    stored.read()
            except ModelError:
                refused += 1
            assert time.monotonic() - started < 2
    return refused


def test_mutated_headers(tmp_path: Path) -> None:
    assert 10_000 < mutate(20_000, tmp_path / "a") < 20_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_mutated_headers(tmp_path: Path) -> None:
    assert 500_000 < mutate(1_000_000, tmp_path / "a") < 1_000_000
