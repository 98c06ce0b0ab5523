"""Files of weights whose bytes were changed: refused in words, or read as what was written."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as library_load
from safetensors.numpy import save as library_save

from netspec.cli.program import run as _run
from netspec.diagnostics import ModelError
from netspec.weights.read import is_pickled, read_tensors
from tests.weights.test_safetensors import ONE

SMALL = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(5, np.int64)}
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"


def read_all(data: bytes) -> dict[str, np.ndarray]:
    return {key: each.read() for key, each in read_tensors(io.BytesIO(data), "w.bin").items()}


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        read_all(data)
    (found,) = caught.value.diagnostics
    assert (found.code, found.place) == ("weights", "w.bin")
    return found.message


def npz(compressed: bool) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **SMALL)
    return file.getvalue()


def npy(header: str, data: bytes = b"12345678") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin-1") + data


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as found:
        for name, data in members.items():
            found.writestr(name, data)
    return file.getvalue()


def safetensors(entry: dict[str, object], data: bytes) -> bytes:
    import json

    text = json.dumps({"a": entry}).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("data", [npz(False), npz(True), library_save(SMALL)], ids=["npz", "packed", "safetensors"])
def test_every_prefix_is_refused(data: bytes) -> None:
    assert read_all(data).keys() == SMALL.keys()
    for length in range(len(data)):
        refused(data[:length])


@pytest.mark.parametrize("compressed", [False, True])
def test_a_changed_archive_gives_no_other_numbers(compressed: bool) -> None:
    """The checksums hold the elements; names and dates stand outside of them. No array disappears."""
    data, rng = npz(compressed), random.Random(3)
    expected = sorted(array.tobytes() for array in SMALL.values())
    for _ in range(4_000):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(data))] = rng.randrange(256)
        try:
            found = read_all(bytes(changed))
        except ModelError:
            continue
        assert sorted(array.tobytes() for array in found.values()) == expected


def test_changed_npy_headers_never_give_a_traceback() -> None:
    rng, loaded = random.Random(4), 0
    for _ in range(4_000):
        changed = list(HEADER)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(changed))
            changed[at : at + rng.randint(0, 1)] = rng.choice(["", *"0123456789{}[]()'\",:<>|OfiSUVL\\\x00\xff \n#"])
        try:
            loaded += read_all(archive({"x.npy": npy("".join(changed))})).keys() == {"x"}
        except ModelError as error:
            assert error.diagnostics[0].code == "weights"
    assert loaded > 0


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', ",
        "'''",
        "[" * 9_000,
        "-" * 9_000 + "1",
        HEADER.replace("(2,)", "(True, 2)"),
        HEADER.replace("(2,)", "(-2,)"),
        HEADER.replace("(2,)", "(0, 9223372036854775807)"),
        HEADER.replace("(2,)", "(4294967296, 4294967296)"),
        HEADER.rstrip("}\n") + " " * 9_900,
    ],
)
def test_npy_headers_that_are_no_headers(header: str) -> None:
    start = time.perf_counter()
    refused(archive({"x.npy": npy(header)}))
    assert time.perf_counter() - start < 0.5


def test_headers_of_other_writers() -> None:
    text = "{'descr':'<f4','fortran_order':False,'shape':(2L, 1L)}"
    found = read_all(archive({"x.npy": npy(text, np.array([1, 2], "<f4").tobytes())}))
    assert found["x"].tolist() == [[1], [2]]


def test_members_that_overlap_are_refused() -> None:
    """One stretch of data under twenty names."""
    data = archive({"x.npy": npy(HEADER.replace("(2,)", "(1250,)"), bytes(5000))})
    central, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = b"".join(data[central:end].replace(b"x.npy", b"%c.npy" % (97 + i)) for i in range(20))
    tail = data[end : end + 8] + struct.pack("<HHIIH", 20, 20, len(directory), central, 0)
    assert "packed bytes, the file has" in refused(data[:central] + directory + tail)


def test_bytes_that_are_no_booleans() -> None:
    said = "neither 0 nor 1"
    assert said in refused(archive({"x.npy": npy(HEADER.replace("<f4", "|b1"), b"\1\2")}))
    assert said in refused(safetensors(ONE | {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}, b"\1\2"))


@pytest.mark.parametrize("size", [2**61, 2**63 - 1, 2**70])
def test_empty_tensors_with_sizes_that_numpy_refuses(size: int) -> None:
    refused(safetensors(ONE | {"shape": [0, size], "data_offsets": [0, 0]}, b""))


def test_zip_versions_to_come_are_no_bug(tmp_path: Path) -> None:
    data = bytearray(npz(False))
    data[data.index(b"PK\x01\x02") + 6] = 99  # the version needed to extract
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    assert not is_pickled(path)
    assert "damaged" in refused(bytes(data))
    assert _run(["convert", str(path), str(tmp_path / "b.safetensors")]) == 1


def test_a_checkpoint_that_unpacks_to_more_than_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"w": torch.zeros(1).expand(1 << 31)}, tmp_path / "w.pth")
    assert _run(["convert", str(tmp_path / "w.pth"), str(tmp_path / "w.npz"), "--trust"]) == 1
    assert "the tensors unpack to 8,589,934,592 bytes" in capsys.readouterr().err
    assert not (tmp_path / "w.npz").exists()


def mutate(count: int, seed: int) -> tuple[int, float]:
    """Changed safetensors headers: how many still load, and the longest time that one took."""
    data, rng = library_save(SMALL), random.Random(seed)
    length = 8 + int.from_bytes(data[:8], "little")
    loaded, slowest = 0, 0.0
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            likely = rng.choice(b'0123456789{}[]",:-eE.\\\x00\xff')
            changed[rng.randrange(length)] = likely if rng.random() < 0.8 else rng.randrange(256)
        start = time.perf_counter()
        try:
            found = read_all(bytes(changed))
        except ModelError as error:
            assert error.diagnostics[0].code == "weights"
        else:
            loaded += 1
            # What we take, the library takes too, and finds the same in it.
            expected = library_load(bytes(changed))
            assert {key: each.tobytes() for key, each in found.items()} == {k: v.tobytes() for k, v in expected.items()}
        slowest = max(slowest, time.perf_counter() - start)
    return loaded, slowest


@pytest.mark.parametrize("count", [10_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_changed_safetensors_headers_load_as_the_library_loads_them(count: int) -> None:
    loaded, slowest = mutate(count, seed=5)
    assert 0 < loaded < count and slowest < 2
