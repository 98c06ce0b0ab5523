"""Checkpoints survive a disk that fails and a process that dies, and no flipped bit passes for a number."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from netspec import atomic
from netspec.diagnostics import ModelError, NetspecError
from netspec.owner import Owner
from netspec.training.checkpoints import store as store_module
from netspec.training.checkpoints.contents import Contents
from netspec.training.checkpoints.manifest import MANIFEST
from netspec.training.checkpoints.store import Store
from netspec.weights.stored import from_arrays
from tests.training.checkpoints.faults import ERRORS, Died, Faults, faulty

FACTS = {"threads": 1, "spec": {"train.optimizer": "sgd"}}


def contents(run: Path, step: int, size: int = 6) -> Contents:
    """A state that tells its step in every part."""
    weights = {"fc.weight": np.full((2, size), step, np.float32), "fc.bias": np.zeros(0, np.float32)}
    state = {"optimizer.0.momentum": np.full(size, -step, np.float64), "rng": np.full(3, step % 256, np.uint8)}
    tensors = {"weights": from_arrays(weights), "state": from_arrays(state)}
    return Contents(tensors, {"step": step, "best": step / 3}, (run / "metrics.jsonl",))


def save(store: Store, step: int) -> None:
    """As a run does: the files of the run directory are replaced, then the state is saved."""
    atomic.write(store.run / "metrics.jsonl", f'{{"step": {step}}}\n')
    store.save(step, contents(store.run, step), FACTS)


def step_of(store: Store) -> int:
    """The step of the last checkpoint, all of whose parts must be of that step."""
    found = store.open()
    step = found.step
    weights, state = found.tensors("weights"), found.tensors("state")
    assert (weights["fc.weight"] == step).all() and weights["fc.bias"].shape == (0,)
    assert (state["optimizer.0.momentum"] == -step).all() and (state["rng"] == step % 256).all()
    assert found.values() == {"step": step, "best": step / 3}
    metrics = found.file("metrics.jsonl")
    assert metrics is not None and json.loads(metrics.read_text())["step"] == step
    assert found.manifest.facts == FACTS and found.directory.name == f"{step:09d}"
    return step


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """No test loses power, so none waits for the disk; the calls are counted all the same."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return Store(tmp_path)


def test_the_last_and_the_one_before_are_kept(store: Store) -> None:
    for step in (1, 20, 300, 4000):
        save(store, step)
        assert step_of(store) == step
    assert store.steps() == [300, 4000] and store.open(300).step == 300
    names = {path.name for path in (store.directory / "000004000").iterdir()}
    assert names == {MANIFEST, "weights.safetensors", "state.safetensors", "state.json", "metrics.jsonl"}
    assert store.open().tensors("none") == {} and store.open().file("best.safetensors") is None


def test_the_order_is_by_step_and_no_clock_has_a_say(store: Store) -> None:
    for step, year in ((9, 2030), (10, 1990)):
        save(store, step)
        for path in [store.directory / f"{step:09d}", *(store.directory / f"{step:09d}").iterdir()]:
            os.utime(path, ((year - 1970) * 31_557_600.0,) * 2)
    assert store.steps() == [9, 10] and store.open().step == 10


def test_what_follows_a_step_that_was_gone_back_to_is_deleted(store: Store) -> None:
    for step in (5, 6):
        save(store, step)
    (store.directory / "000000006" / "state.json").write_text("{}")
    with pytest.raises(ModelError, match=r"000000006/state\.json") as caught:
        store.open()
    assert caught.value.diagnostics[0].code == "checkpoint"
    assert caught.value.diagnostics[0].help == f"`--resume {store.directory / '000000005'}` goes on from the one before"
    save(store, 6)  # the run went on from 5
    assert step_of(store) == 6 and store.steps() == [5, 6]
    save(store, 7)
    assert store.steps() == [6, 7]
    written = (store.directory / "000000006" / MANIFEST).stat().st_mtime_ns
    store.save(6, contents(store.run, 6), FACTS)  # from 5 again: what is there is not written
    assert store.steps() == [6] and (store.directory / "000000006" / MANIFEST).stat().st_mtime_ns == written


def test_without_a_checkpoint(store: Store) -> None:
    with pytest.raises(ModelError, match="there is no checkpoint"):
        store.open()
    store.clean()
    (store.directory / "000000001").mkdir(parents=True)
    with pytest.raises(ModelError, match="there is no checkpoint"):
        store.open()
    save(store, 2)
    with pytest.raises(ModelError, match="cannot read: no such file"):
        store.open(1)


def calls_of_a_save(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    with faulty(monkeypatch, Faults(0, errno.EIO)) as faults:
        save(store, 3)
    shutil.rmtree(store.directory / "000000003")
    return faults.count


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
def test_a_disk_that_fails_at_any_call_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, forever: bool
) -> None:
    save(store, 1)
    save(store, 2)
    shutil.copytree(store.directory, store.run / "before")
    total = calls_of_a_save(store, monkeypatch)
    monkeypatch.setattr(Owner, "is_gone", property(lambda self: True))
    assert total > 40
    refused = 0
    for at in range(1, total + 1):
        shutil.rmtree(store.directory)
        shutil.copytree(store.run / "before", store.directory)
        with faulty(monkeypatch, Faults(at, ERRORS[at % len(ERRORS)], forever=forever)):
            try:
                save(store, 3)
            except NetspecError as error:
                assert {each.code for each in error.diagnostics} == {"unwritable"}
                refused += 1
        assert step_of(store) in (2, 3) and store.open(2).step == 2
        store.clean()
        assert not list(store.run.rglob("*.tmp"))
        save(store, 4)  # and then the disk works again
        assert step_of(store) == 4
    assert refused > total // 2


@pytest.mark.parametrize("torn", [False, True])
def test_a_process_that_dies_at_any_call_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    save(store, 1)
    save(store, 2)
    shutil.copytree(store.directory, store.run / "before")
    total = calls_of_a_save(store, monkeypatch)
    monkeypatch.setattr(Owner, "is_gone", property(lambda self: True))
    for at in range(1, total + 1):
        shutil.rmtree(store.directory)
        shutil.copytree(store.run / "before", store.directory)
        with faulty(monkeypatch, Faults(at, torn=torn)), pytest.raises(Died):
            save(store, 3)
        assert step_of(store) in (2, 3)
        store.clean()
        assert not list(store.run.rglob("*.tmp"))
        assert {path.name for path in store.directory.iterdir()} == {f"{step:09d}" for step in store.steps()}
        save(store, 4)
        assert step_of(store) == 4


def test_too_little_space_is_said_before_anything_is_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, 7)
    with monkeypatch.context() as patch:
        patch.setattr(store_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(NetspecError) as caught:
            save(store, 8)
    (found,) = caught.value.diagnostics
    assert found.message == "cannot write the checkpoint of step 8: no space left on device"
    needed, unchanged = found.notes
    assert needed.startswith("it needs ") and needed.endswith(" bytes, 1,000 are free")
    assert unchanged == "the checkpoint of step 7 is unchanged"
    assert found.help == f"`netspec train --resume {store.run}` goes on from there"
    assert not (store.directory / "000000008").exists() and step_of(store) == 7


def test_the_space_that_is_said_to_be_needed_is_about_what_is_taken(store: Store) -> None:
    large = contents(store.run, 1, size=100_000)
    atomic.write(store.run / "metrics.jsonl", "{}\n")
    store.save(1, large, FACTS)
    assert 1.0 <= large.num_bytes / store.open().num_bytes < 1.05


def test_files_are_copied_where_they_can_have_no_second_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "link", refuse)
    save(store, 3)
    assert step_of(store) == 3


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_found_and_its_file_is_named(store: Store, count: int) -> None:
    save(store, 1)
    save(store, 2)
    files = sorted((store.directory / "000000002").iterdir())
    chance = random.Random(count)
    for _ in range(count):
        path = chance.choices(files, [each.stat().st_size for each in files])[0]
        data = path.read_bytes()
        bit = chance.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ModelError) as caught:
            store.open()
        (found,) = caught.value.diagnostics
        assert found.place == str(path) and found.code == "checkpoint"
        path.write_bytes(data)
    assert step_of(store) == 2


@pytest.mark.parametrize("name", [MANIFEST, "weights.safetensors", "state.json"])
def test_no_part_of_a_file_passes_for_it(store: Store, name: str) -> None:
    save(store, 1)
    path = store.directory / "000000001" / name
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match=name.replace(".", r"\.")):
            store.open()
    path.unlink()
    with pytest.raises(ModelError):
        store.open()


def test_only_what_the_dead_left_is_removed(store: Store) -> None:
    save(store, 1)
    dead, living = Owner("0" * 8, 1, 1), Owner.current()
    gone = Owner(living.place, 2**22 + 5, 3)
    kept = [store.run / f".net.onnx.{each}.abcdefgh.tmp" for each in (dead, living)] + [store.run / ".mine.tmp"]
    removed = store.run / f".best.safetensors.{gone}.abcdefgh.tmp"
    for path in (*kept, removed):
        path.write_text("")
    store.clean()
    assert all(path.exists() for path in kept) and not removed.exists() and step_of(store) == 1
