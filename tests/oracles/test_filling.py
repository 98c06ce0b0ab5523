import numpy as np
import pytest
import torch

from tests.oracles.compare import differences, oracle, recorded, relative_error
from tests.oracles.filling import GAIN, batch, fill, fill_module
from tests.oracles.unet import UNet

# From the papers' repositories and torchvision's documentation; with the heads of training for the last two.
KNOWN = {
    "alexnet": 61_100_840, "convnext_tiny": 28_589_128, "densenet121": 7_978_856, "efficientnet_b0": 5_288_548,
    "mobilenet_v2": 3_504_872, "mobilenet_v3_small": 2_542_856, "regnet_y_400mf": 4_344_144, "resnet101": 44_549_160,
    "resnet152": 60_192_808, "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032,
    "resnext50_32x4d": 25_028_904, "shufflenet_v2_x1_0": 2_278_604, "squeezenet1_1": 1_235_496, "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840, "vgg13": 133_047_848, "vgg16": 138_357_544, "vgg16_bn": 138_365_992, "vgg19": 143_667_240,
    "vit_b_16": 86_567_656, "wide_resnet50_2": 68_883_240, "googlenet": 13_004_888, "inception_v3": 27_161_264,
}  # fmt: skip


def test_the_stream_is_the_one_that_was_recorded():
    # Were numpy's stream to change, every record would disagree with every spec; this says why.
    np.testing.assert_allclose(fill("conv1.bias", (3,)), [-0.05715767, -0.0351811, 0.00520224], rtol=1e-5)
    np.testing.assert_allclose(fill("bn1.running_var", (2,)), [0.837522, 1.0816743], rtol=1e-6)
    np.testing.assert_allclose(batch((1, 2, 2)), [[[0.90786004, -0.4059], [1.3610328, 2.397764]]], rtol=1e-5)


def test_scale_follows_the_fan_in():
    assert fill("a.weight", (1000, 4, 3, 3)).var() == pytest.approx(GAIN / 36, rel=0.05)
    assert fill("norm.weight", (10_000,)).mean() == pytest.approx(1, abs=0.01)
    assert fill("in_proj_bias", (10_000,)).std() == pytest.approx(0.1, rel=0.05)
    assert fill("class_token", (1, 1, 10_000)).std() == pytest.approx(0.5, rel=0.05)


def test_other_keys_have_other_values():
    assert not np.array_equal(fill("a.weight", (3, 3)), fill("b.weight", (3, 3)))


def test_float64_holds_the_numbers_of_float32():
    assert np.array_equal(fill("a.weight", (3, 3), np.float64), fill("a.weight", (3, 3)).astype(np.float64))


def test_filling_a_module():
    norm = fill_module(torch.nn.BatchNorm2d(3))
    state = norm.state_dict()
    for key in ("weight", "bias", "running_mean", "running_var"):
        np.testing.assert_array_equal(state[key].numpy(), fill(key, (3,)))
    assert norm.num_batches_tracked == 0


def test_the_records_are_complete():
    assert recorded() == sorted(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_record_is_evidence(name):
    truth = oracle(name)
    assert truth.params == KNOWN[name]
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    sizes = {key: int(np.prod(shape)) for key, shape in truth.tensors.items() if not key.endswith(buffers)}
    assert sum(sizes.values()) == truth.params
    heads = tuple(f"{head}." for head in truth.heads)
    assert sum(size for key, size in sizes.items() if not key.startswith(heads)) == truth.params_deployed
    assert truth.outputs.keys() == {"logits", *truth.heads}
    for logits in truth.outputs.values():
        scale = np.abs(logits).max()
        assert logits.shape == (2, 1000) and logits.dtype == np.float32 and np.isfinite(logits).all()
        assert logits.std() > 0.1 * scale and np.abs(logits[0] - logits[1]).max() > 0.05 * scale
    # Or a comparison in float32 to 1e-5 would fail by rounding alone.
    assert truth.float32_error < 3e-6


def test_differences_are_named():
    expected = {"a": (1,), "b": (2,), "c": (3,)}
    assert not differences(expected, expected)
    assert differences({"a": (1,), "b": (4,), "d": (5,)}, expected) == [
        "missing c [3]",
        "extra d [5]",
        "b is [4], expected [2]",
    ]


def test_relative_error():
    expected = np.array([[1.0, -4.0]])
    assert relative_error(np.array([[1.0, -3.0]]), expected) == 0.25
    assert relative_error(np.array([1.0, -4.0]), expected) == float("inf")
    assert relative_error(np.array([[1.0, np.nan]]), expected) == float("inf")


def test_size_of_the_unet():
    # 3 x 3 kernels between neighbouring widths, two numbers a channel for each norm, 2 x 2 kernels and biases on the
    # way up: 9 * (3*64 + 64^2 + ...) and so on, summed by hand; also the published size of this variant.
    widths = [64, 128, 256, 512, 1024]
    down = sum(9 * (a * b + b * b) + 4 * b for a, b in zip([3, *widths], widths, strict=False))
    up = sum(4 * 2 * b * b + b + 9 * (2 * b * b + b * b) + 4 * b for b in widths[:-1])
    assert down + up + 64 * 2 + 2 == 31_037_698
    assert sum(each.numel() for each in UNet().parameters()) == 31_037_698
