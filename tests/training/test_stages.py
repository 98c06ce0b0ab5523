"""Stages: networks of other arguments on one set of named parameters, and what is carried from one to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from netspec.backends.torch import build
from netspec.compiler import Spec, compile_source
from netspec.diagnostics import DataError, Report, Source
from netspec.training.planner import plan
from netspec.training.run import planned, train
from tests.training.specs import write_idx

STACKED = """\
netspec: 1
name: stacked
args: {depth: {type: int, default: 3, choices: [1, 2, 3]}}
inputs: {x: {shape: [5], preprocess: [{scale: =1/255}]}}
layers:
  - {name: enc1, linear: 4}
  - sigmoid
  - {name: enc2, when: =depth > 1, linear: 3}
  - {when: =depth > 1, sigmoid}
  - {name: enc3, when: =depth > 2, linear: 2}
  - {when: =depth > 2, sigmoid}
  - {name: dec3, when: =depth > 2, linear: 3}
  - {when: =depth > 2, sigmoid}
  - {name: dec2, when: =depth > 1, linear: 4}
  - {when: =depth > 1, sigmoid}
  - {name: dec1, linear: 5}
train:
  data: {idx: {images: vectors, labels: labels, fields: {x: image}}}
  batch_size: 10
  loss: {mse_loss: {target: x}}
  optimizer: {adam: 0.01}
  epochs: 2
  stages:
"""
STAGES = """\
    - {set: {depth: 1}, expect: {params: 49, trainable: 49}}
    - {set: {depth: 2}, train_only: [enc2, dec2], expect: {params: 80, trainable: 31}}
    - {set: {depth: 3}, train_only: [enc3, dec3], expect: {params: 97, trainable: 17}}
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write_idx(tmp_path / "vectors", rng.integers(0, 256, (40, 5)))
    write_idx(tmp_path / "labels", rng.integers(0, 3, 40))


def spec_of(stages: str, folder: Path) -> Spec:
    text = STACKED + stages
    (folder / "stacked.yaml").write_text(text)
    return compile_source(Source(str(folder / "stacked.yaml"), text))


def complaints(stages: str, folder: Path) -> list[str]:
    report = Report()
    found = plan(spec_of(stages, folder), report)
    assert (found is None) == report.has_errors
    return [f"{each.span.line}:{each.span.column} {each.code}: {each.message}" for each in report if each.span]


def test_the_lectures_stages_are_49_80_and_97(tmp_path: Path) -> None:
    report = Report()
    found = plan(spec_of(STAGES, tmp_path), report)
    assert not len(report) and found is not None
    assert [stage.name for stage in found.stages] == ["stage1", "stage2", "stage3"]
    sizes = [{key: shape for key, shape in stage.carry.shapes.items()} for stage in found.stages]
    assert [sum(int(np.prod(shape)) for shape in each.values()) for each in sizes] == [49, 80, 97]
    first, second, third = (stage.carry for stage in found.stages)
    assert first.carried == () and len(first.new) == 4
    assert set(second.carried) == {"enc1.weight", "enc1.bias", "dec1.weight", "dec1.bias"}
    assert set(third.new) == {"enc3.weight", "enc3.bias", "dec3.weight", "dec3.bias"}
    assert set(found.stages[1].trained.keys) == {"enc2.weight", "enc2.bias", "dec2.weight", "dec2.bias"}


def test_parameters_go_from_stage_to_stage_and_frozen_ones_stay(tmp_path: Path) -> None:
    run = train(spec_of(STAGES, tmp_path), directory=tmp_path / "run", threads=1)
    first, second = (load_file(run.directory / "stages" / f"stage{n}" / "last.safetensors") for n in (1, 2))
    last = load_file(run.last)
    for key in ("enc1.weight", "enc1.bias", "dec1.weight", "dec1.bias"):
        assert torch.equal(first[key], second[key]) and torch.equal(first[key], last[key])
    for key in ("enc2.weight", "dec2.bias"):
        assert torch.equal(second[key], last[key])
    assert len(first) == 4 and len(second) == 8 and len(last) == 12
    assert [(row["stage"], row["epoch"]) for row in run.history] == [
        (f"stage{number}", epoch) for number in (1, 2, 3) for epoch in (1, 2)
    ]


def test_what_is_kept_for_later_comes_back(tmp_path: Path) -> None:
    """The first decoder is not there in the middle stage, and is what it was in the last one."""
    stages = """\
    - {name: wide, set: {depth: 2}}
    - {name: narrow, set: {depth: 1}, train_only: enc1}
    - {name: again, set: {depth: 2}, train_only: enc1, steps: 1, reset: [enc2.bias], optimizer: {sgd: 0}}
"""
    run = train(spec_of(stages, tmp_path), directory=tmp_path / "run", threads=1)
    wide, narrow = (load_file(run.directory / "stages" / name / "last.safetensors") for name in ("wide", "narrow"))
    again = load_file(run.last)
    assert torch.equal(again["enc2.weight"], wide["enc2.weight"]) and "enc2.weight" not in narrow
    assert torch.equal(again["enc1.weight"], narrow["enc1.weight"])
    assert not torch.equal(narrow["enc1.weight"], wide["enc1.weight"])
    assert not torch.equal(again["enc2.bias"], wide["enc2.bias"])


def test_a_stage_runs_what_its_losses_and_metrics_read_and_nothing_else(tmp_path: Path) -> None:
    stages = "    - {set: {depth: 2}, loss: {mse_loss: {output: dec2, target: enc1}}}\n"
    spec = spec_of(stages, tmp_path)
    (stage,) = planned(spec).stages
    module, called = build(stage.graph), list[str]()
    for path, layer in module.named_modules():
        layer.register_forward_hook(lambda *_, path=path: called.append(path))
    module(torch.rand(2, 5))
    assert called == ["enc1", "1", "enc2", "3", "dec2", ""]
    run = train(spec, directory=tmp_path / "run")
    assert {"dec1.weight", "dec1.bias"} <= load_file(run.weights).keys() == build(stage.spec.graph).state_dict().keys()


def test_the_run_is_the_network_of_its_last_stage(tmp_path: Path) -> None:
    import netspec

    stages = "    - {set: {depth: 3}}\n    - {set: {depth: 2}, train_only: [enc2]}\n"
    run = train(spec_of(stages, tmp_path), directory=tmp_path / "run", threads=1)
    assert set(load_file(run.weights)) == {f"{name}.{kind}" for name in ("enc1", "enc2", "dec2", "dec1") for kind in
                                           ("weight", "bias")}  # fmt: skip
    copy = netspec.load(run.directory / "spec.yaml")
    assert copy.settings == ("depth=2",)
    module = netspec.build(copy)
    assert set(module.state_dict()) == set(load_file(run.weights))


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        ("    - {set: {depht: 1}}\n", "24:14 unknown-name: the spec has no argument `depht`"),
        ("    - {set: {depth: 7}}\n", "24:21 wrong-value"),
        ("    - {sett: {depth: 1}}\n", "24:8 unknown-key: `sett` is no key of a stage"),
        ("    - {seed: 3}\n", "24:8 unknown-key: `seed` belongs to the whole run"),
        ("    - {train_only: [enc4]}\n", "24:21 unknown-name"),
        ("    - {expect: {params: 98}}\n", "24:25 expect: `params` is 97, expected 98"),
        ("    - {train_only: enc1, expect: {trainable: 25}}\n", "24:46 expect: `trainable` is 24, expected 25"),
        ("    - {name: a}\n    - {name: a}\n", "25:7 duplicate-name: two stages are called `a`"),
        ("    - {name: a b}\n", "24:14 bad-name"),
        ("    - {train_only: [enc1], freeze: [dec1]}\n", "24:8 bad-training"),
        ("    - {freeze: ['*']}\n", "21:14 bad-training: nothing is left to train: every parameter is frozen"),
        ("    []\n", "24:5 wrong-value"),
        ("    - {early_stopping: {patience: 2}}\n", "24:8 bad-training: `early_stopping` needs validation data"),
        ("    - {batch_size: 0}\n", "24:20 wrong-value"),
    ],
)
def test_one_mistake(tmp_path: Path, stages: str, complaint: str) -> None:
    found = complaints(stages, tmp_path)
    assert len(found) == 1 and found[0].startswith(complaint)


def test_of_other_arguments_a_stage_expects_nothing(tmp_path: Path) -> None:
    import netspec

    text = STACKED + "    - {expect: {params: 97}}\n    - {set: {depth: 1}, expect: {params: 50}}\n"
    (tmp_path / "stacked.yaml").write_text(text)
    for depth, said in ((3, ["`params` is 49, expected 50"]), (2, ["`params` is 49, expected 50"])):
        found = netspec.api.check(tmp_path / "stacked.yaml", settings=[f"depth={depth}"]).diagnostics
        assert [each.message for each in found if each.is_error] == said


LABELLED = """\
netspec: 1
name: labelled
inputs: {x: {shape: [5]}}
layers: [{name: code, linear: 5}, {name: classes, linear: 2}]
outputs: {code: code, classes: classes}
train:
  data: {arrays: {file: labelled.npz}}
  validation: 0.25
  optimizer: sgd
  steps: 1
  stages:
    - {loss: {mse_loss: {output: code, target: x}}}
    - {loss: {cross_entropy: {output: classes, target: y}}}
"""


def test_labels_of_every_stage_are_checked_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "labelled.yaml").write_text(LABELLED)
    np.savez(tmp_path / "labelled.npz", x=np.zeros((4, 5), np.float32), y=np.array([0, 1, 1, 2]))
    spec = compile_source(Source(str(tmp_path / "labelled.yaml"), LABELLED))
    with pytest.raises(DataError, match=r"sample 3 \(from 0\) has the label 2 in `y`, expected 0 to 1"):
        train(spec, directory=tmp_path / "run", threads=1)
    assert not list(tmp_path.rglob("*.safetensors"))


WIDE = """\
netspec: 1
args: {width: 3}
inputs: {x: {shape: [5], preprocess: [{scale: 1}]}}
layers: [{name: a, linear: =width}, {name: b, linear: 5}]
train:
  data: {idx: {images: vectors, labels: labels, fields: {x: image}}}
  loss: {mse_loss: {target: x}}
  optimizer: sgd
  steps: 1
  stages: [{}, {set: {width: 4}, reset: RESET}]
"""


def test_a_changed_shape_must_be_reset(tmp_path: Path) -> None:
    def found(reset: str) -> list[str]:
        report = Report()
        text = WIDE.replace("RESET", reset)
        (tmp_path / "wide.yaml").write_text(text)
        plan(compile_source(Source(str(tmp_path / "wide.yaml"), text)), report)
        return [each.message for each in report]

    assert found("[a, b.weight]") == []
    assert found("[a]") == ["`b.weight` is [5, 4] in this stage, and [5, 3] in the one before"]
    assert len(found("none")) == 3
