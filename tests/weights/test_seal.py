"""Sealed files: every flipped bit is found, and files of others are read as before."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from netspec.diagnostics import ModelError
from netspec.weights.read import open_weights
from netspec.weights.stored import from_arrays
from netspec.weights.write import write_weights

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "half": np.array([1.5, -2], ml_dtypes.bfloat16),
    "empty": np.zeros((0, 3), np.float32),
    "count": np.array(7),
}


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    write_weights(from_arrays(ARRAYS), path)
    return path


def test_the_seal_is_the_digest_of_the_file_with_zeros_in_its_place(sealed: Path) -> None:
    data = sealed.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    digest = header["__metadata__"]["netspec.sha256"].encode()
    assert len(digest) == 64 and data.count(digest) == 1
    assert hashlib.sha256(data.replace(digest, b"0" * 64)).hexdigest().encode() == digest


def test_the_library_reads_a_sealed_file(tmp_path: Path) -> None:
    plain = {key: array for key, array in ARRAYS.items() if key != "half"}
    write_weights(from_arrays(plain), tmp_path / "a.safetensors")
    found = load_file(tmp_path / "a.safetensors")
    assert found.keys() == plain.keys() and all(np.array_equal(found[key], plain[key]) for key in plain)


def test_a_thousand_flipped_bits_are_a_thousand_found(sealed: Path) -> None:
    data = sealed.read_bytes()
    bits = random.Random(0).sample(range(8 * len(data)), 1000)
    header_bits = 8 * (8 + int.from_bytes(data[:8], "little"))
    assert min(bits) < 64 and sum(bit < header_bits for bit in bits) > 100  # the length, the header and the numbers
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        sealed.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"a\.safetensors"), open_weights(sealed):
            pass


def test_every_length_but_the_whole_is_refused(sealed: Path) -> None:
    data = sealed.read_bytes()
    for length in range(len(data)):
        sealed.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"a\.safetensors"), open_weights(sealed):
            pass


def test_files_of_others_have_no_seal(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors", metadata={"format": "np", "sha256": "?"})
    with open_weights(tmp_path / "a.safetensors") as found:
        assert list(found) == ["a"]
