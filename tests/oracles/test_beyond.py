"""Specs of networks that others wrote too: the same names, shapes, parameters and numbers as theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import netspec
from tests.oracles.compare import differences, filled, oracle, outputs, recorded, relative_error, tensors
from tests.oracles.filling import batch, fill_module
from tests.oracles.unet import UNet

BEYOND = Path(__file__).parents[2] / "specs" / "beyond"
SPECS = {path.stem: path for path in sorted(BEYOND.glob("*.yaml"))}
# Compared with modules written by hand; with another implementation's logits for real images, in a test of its own.
BY_HAND = {"unet", "zf_faster_rcnn"}
ON_IMAGES = {"cifar_resnet", "resnet20", "resnet32", "resnet44", "resnet56"}
#: Of no published shape: what they learn is tested with the recipes.
TRAINED = {"mnist_gan", "mnist_vae"}
RECORDED = sorted(SPECS.keys() & set(recorded()))

# The records were computed in float64 and rounded to float32 once, which is 6e-8 at most. An eps of 1e-5 in place of
# 1e-6 in the norms of a ViT is 2e-6: only float64 sees it.
FLOAT64, FLOAT32 = 2e-7, 1e-5

each_recorded = pytest.mark.parametrize("name", RECORDED)
needs_unet = pytest.mark.skipif("unet" not in SPECS, reason="specs/beyond has no unet.yaml yet")


@pytest.mark.parametrize("name", SPECS)
def test_each_spec_has_independent_truth(name):
    # Or one that is added without a record would be compared with nothing, and the file would pass.
    assert name in BY_HAND | ON_IMAGES | TRAINED | set(recorded())


@each_recorded
def test_state_dict_keys_and_shapes(name):
    assert not differences(tensors(netspec.build(SPECS[name], initialize=False)), oracle(name).tensors)


@each_recorded
def test_parameters(name):
    module = netspec.build(SPECS[name], initialize=False)
    assert sum(each.numel() for each in module.parameters()) == oracle(name).params


@each_recorded
def test_shape_of_the_input(name):
    [image] = netspec.load(SPECS[name]).graph.inputs
    assert tuple(image.type.shape) == oracle(name).input[1:]


@each_recorded
def test_logits(name):
    truth = oracle(name)
    module = filled(SPECS[name], torch.float64)
    assert relative_error(outputs(module, truth.input)[0], truth.outputs["logits"]) < FLOAT64


@each_recorded
def test_logits_in_float32(name):
    truth = oracle(name)
    assert relative_error(outputs(filled(SPECS[name]), truth.input)[0], truth.outputs["logits"]) < FLOAT32


def test_the_norm_of_zf_is_caffes_within_a_channel():
    # mean of squares over 3 x 3, zeros beyond the edge counted: caffe/layers/lrn_layer.cpp, WithinChannelForward.
    module = filled(SPECS["zf_faster_rcnn"], torch.float64)
    x = torch.from_numpy(batch((2, 4, 7, 9))).double()
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1)).square()
    windows = sum(padded[:, :, i : i + 7, j : j + 9] for i in range(3) for j in range(3))
    torch.testing.assert_close(module.norm1(x), x * (1 + 5e-5 / 9 * windows) ** -0.75)


@needs_unet
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (16, 32)])
def test_unet_of_free_size(height, width):
    # One network for all sizes, and no square among the last two: exchanged axes would show.
    truth = fill_module(UNet()).eval().double()
    module = filled(SPECS["unet"], torch.float64)
    assert not differences(tensors(module), tensors(truth))
    shape = (2, 3, height, width)
    with torch.no_grad():
        expected = truth(torch.from_numpy(batch(shape)).double()).numpy()
    assert expected.shape == (2, 2, height, width)
    [found] = outputs(module, shape)
    assert relative_error(found, expected) < FLOAT64
