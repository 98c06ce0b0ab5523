"""Preprocessing against Pillow, hand-worked numbers, and its own declaration."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pytest
from PIL import Image, ImageOps
from pydantic import ValidationError

from netspec.data.preprocess import Sample, StepError, as_json, check, from_json, split, views
from netspec.data.preprocess.affine import Normalize, Scale, ToTensor
from netspec.data.preprocess.arrays import apply
from netspec.data.preprocess.colour import Decode, FlipChannels, Grayscale
from netspec.data.preprocess.geometry import CenterCrop, FiveCrop, Pad, Resize, TenCrop
from netspec.diagnostics import ModelError
from netspec.ir import DType, TensorType

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (3, 37, 53), np.uint8)
SCALE = Scale(factor=1 / 255)
MODES: list[Literal["edge", "reflect", "symmetric"]] = ["edge", "reflect", "symmetric"]
MNIST = Normalize(mean=(0.1307,), std=(0.3081,))


def pil() -> Image.Image:
    return Image.fromarray(PICTURE.transpose(1, 2, 0))


def planes(image: Image.Image) -> np.ndarray:
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def test_scale_and_normalize_by_hand() -> None:
    pixels = np.array([[[0, 51], [102, 255]]], np.uint8)
    found = apply([SCALE, MNIST], pixels)
    expected = (np.array([[[0, 0.2], [0.4, 1]]]) - 0.1307) / 0.3081
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_each_channel_has_its_own_numbers() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    found = apply([SCALE, Normalize(mean=mean, std=std)], np.stack([PICTURE, PICTURE // 2]))
    expected = (np.stack([PICTURE, PICTURE // 2]) / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_all_affine_steps_become_one() -> None:
    images, affine = split([Grayscale(), Scale(factor=0.5), Normalize(mean=(1.0,), std=(4.0,)), Scale(factor=8.0)])
    assert images == (Grayscale(),)
    assert affine is not None and affine.gain == (1.0,) and affine.offset == (-2.0,)  # 8 (x/2 - 1) / 4


def test_vectors_are_scaled_too() -> None:
    found = apply([Scale(factor=0.5)], np.array([[2, 4, 6]], np.uint8), rank=1)
    assert found.tolist() == [[1.0, 2.0, 3.0]]


def test_grayscale_is_pillows() -> None:
    assert np.array_equal(apply([Grayscale()], PICTURE), planes(pil().convert("L")))
    assert np.array_equal(apply([Grayscale()], PICTURE[:1]), PICTURE[:1])


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [20, (11, 64)])
def test_resize_is_pillows(interpolation: str, size: int | tuple[int, int]) -> None:
    step = Resize.model_validate({"size": size, "interpolation": interpolation})
    height, width = (20, 28) if size == 20 else (11, 64)  # 20 * 53 / 37 = 28.6
    expected = pil().resize((width, height), Image.Resampling[interpolation.upper()])
    assert np.array_equal(apply([step], PICTURE), planes(expected))


@pytest.mark.parametrize("size", [16, (36, 5), (37, 53)])
def test_center_crop(size: int | tuple[int, int]) -> None:
    height, width = (size, size) if isinstance(size, int) else size
    top, left = round((37 - height) / 2), round((53 - width) / 2)
    expected = planes(pil().crop((left, top, left + width, top + height)))
    assert np.array_equal(apply([CenterCrop(size=size)], PICTURE), expected)


def test_decode_is_pillows_convert() -> None:
    assert np.array_equal(apply([Decode(mode="L")], PICTURE), planes(pil().convert("L")))
    grey = Image.fromarray(PICTURE[0])
    assert np.array_equal(apply([Decode()], PICTURE[:1]), planes(grey.convert("RGB")))
    assert np.array_equal(apply([Decode()], PICTURE), PICTURE)


@pytest.mark.parametrize("padding", [3, (2, 5), (1, 2, 3, 4)])
def test_pad_is_pillows_expand(padding: int | tuple[int, ...]) -> None:
    border = padding if isinstance(padding, int) or len(padding) == 4 else (*padding, *padding)
    expected = ImageOps.expand(pil(), border, fill=(9, 8, 7))
    assert np.array_equal(apply([Pad(padding=padding, fill=(9, 8, 7))], PICTURE), planes(expected))


def test_pad_with_what_lies_at_the_edge_by_hand() -> None:
    row = np.array([[[1, 2, 3]]], np.uint8)
    found = {mode: apply([Pad(padding=(2, 0), padding_mode=mode)], row).ravel().tolist() for mode in MODES}
    assert found == {
        "edge": [1, 1, 1, 2, 3, 3, 3],
        "reflect": [3, 2, 1, 2, 3, 2, 1],
        "symmetric": [2, 1, 1, 2, 3, 3, 2],
    }


def test_flip_channels_by_hand() -> None:
    pixels = np.array([[[1]], [[2]], [[3]]], np.uint8)
    assert apply([FlipChannels()], pixels).ravel().tolist() == [3, 2, 1]


def test_to_tensor_is_a_division() -> None:
    found = apply([ToTensor()], np.array([[[0, 51, 255]]], np.uint8))
    np.testing.assert_allclose(found, [[[0, 0.2, 1]]], rtol=1e-7)


def test_crops_by_hand() -> None:
    """An image of 4 x 6 whose pixels say where they are; the corners of each crop of 2 x 3 are known."""
    image = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    five = apply([FiveCrop(size=(2, 3))], image)
    assert five.shape == (5, 1, 2, 3)
    assert five[:, 0, 0, 0].tolist() == [0, 3, 12, 15, 8]  # (4 - 2) / 2 = 1 row down, round(1.5) = 2 columns right
    assert five[3, 0].tolist() == [[15, 16, 17], [21, 22, 23]]
    ten = apply([TenCrop(size=(2, 3))], np.stack([image, image]))
    assert ten.shape == (2, 10, 1, 2, 3) and np.array_equal(ten[1, :5], five)
    assert ten[0, 5, 0].tolist() == [[5, 4, 3], [11, 10, 9]]
    assert apply([TenCrop(size=2, vertical_flip=True)], image)[5, 0].tolist() == [[18, 19], [12, 13]]
    assert views([TenCrop(size=2), SCALE]) == 10 and views([SCALE]) == 1
    with pytest.raises(StepError, match="makes 5 views of an image that has 10 already"):
        check([TenCrop(size=4), FiveCrop(size=2), SCALE], TensorType((1, 2, 2)))


def test_steps_that_cannot_be() -> None:
    with pytest.raises(StepError, match="larger than the image"):
        apply([CenterCrop(size=40)], PICTURE)
    with pytest.raises(StepError, match="must stand before"):
        check([SCALE, Resize(size=4)], TensorType((3, 4, 4)))
    with pytest.raises(StepError, match="3 numbers for 1 channels"):
        check([SCALE, Normalize(mean=(1, 2, 3), std=(1,))], TensorType((1, 4, 4)), TensorType((1, 4, 4), DType.UINT8))
    with pytest.raises(StepError, match="different lengths"):
        Normalize(mean=(1, 2), std=(1, 2, 3)).infer(Sample((None, 2, 2), DType.FLOAT32))
    with pytest.raises(StepError, match="`fill` of pad has 3 numbers for 1 channels"):
        Pad(padding=1, fill=(1, 2, 3)).infer(Sample((1, 2, 2), DType.UINT8))
    with pytest.raises(StepError, match="reflects more than the image has"):
        Pad(padding=2, padding_mode="reflect").infer(Sample((1, 2, 2), DType.UINT8))
    with pytest.raises(StepError, match="has 3 numbers, expected 1, 2 or 4"):
        Pad(padding=(1, 2, 3)).infer(Sample((1, 2, 2), DType.UINT8))
    with pytest.raises(StepError, match=r"one number or \[height, width\]"):
        Resize(size=(1, 2, 3)).infer(Sample((1, 2, 2), DType.UINT8))


def test_the_result_must_be_the_input() -> None:
    stored, network = TensorType((1, 28, 28), DType.UINT8), TensorType((1, 28, 28))
    check([SCALE, MNIST], network, stored)
    with pytest.raises(StepError, match="make float32"):
        check([], network, stored)
    with pytest.raises(StepError, match=r"becomes float32 \[1, 32, 32\], the input is float32 \[1, 28, 28\]"):
        check([Resize(size=32), SCALE], network, stored)
    with pytest.raises(StepError, match="the sample becomes"):
        check([Grayscale(), CenterCrop(size=20), SCALE], network)


def test_json_and_back() -> None:
    steps = (
        Grayscale(),
        Resize(size=256),
        Resize(size=(3, 4), interpolation="nearest"),
        CenterCrop(size=4),
        SCALE,
        MNIST,
    )
    written = json.loads(json.dumps(as_json(steps)))
    assert written[:2] == [{"grayscale": None}, {"resize": 256}]
    assert written[4:] == [{"scale": 1 / 255}, {"normalize": {"mean": [0.1307], "std": [0.3081]}}]
    assert from_json(written, "model.onnx") == steps


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        "scale",
        [{"scale": "x"}],
        [{"scale": 1, "b": 2}],
        [{"eval": 1}],
        [{"grayscale": 3}],
        [{"scale": None}],
        [[1]],
    ],
)
def test_json_that_is_something_else(wrong: object) -> None:
    with pytest.raises(ModelError) as caught:
        from_json(wrong, "model.onnx")
    assert caught.value.diagnostics[0].code == "model-file"


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), True, "1", 10**400])
def test_numbers_are_strict(factor: object) -> None:
    with pytest.raises(ValidationError):
        Scale.model_validate({"factor": factor})
    with pytest.raises(ValidationError):
        Normalize.model_validate({"mean": [0], "std": [factor]})
