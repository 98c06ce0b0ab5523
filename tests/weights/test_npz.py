"""NPZ files: numpy's are read without pickle, and members that lie, explode or hold objects are refused."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netspec.diagnostics import ModelError
from netspec.weights.stored import from_arrays
from netspec.weights.write import write_weights
from tests.weights.nets import tensors
from tests.weights.test_safetensors import load


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, save: object) -> None:
    arrays = {**tensors(), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.arange(3, dtype=">f4")}
    save(tmp_path / "a.npz", **arrays)  # type: ignore[operator]
    found = load(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for key, array in arrays.items():
        assert np.array_equal(found[key], array) and found[key].shape == array.shape and found[key].dtype.isnative


def test_what_is_written_numpy_reads(tmp_path: Path) -> None:
    arrays = {**tensors(), "file": np.zeros(1)}
    write_weights(from_arrays(arrays), tmp_path / "a.npz")
    found = np.load(tmp_path / "a.npz")
    assert set(found) == arrays.keys() and all(np.array_equal(found[key], arrays[key]) for key in arrays)


def test_members_that_are_refused(tmp_path: Path) -> None:
    good = npy(np.arange(4.0))
    cases = {
        "holds Python objects": {"a.npy": npy(np.array([{}], dtype=object))},
        "holds '<c16'": {"a.npy": npy(np.zeros(2, complex))},
        "holds '<U1'": {"a.npy": npy(np.array(["x"]))},
        "claims [4] = 160 bytes, the zip 159": {"a.npy": good[:-1]},
        "claims [5] = 168 bytes, the zip 160": {"a.npy": good.replace(b"(4,), }", b"(5,), }")},
        "not an npy file: this zip is not npz": {"a.txt": b"x"},
        "has no header of an npy file": {"a.npy": b"x" * 200},
        "a name of 0 characters": {".npy": good},
        "a PyTorch checkpoint": {"archive/data.pkl": b"x", "archive/data/0": b"x"},
        "up to 8 sizes": {"a.npy": npy(np.zeros((1,) * 9))},
    }
    for said, members in cases.items():
        with pytest.raises(ModelError) as caught:
            load(zipped(tmp_path / "a.npz", members))
        assert said in caught.value.diagnostics[0].message


def test_bombs_are_stopped(tmp_path: Path) -> None:
    """A member that unpacks to 40 MB, of which the zip claims 160 bytes, never takes more than the cap and a chunk."""
    huge = npy(np.zeros(5_000_000))
    path = zipped(tmp_path / "a.npz", {"a.npy": huge})
    assert path.stat().st_size < 100_000
    claimed = len(npy(np.zeros(4)))
    lying = npy(np.zeros(4))[:128] + huge[128:]
    path = zipped(path, {"a.npy": lying})
    data = path.read_bytes().replace(len(lying).to_bytes(4, "little"), claimed.to_bytes(4, "little"))
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ModelError, match="bad crc"):
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    ratio = path.read_bytes().replace(claimed.to_bytes(4, "little"), (1 << 30).to_bytes(4, "little"))
    path.write_bytes(ratio)
    with pytest.raises(ModelError, match="claims 1,073,741,824 bytes out of"):
        load(path)


def test_names_that_are_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(np.zeros(1)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", npy(np.zeros(1)))
    with pytest.raises(ModelError, match="'a' is there twice"):
        load(path)


def test_no_prefix_and_no_flipped_byte_gives_other_numbers(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5.0), "b": np.arange(3)}
    np.savez(tmp_path / "whole.npz", **arrays)
    whole = (tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "part.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load(path)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            found = load(path)
        except ModelError:
            continue
        # A damaged directory may lose a member, which matching then misses; the numbers are never others.
        assert {array.tobytes() for array in found.values()} <= {array.tobytes() for array in arrays.values()}


def test_formats_are_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    path.write_bytes((tmp_path / "a.npz").read_bytes())
    assert list(load(path)) == ["x"]
    cases = {
        "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(20),
        "an npy file, one array": npy(np.zeros(3)),
        "a pickle, which can run code": b"\x80\x04\x95" + bytes(20),
        "it starts with 63 70 6f 73 69 78 0a 73": b"cposix\nsystem\n",
        "the file has 3 bytes": b"abc",
        "the file has 0 bytes": b"",
    }
    for said, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            load(path)
        assert said in caught.value.diagnostics[0].message
        help = caught.value.diagnostics[0].help or ""
        assert ("--trust" in help, "numpy.savez" in help) == ("pickle" in said or "70 6f" in said, said[:3] == "an ")
    for other in (tmp_path, tmp_path / "absent", "a\0b"):
        with pytest.raises(ModelError):
            load(other)  # type: ignore[arg-type]
