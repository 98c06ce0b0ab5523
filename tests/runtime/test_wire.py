"""The outline of model files against onnx's own reading, and hostile bytes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from netspec.backends.onnx import lower
from netspec.backends.torch import build
from netspec.compiler import load
from netspec.runtime.wire import WireError, outline


@pytest.fixture(scope="module")
def data() -> bytes:
    graph = load("mnist_convnet").graph
    state = {key: each.numpy() for key, each in build(graph).state_dict().items()}
    return lower(graph, state, metadata={"a": "ä", "netspec.name": "x"}).SerializeToString()


def test_it_is_what_onnx_reads(data: bytes) -> None:
    found, model = outline(data), onnx.load_from_string(data)
    assert found.ir_version == model.ir_version and found.opsets == {"": 20} and not found.external
    assert found.metadata == {each.key: each.value for each in model.metadata_props}


def test_every_beginning_of_a_file_is_an_outline_or_an_error(data: bytes) -> None:
    for end in [*range(0, 300), *range(300, len(data), 9973)]:
        with contextlib.suppress(WireError):
            outline(data[:end])


def test_mutated_files_never_raise_anything_else(data: bytes) -> None:
    generator = np.random.default_rng(0)
    small = data[:200] + data[-400:]
    for _ in range(3000):
        mutant = bytearray(small)
        for place in generator.integers(0, len(mutant), 3):
            mutant[place] = generator.integers(0, 256)
        with contextlib.suppress(WireError):
            outline(bytes(mutant))


def test_nesting_and_numbers_of_fields_are_bounded() -> None:
    inner = b""
    for tag in [0x32, 0x2A, 0x0A] * 300 + [0x3A]:  # the graph of an attribute of a node of a graph ... of a model
        size = bytearray()
        length = len(inner)
        while length >= 0x80:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        inner = bytes([tag, *size, length]) + inner
    with pytest.raises(WireError, match="nested more than"):
        outline(inner)
    started = time.process_time()
    with pytest.raises(WireError, match="more than 5,000,000 fields"):
        outline(b"\x08\x01" * 6_000_000)
    assert time.process_time() - started < 20


def test_weights_are_not_touched(tmp_path: Path) -> None:
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[2**22], raw_data=bytes(2**24))
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    text = model.SerializeToString()
    started = time.process_time()
    outline(text)
    assert time.process_time() - started < 0.05
