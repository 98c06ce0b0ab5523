"""Images of every mode against Pillow and by hand; bombs, cuts and other formats, refused by name."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspec.data.image_file import MAX_PIXELS, read_image
from tests.data.pictures import encoded, noise, png, refusal

PIXELS = noise(9, 7)
PICTURE = Image.fromarray(PIXELS)


def read(content: bytes, mode: str = "RGB") -> np.ndarray:
    return read_image(content, "photo", mode)  # type: ignore[arg-type]


def first(array: np.ndarray) -> np.ndarray:
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def test_png_and_bmp_are_bit_equal() -> None:
    for format in ("PNG", "BMP"):
        found = read(encoded(PICTURE, format))
        assert found.dtype == np.uint8 and found.flags.c_contiguous
        assert np.array_equal(found, PIXELS.transpose(2, 0, 1))


def test_jpeg_is_pillows() -> None:
    content = encoded(PICTURE, "JPEG", quality=90)
    assert np.array_equal(read(content), first(np.asarray(Image.open(BytesIO(content)))))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("wanted", ["RGB", "L"])
def test_plain_modes_are_converted_as_pillow_does(mode: str, wanted: str) -> None:
    image = PICTURE.convert(mode)
    assert np.array_equal(read(encoded(image), wanted), first(np.asarray(image.convert(wanted))))


def test_cmyk_becomes_rgb() -> None:
    content = encoded(PICTURE.convert("CMYK"), "JPEG", quality=95)
    opened = Image.open(BytesIO(content))
    assert opened.mode == "CMYK"
    assert np.array_equal(read(content), first(np.asarray(opened.convert("RGB"))))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_black(mode: str) -> None:
    grey = np.full((1, 4), 200, np.uint8)
    alpha = np.array([[0, 51, 255, 128]], np.uint8)
    image: Image.Image = Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))
    expected = [[0, 40, 200, 100]]  # 200 * alpha / 255, rounded
    if mode == "P":
        image = Image.fromarray(np.array([[0, 1, 1, 0]], np.uint8)).convert("P")
        image.putpalette([9, 9, 9, 200, 200, 200])
        content, expected = encoded(image, transparency=0), [[0, 200, 200, 0]]
    else:
        content = encoded(image.convert(mode))
    assert read(content, "L")[0].tolist() == expected
    assert read(content)[1].tolist() == expected


def test_more_than_eight_bits_are_refused() -> None:
    content = encoded(Image.fromarray(np.full((4, 4), 40_000, np.uint16)))
    assert refusal(read, content) == "data-file photo: an image of mode I;16; netspec reads 8 bits a channel"


def test_animations_are_refused() -> None:
    content = encoded(PICTURE, save_all=True, append_images=[PICTURE.rotate(90, expand=False)])
    assert refusal(read, content) == "data-file photo: an animation of 2 pictures; one is read"


@pytest.mark.parametrize("format", ["GIF", "TIFF", "PPM", "PDF"])
def test_other_formats_are_refused_by_content(format: str) -> None:
    assert refusal(read, encoded(PICTURE, format)) == "data-file photo: not an image: neither PNG, JPEG nor BMP"


def bomb(width: int, height: int) -> bytes:
    """A PNG of one colour, about a thousandth of its pixels long."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_bombs_are_refused_before_a_pixel_is_decoded() -> None:
    content = bomb(13_000, 13_000)
    assert len(content) < 30_000
    assert refusal(read, content) == "data-file photo: 13000 x 13000 pixels; the limit is 16,000,000"
    content = bomb(30_000, 30_000)  # which Pillow refuses itself
    assert refusal(read, content) == "data-file photo: far too many pixels; the limit is 16,000,000"
    assert refusal(read, bomb(100_000, 1_000)) == "data-file photo: 100000 x 1000 pixels; the limit is 16,000,000"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "progressive"])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_largest_image_costs_at_most_200_mb(mode: str, tmp_path: Path) -> None:
    path, size = tmp_path / "large", (4000, MAX_PIXELS // 4000)
    if mode == "progressive":  # the decoder holds all coefficients
        Image.new("RGB", size, (9, 200, 30)).save(path, "JPEG", progressive=True, subsampling=0)
    else:
        Image.new(mode, size).save(path, "PNG", compress_level=1)
    code = (
        "import sys; from netspec.data.image_file import read_image; import PIL.Image, PIL.PngImagePlugin\n"
        "def peak(): return int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        "before = peak(); read_image(open(sys.argv[1], 'rb'), 'x', 'RGB'); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert 40_000 < int(done.stdout) < 200_000  # KiB; the array alone has 48 MB


def test_every_cut_is_refused() -> None:
    for content in (png(PIXELS), encoded(PICTURE, "JPEG", quality=90), encoded(PICTURE, "BMP")):
        for end in range(0, len(content) - 40, 7):
            assert refusal(read, content[:end]).startswith("data-file photo: ")


def test_mutated_files_never_give_a_traceback() -> None:
    chance, seen = random.Random(0), set()
    for format in ("PNG", "JPEG", "BMP"):
        whole = encoded(PICTURE, format)
        for _ in range(700):
            mutant = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                mutant[chance.randrange(len(whole))] = chance.randrange(256)
            try:
                seen.add(read(bytes(mutant)).dtype.name)
            except Exception as error:
                seen.add(type(error).__name__)
    assert seen == {"uint8", "DataError"}
