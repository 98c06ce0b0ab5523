"""Tar archives: what is in them, read through once, and archives that would fill the memory or the disk."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from netspec.data import archive
from netspec.data.archive import members
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder
from tests.data.pictures import refusal

FILES = {"a/1": b"one", "b/2": bytes(range(256)) * 40, "c": b""}


def tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    return stream.getvalue()


def read(content: bytes, folder: Path) -> dict[str, bytes]:
    (folder / "x.tar").write_bytes(content)
    return dict(members("x.tar", Folder(folder)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_members_come_out_whatever_the_packing(tmp_path: Path, pack: object) -> None:
    assert read(pack(tar(FILES)), tmp_path) == FILES  # type: ignore[operator]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tar"]  # nothing is extracted, no link followed


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_cut_archives_are_refused(tmp_path: Path, pack: object) -> None:
    whole = pack(tar(FILES))  # type: ignore[operator]
    for end in range(1, min(len(whole), 11_000) - 10, max(1, len(whole) // 25)):
        found: object
        try:
            found = read(whole[:end], tmp_path)
        except DataError as error:
            assert error.diagnostics[0].place == "x.tar" and error.diagnostics[0].message.startswith(
                "a damaged archive"
            )
        else:
            assert found.items() <= FILES.items()  # type: ignore[attr-defined]  # tar itself may end at a member's end


def test_a_member_that_claims_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 1000)
    said = refusal(read, tar(FILES), tmp_path)
    assert said == "data-file x.tar: its member 'b/2' claims 10,240 bytes; the limit is 1,000"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_bomb_stops_at_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 5_000_000)
    content = pack(tar({f"{number}": bytes(1_000_000) for number in range(20)}))  # type: ignore[operator]
    assert len(content) < 50_000
    assert "more than 5,000,000 bytes unpacked" in refusal(read, content, tmp_path)


def test_an_xz_file_that_asks_for_gigabytes(tmp_path: Path) -> None:
    # The dictionary's size stands in the header, before any data.
    content = lzma.compress(tar(FILES), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 << 20}])
    assert "a damaged archive: memory usage limit" in refusal(read, content, tmp_path)


def test_mutated_archives_never_give_a_traceback(tmp_path: Path) -> None:
    chance, fine = random.Random(0), 0
    for pack in (bytes, gzip.compress, lzma.compress):
        whole = pack(tar(FILES))
        for _ in range(150):
            mutant = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                mutant[chance.randrange(min(len(whole), 600))] = chance.randrange(256)
            try:
                read(bytes(mutant), tmp_path)
                fine += 1
            except DataError as error:
                assert error.diagnostics[0].code == "data-file"
    assert 0 < fine < 450


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_large_archive_is_never_in_memory_whole(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(gzip.compress(tar({f"{number}": bytes(8_000_000) for number in range(40)}), 1))
    code = (
        "import sys; from pathlib import Path; from netspec.data.archive import members; import numpy\n"
        "from netspec.lang.folder import Folder\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak(); count = sum(len(content) for _, content in members('x.tar', Folder(Path(sys.argv[1]))))\n"
        "print(count, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    count, grown = map(int, done.stdout.split())
    assert count == 320_000_000 and grown < 60_000  # KiB
