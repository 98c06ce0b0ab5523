"""Augmentations of images against Pillow, colorsys, hand-worked numbers and formulas written out."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from netspec.data.augment import (
    ColorJitter,
    Elastic,
    PcaNoise,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
)
from netspec.data.augment.colour import hue
from netspec.data.augment.draws import Draws
from netspec.data.augment.warp import inverse

RNG = np.random.default_rng(0)
COUNT = 40
IMAGES = torch.from_numpy(RNG.integers(0, 256, (COUNT, 3, 12, 15), np.uint8))
SMOOTH = torch.from_numpy(
    np.stack(
        [
            np.asarray(Image.fromarray(RNG.integers(0, 256, (4, 4, 3), np.uint8)).resize((30, 24), 3))
            for _ in range(COUNT)
        ]
    )
).permute(0, 3, 1, 2)


def draws(count: int = COUNT, epoch: int = 1) -> Draws:
    return Draws(5, epoch, np.arange(count))


def pil(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def planes(image: Image.Image) -> np.ndarray:
    return np.asarray(image).transpose(2, 0, 1)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_a_random_crop_is_a_window_of_the_padded_image(mode: str) -> None:
    crop = RandomCrop.model_validate({"size": [10, 11], "padding": [2, 3], "padding_mode": mode})
    many = IMAGES.repeat(5, 1, 1, 1)
    found = crop.apply(many, draws(len(many))).numpy()
    padded = np.pad(many.numpy(), ((0, 0), (0, 0), (3, 3), (2, 2)), mode)  # type: ignore[call-overload]
    seen = set()
    for image, window in zip(padded, found, strict=True):
        places = [
            (y, x) for y in range(9) for x in range(9) if np.array_equal(image[:, y : y + 10, x : x + 11], window)
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 20 and {y for y, _ in seen} == set(range(9)) == {x for _, x in seen}


def test_a_random_crop_of_one_image_is_that_of_the_batch() -> None:
    crop = RandomCrop(size=9, padding=4, fill=(7, 8, 9))
    together = crop.apply(IMAGES, draws())
    for place in range(5):
        alone = crop.apply_one(IMAGES[place].numpy(), Draws(5, 1, np.array([place])))
        assert np.array_equal(alone, together[place].numpy())


def test_windows_are_those_that_torchvision_may_draw() -> None:
    crop = RandomResizedCrop(size=8, scale=(0.2, 0.9), ratio=(0.5, 2.0))
    top, left, high, wide = crop.windows(draws(5000), 60, 80)
    assert (top >= 0).all() and (left >= 0).all() and (top + high <= 60).all() and (left + wide <= 80).all()
    area, ratio = high * wide / 4800, wide / high
    assert 0.19 < area.min() < 0.21 and 0.85 < area.max() < 0.91  # sides are rounded
    assert 0.48 < ratio.min() < 0.52 and 1.9 < ratio.max() < 2.1
    # Before windows that do not fit are thrown away the logarithm of the ratio is uniform.
    small = crop.model_copy(update={"scale": (0.01, 0.02)}).windows(draws(5000), 600, 800)
    assert np.log(small[3] / small[2]).mean() == pytest.approx(0, abs=0.02)
    assert np.log(small[3] / small[2]).std() == pytest.approx(math.log(4) / math.sqrt(12), rel=0.03)


def test_where_no_window_fits_it_is_the_middle() -> None:
    crop = RandomResizedCrop(size=8, scale=(1, 1), ratio=(1, 1))
    assert [int(each[0]) for each in crop.windows(draws(1), 10, 30)] == [0, 10, 10, 10]
    assert [int(each[0]) for each in crop.windows(draws(1), 30, 10)] == [10, 0, 10, 10]


@pytest.mark.parametrize("size", [(6, 7), (20, 40)])
def test_a_resized_crop_is_pillows_resize_of_the_window(size: tuple[int, int]) -> None:
    crop = RandomResizedCrop(size=size)
    found = crop.apply(SMOOTH, draws()).numpy().astype(int)
    for index, window in enumerate(zip(*crop.windows(draws(), 24, 30), strict=True)):
        top, left, high, wide = map(int, window)
        expected = (
            pil(SMOOTH[index]).crop((left, top, left + wide, top + high)).resize(size[::-1], Image.Resampling.BILINEAR)
        )
        assert np.abs(found[index] - planes(expected)).max() <= 1  # Pillow rounds between its two passes
        alone = crop.apply_one(SMOOTH[index].numpy(), Draws(5, 1, np.array([index])))
        assert np.array_equal(alone, planes(expected))


def test_half_of_the_images_are_mirrored() -> None:
    many = IMAGES.repeat(20, 1, 1, 1)
    found = RandomHorizontalFlip().apply(many, draws(len(many)))
    flipped = (found == many.flip(-1)).flatten(1).all(1)
    assert (flipped | (found == many).flatten(1).all(1)).all() and 0.43 < flipped.float().mean() < 0.57


def test_the_affine_matrix_is_the_inverse_of_its_parts() -> None:
    """T C R S Z C^-1 as matrices, inverted by numpy."""
    for _ in range(20):
        angle, scale, shear, x, y = (
            RNG.uniform(-1, 1),
            RNG.uniform(0.5, 2),
            RNG.uniform(-0.5, 0.5),
            *RNG.uniform(-3, 3, 2),
        )
        middle = (7.5, 6.0)

        def moved(by: tuple[float, float], sign: int = 1) -> np.ndarray:
            return np.array([[1, 0, sign * by[0]], [0, 1, sign * by[1]], [0, 0, 1]])

        cos, sin = math.cos(angle), math.sin(angle)
        turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        slanted = np.array([[1, -math.tan(shear), 0], [0, 1, 0], [0, 0, 1]])
        whole = moved((x, y)) @ moved(middle) @ turned @ slanted @ np.diag([scale, scale, 1]) @ moved(middle, -1)
        found = inverse(*(np.array([each]) for each in (angle, scale, shear, x, y)), middle)
        np.testing.assert_allclose(np.array(found)[:, 0], np.linalg.inv(whole)[:2].ravel(), atol=1e-12)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_samples_as_pillow_does(interpolation: str) -> None:
    step = RandomAffine.model_validate(
        {"degrees": 40, "translate": [0.1, 0.2], "scale": [0.7, 1.4], "shear": 15, "interpolation": interpolation}
    )
    found = step.apply(SMOOTH, draws()).numpy().astype(int)
    numbers = draws()
    angle = np.radians(numbers.uniform(-40, 40))
    x, y = np.rint(numbers.uniform(-3, 3)), np.rint(numbers.uniform(-4.8, 4.8))
    scale, shear = numbers.uniform(0.7, 1.4), np.radians(numbers.uniform(-15, 15))
    matrix = np.stack(inverse(angle, scale, shear, x, y, (15, 12)), axis=1)
    method = Image.Resampling[interpolation.upper()]
    for index in range(COUNT):
        expected = planes(pil(SMOOTH[index]).transform((30, 24), Image.Transform.AFFINE, tuple(matrix[index]), method))
        inside = np.asarray(
            Image.new("L", (30, 24), 255).transform((30, 24), Image.Transform.AFFINE, tuple(matrix[index]))
        )
        centre = np.lib.stride_tricks.sliding_window_view(np.pad(inside, 1), (3, 3)).min((-1, -2)) > 0
        apart = np.abs(found[index] - expected)[:, centre]
        # Where Pillow truncates to fixed point, a nearest pixel may be its neighbour.
        assert (apart <= 1).mean() > (0.98 if interpolation == "nearest" else 0.9999)


def test_a_quarter_turn_and_a_shift_by_hand() -> None:
    square = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    turned = RandomAffine(degrees=(90, 90)).apply(square, draws(1))[0, 0]
    assert torch.equal(turned, square[0, 0].rot90(-1))  # clockwise
    twice = RandomAffine(degrees=(0, 0), scale=(2, 2), interpolation="nearest").apply(square, draws(1))[0, 0]
    assert twice.tolist() == [[5, 5, 6, 6], [5, 5, 6, 6], [9, 9, 10, 10], [9, 9, 10, 10]]
    away = RandomAffine(degrees=(0, 0), translate=(1.0, 0.0), fill=99).apply(square.repeat(50, 1, 1, 1), draws(50))
    rows = {tuple(image[0, 0].tolist()) for image in away}
    assert (99, 99, 99, 99) in rows and (99, 0, 1, 2) in rows and (1, 2, 3, 99) in rows


def test_elastic_is_simards_written_out() -> None:
    image = torch.from_numpy(RNG.uniform(0, 200, (1, 1, 6, 5)).astype(np.float32))
    found = Elastic(alpha=6, sigma=1.5, fill=10).apply(image, draws(1))[0, 0].numpy()
    noise = draws(1).uniform(-1, 1, size=(2, 6, 5))[0]
    total = sum(math.exp(-(d**2) / 4.5) for d in range(-60, 61))

    def smooth(field: np.ndarray, y: int, x: int) -> float:
        weights = [[math.exp(-((y - j) ** 2 + (x - i) ** 2) / 4.5) / total**2 for i in range(5)] for j in range(6)]
        return 6 * float((np.array(weights) * field).sum())

    def pixel(y: int, x: int) -> float:
        return float(image[0, 0, y, x]) if 0 <= y < 6 and 0 <= x < 5 else 10.0

    for y in range(6):
        for x in range(5):
            u, v = x + smooth(noise[0], y, x), y + smooth(noise[1], y, x)
            i, j = math.floor(u), math.floor(v)
            a, b = u - i, v - j
            value = (1 - b) * ((1 - a) * pixel(j, i) + a * pixel(j, i + 1))
            value += b * ((1 - a) * pixel(j + 1, i) + a * pixel(j + 1, i + 1))
            assert found[y, x] == pytest.approx(value, abs=1e-2)


@pytest.mark.parametrize(
    ("change", "enhancer", "tolerance"),
    [
        ("brightness", ImageEnhance.Brightness, 1),
        ("contrast", ImageEnhance.Contrast, 1),
        ("saturation", ImageEnhance.Color, 2),
    ],
)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_colours_change_as_pillow_enhances_them(change: str, enhancer: object, tolerance: int, factor: float) -> None:
    """Pillow truncates where this rounds, and its grey is in fixed point."""
    step = ColorJitter.model_validate({change: [factor, factor]})
    found = step.apply(SMOOTH, draws()).numpy().astype(int)
    for image, expected in zip(found, SMOOTH, strict=True):
        assert np.abs(image - planes(enhancer(pil(expected)).enhance(factor))).max() <= tolerance  # type: ignore[operator]


@pytest.mark.parametrize("turns", [-0.5, -0.2, 0.0, 0.3])
def test_hues_turn_as_colorsys_says(turns: float) -> None:
    pixels = RNG.integers(0, 256, (200, 3)).astype(np.float64)
    pixels[:6] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 8]]
    found = hue(torch.from_numpy(pixels)[:, :, None, None], torch.tensor(turns))[:, :, 0, 0].numpy()
    for given, made in zip(pixels / 255, found, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*given)
        np.testing.assert_allclose(made, 255 * np.array(colorsys.hsv_to_rgb((h + turns) % 1, s, v)), atol=1e-4)


def test_the_order_of_colour_changes_is_random() -> None:
    """Brightness up to 255 and contrast to grey do not commute: two results come out, each in half of the images."""
    many = SMOOTH[:1].repeat(200, 1, 1, 1)
    found = ColorJitter(brightness=(3, 3), contrast=(0.2, 0.2)).apply(many, draws(200))
    kinds = found.flatten(1).unique(dim=0)
    assert len(kinds) == 2
    share = (found.flatten(1) == kinds[0]).all(1).float().mean()
    assert 0.38 < share < 0.62


def test_pca_noise_is_alexnets() -> None:
    grey = torch.full((3000, 3, 2, 2), 128, dtype=torch.uint8)
    found = PcaNoise().apply(grey, draws(3000)).float() - 128
    assert (found == found[:, :, :1, :1]).all()  # one amount for all pixels of an image
    values = np.array([0.2175, 0.0188, 0.0045])
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    expected = (25.5 * vectors * values) @ (25.5 * vectors * values).T
    covariance = np.cov(found[:, :, 0, 0].numpy().T)
    np.testing.assert_allclose(covariance, expected, rtol=0.1, atol=0.2)  # bytes are rounded: 1 / 12


def test_erased_rectangles() -> None:
    white = torch.full((2000, 1, 40, 50), 255, dtype=torch.uint8)
    found = RandomErasing(p=0.6, scale=(0.05, 0.2), ratio=(0.5, 2), value=(9,)).apply(white, draws(2000))
    holes = (found == 9).squeeze(1)
    erased = holes.flatten(1).any(1)
    assert 0.56 < erased.float().mean() < 0.64 and ((found == 9) | (found == 255)).all()
    high, wide = holes.any(2).sum(1)[erased], holes.any(1).sum(1)[erased]
    assert torch.equal(holes.sum((1, 2))[erased], high * wide)  # full rectangles
    share, ratio = high * wide / 2000, high / wide
    assert share.min() > 0.045 and share.max() < 0.21 and ratio.min() > 0.45 and ratio.max() < 2.25


def test_bytes_are_rounded_and_floats_are_not() -> None:
    bright = ColorJitter(brightness=(1.1, 1.1))
    assert bright.apply(torch.tensor([5, 250], dtype=torch.uint8).reshape(1, 1, 1, 2), draws(1)).tolist() == [
        [[[6, 255]]]
    ]
    moved = RandomAffine(degrees=(10, 10), interpolation="bilinear").apply(torch.rand(2, 1, 5, 5), draws(2))
    assert moved.dtype == torch.float32 and len(moved.unique()) > 30
