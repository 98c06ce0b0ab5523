"""Readers side by side and one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netspec.data.source import SampleSource, bind_source
from netspec.diagnostics import Report, Source
from netspec.lang.folder import Folder
from netspec.lang.reader import read
from tests.data.pictures import refusal, write_classes

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    np.savez(tmp_path / "a.npz", x=RNG.normal(size=(4, 3)), y=np.arange(4))
    np.savez(tmp_path / "b.npz", x=RNG.normal(size=(2, 3)), y=np.arange(2))
    np.savez(tmp_path / "z.npz", z=np.arange(4))
    np.savez(tmp_path / "other.npz", x=RNG.normal(size=(2, 4)), y=np.arange(2))
    return Folder(tmp_path)


def bound(text: str, folder: Folder) -> tuple[SampleSource | None, list[str]]:
    report = Report()
    found = bind_source(read(Source("a.yaml", text)), folder, report)
    return found, [f"{each.code}: {each.message}" for each in report]


def source(text: str, folder: Folder) -> SampleSource:
    found, said = bound(text, folder)
    assert found is not None and not said
    return found


def test_a_list_stands_side_by_side(folder: Folder) -> None:
    found = source("[{arrays: {file: a.npz}}, {arrays: {file: z.npz}}]", folder)
    assert list(found.fields) == ["x", "y", "z"] and found.name == "arrays"
    loaded = found.load()
    assert sorted(loaded.arrays) == ["x", "y", "z"] and len(loaded) == 4
    assert loaded.arrays["z"].tolist() == [0, 1, 2, 3]
    assert found.own("test") is None


def test_a_chain_stands_one_after_the_other(folder: Folder) -> None:
    found = source("{chain: [{arrays: {file: a.npz}}, {arrays: {file: b.npz}}]}", folder)
    loaded = found.load()
    assert len(loaded) == 6 and loaded.arrays["y"].tolist() == [0, 1, 2, 3, 0, 1]
    twice = source("[{chain: [{mnist: {}}, {mnist: {}}]}]", folder)
    test = twice.own("test")
    assert test is not None and len(test.load()) == 20_000 and len(twice.load()) == 120_000


def test_chains_of_image_files(folder: Folder) -> None:
    write_classes(folder.root / "one", {"a": 1, "b": 1})
    write_classes(folder.root / "two", {"a": 2, "b": 1})
    loaded = source("{chain: [{image_folder: {path: one}}, {image_folder: {path: two}}]}", folder).load()
    assert loaded.arrays["label"].tolist() == [0, 1, 0, 0, 1]
    train, held_out = loaded.divide(0.4, seed=0)
    names = [part.arrays["image"].name(index) for part in (train, held_out) for index in range(len(part))]
    assert sorted(names) == ["one/a/000.png", "one/b/000.png", "two/a/000.png", "two/a/001.png", "two/b/000.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[{arrays: {file: a.npz}}, {arrays: {file: b.npz}}]",
            "bad-training: two readers side by side have a field `x`",
        ),
        (
            "{chain: [{arrays: {file: a.npz}}, {arrays: {file: other.npz}}]}",
            "bad-training: field `x` is float32 [4] here",
        ),
        ("{chain: [{arrays: {file: a.npz}}, {arrays: {file: z.npz}}]}", "bad-training: field `x` is absent here"),
        ("{chain: {mnist: {}}}", "wrong-type: `chain` is a list of readers"),
        ("{chain: []}", "wrong-type: `chain` is a list of readers"),
        ("[]", "wrong-type: data come from one reader"),
        ("[{mnist: {}}, {cifar: {}}]", "unknown-training: no reader is called `cifar`"),
        ("{arrays: {file: absent.npz}}", "data-file: absent.npz: cannot read"),
        ("{arrays: {files: {x: 3}}}", "wrong-type: `files` of the reader arrays"),
    ],
)
def test_mistakes(folder: Folder, text: str, said: str) -> None:
    found, messages = bound(text, folder)
    assert found is None and len(messages) == 1 and messages[0].startswith(said)


def test_sources_that_are_the_same(folder: Folder) -> None:
    texts = [
        "{mnist: {}}",
        "{mnist: {split: test}}",
        "[{mnist: {}}, {arrays: {file: a.npz}}]",
        "{chain: [{mnist: {}}]}",
    ]
    for one in texts:
        for other in texts:
            assert source(one, folder).is_same(source(other, folder)) is (one == other)


def test_unequal_lengths_are_found_when_they_are_read(folder: Folder) -> None:
    text = "[{arrays: {file: b.npz}}, {arrays: {file: z.npz}}]"
    assert refusal(source(text, folder).load) == "data-file arrays: 4 samples stand beside 2 of arrays"
