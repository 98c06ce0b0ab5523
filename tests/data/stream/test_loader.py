"""Decoding in other processes: the same images, and no hang, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netspec.data.augment import RandomHorizontalFlip, RandomResizedCrop
from netspec.data.image_column import ImageFiles
from netspec.data.preprocess.geometry import CenterCrop, Resize
from netspec.data.stream.loader import Loader
from netspec.data.stream.work import Work
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder
from tests.data.pictures import noise, png

COUNT = 24
BATCHES = [np.arange(start, start + 6) for start in range(0, COUNT, 6)]


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    names = [f"{index:03}.png" for index in range(COUNT)]
    for index, name in enumerate(names):
        (tmp_path / name).write_bytes(png(noise(20 + index, 24, seed=index)))
    return ImageFiles.of(Folder(tmp_path), names, "RGB")


@pytest.fixture
def open_loaders() -> Iterator[list[Loader]]:
    loaders: list[Loader] = []
    yield loaders
    for loader in loaders:
        loader.close()


def loader(files: ImageFiles, open_loaders: list[Loader], workers: int, timeout: float = 20) -> Loader:
    work = Work(files.folder, files.mode, (RandomResizedCrop(size=8),), 3)
    found = Loader(files, work, workers=workers, timeout=timeout)
    open_loaders.append(found)
    return found


def all_of(loader: Loader, epoch: int = 1) -> np.ndarray:
    loader.expect(BATCHES, epoch)
    return np.concatenate([loader.take(batch, epoch) for batch in BATCHES])


def take_all(loader: Loader, batches: list[np.ndarray]) -> None:
    for batch in batches:
        loader.take(batch, 1)


def test_any_number_of_workers_gives_the_same(files: ImageFiles, open_loaders: list[Loader]) -> None:
    alone = loader(files, open_loaders, 0)
    first, second = all_of(alone, 1), all_of(alone, 2)
    assert first.shape == (COUNT, 3, 8, 8) and not np.array_equal(first, second)
    for workers in (1, 3):
        helped = loader(files, open_loaders, workers)
        assert np.array_equal(all_of(helped, 1), first) and np.array_equal(all_of(helped, 2), second)


def test_batches_out_of_order_and_in_the_middle_of_an_epoch(files: ImageFiles, open_loaders: list[Loader]) -> None:
    alone, helped = loader(files, open_loaders, 0), loader(files, open_loaders, 2)
    helped.expect(BATCHES, 4)
    for batch in (BATCHES[2], np.array([7, 3]), BATCHES[3], BATCHES[0]):
        assert np.array_equal(helped.take(batch, 4), alone.take(batch, 4))
    helped.expect(BATCHES, 5)
    assert np.array_equal(helped.take(BATCHES[0], 5), alone.take(BATCHES[0], 5))
    helped.expect(BATCHES[:1], 6)  # what was under way is thrown away
    assert np.array_equal(helped.take(BATCHES[0], 6), alone.take(BATCHES[0], 6))


def test_evaluation_steps_too(files: ImageFiles) -> None:
    work = Work(files.folder, "L", (Resize(size=10), CenterCrop(size=10)), 0)
    assert Work.from_json(work.as_json()).changes == work.changes
    with_one = Loader(files, work, workers=1)
    with_one.expect(BATCHES, 0)
    assert np.array_equal(with_one.take(BATCHES[0], 0), work.make([files.name(i) for i in range(6)], range(6), 0))
    with_one.close()


def test_other_changes_before_the_crop(files: ImageFiles, open_loaders: list[Loader]) -> None:
    changes = (RandomHorizontalFlip(), RandomResizedCrop(size=8))
    found = []
    for workers in (0, 1):
        open_loaders.append(Loader(files, Work(files.folder, "RGB", changes, 3), workers=workers))
        open_loaders[-1].expect(BATCHES[:1], 1)
        found.append(open_loaders[-1].take(BATCHES[0], 1))
    assert np.array_equal(*found)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_image_is_named(files: ImageFiles, open_loaders: list[Loader], workers: int) -> None:
    (files.folder.root / "008.png").write_bytes(png(noise(20, 20))[:200])
    with pytest.raises(DataError) as caught:
        all_of(loader(files, open_loaders, workers))
    (found,) = caught.value.diagnostics
    assert (found.code, found.place) == ("data-file", "008.png") and "damaged" in found.message


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]


def test_a_killed_worker_is_reported_at_once(files: ImageFiles, open_loaders: list[Loader]) -> None:
    broken = loader(files, open_loaders, 2)
    broken.expect(BATCHES * 3, 1)
    broken.take(BATCHES[0], 1)
    victim = broken._workers[1]
    pids = [worker.pid for worker in broken._workers]
    os.kill(victim.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        take_all(broken, (BATCHES * 3)[1:])
    assert time.monotonic() - began < 5
    (found,) = caught.value.diagnostics
    assert found.code == "data-worker" and found.message == "worker 2 of 2 was killed by SIGKILL"
    assert found.notes[0].startswith("it was to read the samples ") and "epoch 1" in found.notes[0]
    assert not any(map(is_alive, pids))


def test_a_worker_that_hangs_is_reported_after_its_time(files: ImageFiles, open_loaders: list[Loader]) -> None:
    broken = loader(files, open_loaders, 2)
    broken.expect(BATCHES * 3, 1)
    broken.take(BATCHES[0], 1)
    broken._timeout = 1.5  # which the start of a process may need
    os.kill(broken._workers[1].pid, signal.SIGSTOP)
    pids = [worker.pid for worker in broken._workers]
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        take_all(broken, (BATCHES * 3)[1:])
    assert 1.4 < time.monotonic() - began < 6.5
    assert caught.value.diagnostics[0].message == "worker 2 of 2 did not answer within 1.5 seconds"
    assert not any(map(is_alive, pids))


def test_workers_end_with_the_run_however_it_ends(files: ImageFiles) -> None:
    code = """
import sys, numpy as np
from pathlib import Path
from netspec.data.image_column import ImageFiles
from netspec.data.stream.loader import Loader
from netspec.data.stream.work import Work
from netspec.data.preprocess.geometry import Resize
from netspec.lang.folder import Folder
files = ImageFiles.of(Folder(Path(sys.argv[1])), [f"{i:03}.png" for i in range(24)], "RGB")
loader = Loader(files, Work(files.folder, "RGB", (Resize(size=(9, 9)),), 0), workers=2)
batches = [np.arange(i, i + 6) for i in range(0, 24, 6)]
loader.expect(batches, 0)
loader.take(batches[0], 0)
print(*[worker.pid for worker in loader._workers], flush=True)
sys.stdin.read()
"""
    for ending in (signal.SIGKILL, signal.SIGTERM, None):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(files.folder.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == 2 and all(map(is_alive, pids))
        if ending is not None:
            os.kill(pids[0], signal.SIGSTOP)  # one that reads nothing any more
            process.send_signal(ending)
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
        until = time.monotonic() + 5
        while any(map(is_alive, pids)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(is_alive, pids))
