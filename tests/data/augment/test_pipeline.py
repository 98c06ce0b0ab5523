"""What a training sample goes through, and what cannot be."""

from __future__ import annotations

import json

import pytest

from netspec.data.augment import (
    AUGMENTATIONS,
    ColorJitter,
    CutMix,
    Mixup,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
)
from netspec.data.augment.bind import bind_augment
from netspec.data.augment.pipeline import Pipeline, check_training, largest_bytes
from netspec.data.preprocess import Sample, StepError
from netspec.data.preprocess.affine import Scale
from netspec.data.preprocess.colour import Grayscale
from netspec.data.preprocess.geometry import CenterCrop, Resize, TenCrop
from netspec.diagnostics import Report, Source
from netspec.ir import DType, TensorType, symbol
from netspec.lang.reader import read

STORED = TensorType((3, symbol("height"), symbol("width")), DType.UINT8)
INPUT = TensorType((3, 224, 224))
SCALE, FLIP = Scale(factor=1 / 255), RandomHorizontalFlip()
EVALUATION = (Resize(size=256), CenterCrop(size=224), SCALE)
FILES = Sample((3, None, None), DType.UINT8)


def test_a_random_crop_stands_for_the_sizes_of_evaluation() -> None:
    crop = RandomResizedCrop(size=224)
    assert Pipeline.of((crop, FLIP), (Grayscale(), *EVALUATION)).changes == (crop, FLIP, Grayscale())
    assert Pipeline.of((FLIP,), EVALUATION).changes == (FLIP, *EVALUATION[:2])
    assert Pipeline.of((), EVALUATION).changes == EVALUATION[:2]


def test_what_is_done_once_and_what_by_the_batch() -> None:
    training = Pipeline.of((Resize(size=256), RandomCrop(size=224), FLIP), EVALUATION)
    assert training.settled == 1 and training.sizing(FILES) == 2
    evaluation = Pipeline.of((), EVALUATION)
    assert evaluation.settled == evaluation.sizing(FILES) == 2
    assert largest_bytes(evaluation.changes, FILES) == 3 * 224 * 224
    assert largest_bytes(training.changes[:1], FILES) is None
    assert Pipeline.of((FLIP,), ()).sizing(Sample((3, 32, 32), DType.UINT8)) == 0


@pytest.mark.parametrize(
    ("listed", "steps", "said"),
    [
        ((RandomCrop(size=200),), EVALUATION, "in training the sample becomes float32 \\[3, 200, 200\\], the input is"),
        ((FLIP,), (Resize(size=256), TenCrop(size=224), SCALE), "no use for 10 views of a sample; a random crop"),
        ((Mixup(),), (Resize(size=(224, 224)),), "in training the sample becomes uint8"),
        ((RandomCrop(size=300),), (Resize(size=(224, 224)), SCALE), "the sample becomes float32 \\[3, 300, 300\\]"),
    ],
)
def test_training_must_make_the_input_too(listed: tuple, steps: tuple, said: str) -> None:
    with pytest.raises(StepError, match=said):
        check_training(listed, steps, INPUT, STORED)


def test_training_that_fits() -> None:
    check_training((RandomResizedCrop(size=224), Mixup()), (Resize(size=256), TenCrop(size=224), SCALE), INPUT, STORED)
    check_training((FLIP,), EVALUATION, INPUT, STORED)
    check_training(
        (RandomCrop(size=32, padding=4),), (SCALE,), TensorType((3, 32, 32)), TensorType((3, 32, 32), DType.UINT8)
    )
    with pytest.raises(StepError, match="`random_crop` to 42 x 42 is larger than the image"):
        check_training(
            (RandomCrop(size=42, padding=4),), (SCALE,), TensorType((3, 42, 42)), TensorType((3, 32, 32), DType.UINT8)
        )
    with pytest.raises(StepError, match="takes images of three channels, got uint8 \\[1, 4, 4\\]"):
        check_training(
            (ColorJitter(hue=(0.1, 0.2)),), (SCALE,), TensorType((1, 4, 4)), TensorType((1, 4, 4), DType.UINT8)
        )
    with pytest.raises(StepError, match="`random_horizontal_flip` works on images"):
        check_training((FLIP,), (), TensorType((4,)), TensorType((4,)))
    with pytest.raises(StepError, match="`cutmix` pastes into images"):
        check_training((CutMix(),), (), TensorType((4,)), TensorType((4,)))


def bound(text: str) -> tuple[dict, list[str]]:
    report = Report()
    found = bind_augment(read(Source("a.yaml", text)), ["image", "other", "third"], report)
    return found, [f"{each.code}: {each.message}" for each in report]


def test_lists_are_read_in_order() -> None:
    text = "{image: [{resize: 256}, {random_crop: {size: 224}}, random_horizontal_flip, {affine: 15}, mixup]}"
    found, said = bound(text)
    assert not said and [each.name for each in found["image"]] == [
        "resize", "random_crop", "random_horizontal_flip", "affine", "mixup",
    ]  # fmt: skip
    assert found["image"][3].degrees == (-15, 15)
    assert bound("{image: elastic}")[0]["image"][0].alpha == 34


def test_two_mixed_inputs_are_one_mistake() -> None:
    assert bound("{image: mixup, other: cutmix, third: elastic}")[1] == [
        "bad-training: samples are mixed in one input only"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "wrong-type: `augment` is a mapping from inputs to lists"),
        ("{picture: mixup}", "unknown-name: no input is called `picture`"),
        ("{image: [random_flip]}", "unknown-training: no augmentation is called `random_flip`"),
        ("{image: [{scale: 2}]}", "unknown-training: no augmentation is called `scale`"),
        ("{image: [[]]}", "wrong-type: an augmentation is a name"),
        ("{image: [{random_crop: 0}]}", "wrong-value: `size` of the augmentation random_crop: expected"),
        ("{image: [random_affine]}", "missing-key: the augmentation random_affine needs `degrees`"),
        ("{image: [{random_affine: 181}]}", "wrong-value: `degrees` of the augmentation random_affine"),
        ("{image: [{random_affine: {degrees: [3, 1]}}]}", "wrong-value: `degrees`"),
        ("{image: [{random_resized_crop: {size: 3, scale: [0, 1]}}]}", "wrong-value: `scale`"),
        ("{image: [{color_jitter: {hue: 0.6}}]}", "wrong-value: `hue`"),
        ("{image: [{color_jitter: {brigthness: 1}}]}", "unknown-key: the augmentation color_jitter has no attribute"),
        ("{image: [{pca_noise: {eigenvectors: [[1, 2, 3]]}}]}", "wrong-type: `eigenvectors`"),
        ("{image: [{mixup: nan}]}", "wrong-type: `alpha`"),
        ("{image: mixup, other: cutmix}", "bad-training: samples are mixed in one input only"),
    ],
)
def test_mistakes(text: str, said: str) -> None:
    assert any(message.startswith(said) for message in bound(text)[1]), bound(text)[1]


def test_every_augmentation_survives_json() -> None:
    needed = {
        "random_crop": {"size": 3},
        "random_resized_crop": {"size": 3},
        "random_affine": {"degrees": 3},
        "affine": {"degrees": 3},
    }
    for name, model in AUGMENTATIONS.items():
        one = model.model_validate(needed.get(name, {}))
        assert model.model_validate(json.loads(json.dumps(one.model_dump(mode="json")))) == one
        assert model.__doc__ and name == model.name
