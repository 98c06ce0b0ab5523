"""Preprocessing against Pillow, hand-worked numbers, and its own declaration."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from netspec.data.preprocess import (
    CenterCrop,
    Grayscale,
    Normalize,
    Resize,
    Sample,
    Scale,
    StepError,
    as_json,
    check,
    from_json,
    split,
)
from netspec.data.preprocess.arrays import apply
from netspec.diagnostics import ModelError
from netspec.ir import DType, TensorType

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (3, 37, 53), np.uint8)
SCALE = Scale(factor=1 / 255)
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


def test_steps_that_cannot_be() -> None:
    with pytest.raises(StepError, match="larger than the image"):
        apply([CenterCrop(size=40)], PICTURE)
    with pytest.raises(StepError, match="must stand before"):
        check([SCALE, Resize(size=4)], TensorType((3, 4, 4)))
    with pytest.raises(StepError, match="3 numbers for 1 channels"):
        check([SCALE, Normalize(mean=(1, 2, 3), std=(1,))], TensorType((1, 4, 4)), TensorType((1, 4, 4), DType.UINT8))
    with pytest.raises(StepError, match="different lengths"):
        Normalize(mean=(1, 2), std=(1, 2, 3)).infer(Sample((None, 2, 2), DType.FLOAT32))
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
