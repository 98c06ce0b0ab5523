"""Whole exports by the `export` section, run by ONNX Runtime and by the predictor, against torch and numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from safetensors.torch import save_file

import netspec
from netspec.backends.onnx.float16 import to_float16
from netspec.deploy import finish
from netspec.diagnostics import DataError, ModelError, SpecError
from netspec.runtime.predictor import Predictor
from tests.training.specs import write_data

HEAD = """\
netspec: 1
name: small
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}]}
vocabs: {sides: [left, middle, right]}
layers:
  - {name: conv, conv: {out_channels: 4, kernel_size: 3}}
  - {name: act, relu}
  - flatten
  - {name: fc, linear: 3}
"""
DATA = "{idx: {images: images, labels: labels, classes: 3}}"
TRAIN = f"""\
train:
  data: {DATA}
  validation: 0.25
  loss: cross_entropy
  optimizer: {{adamw: 0.01}}
  epochs: 30
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and the weights of a network that tells the three classes."""
    folder = tmp_path_factory.mktemp("trained")
    write_data(folder, 256)
    (folder / "net.yaml").write_text(HEAD + TRAIN)
    netspec.train(folder / "net.yaml", directory=folder / "run", device="cpu")
    return folder


def export(folder: Path, section: str, name: str = "net.onnx", train: str = TRAIN, **options: Any) -> Any:
    (folder / "spec.yaml").write_text(HEAD + train + (f"export: {{{section}}}\n" if section else ""))
    return netspec.export_onnx(folder / "spec.yaml", folder / name, weights=folder / "run/best.safetensors", **options)


def logits(folder: Path, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    from netspec.training.weights import load_into

    spec = netspec.load(folder / "net.yaml")
    module = netspec.build(spec, initialize=False)
    load_into(module, spec.graph, folder / "run/best.safetensors")
    pixels = (torch.from_numpy(images).float() / 255 - 0.5) / 0.25
    result: np.ndarray[Any, Any] = module.eval()(pixels).detach().numpy()
    return result


def images(count: int = 5) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(0, 256, (count, 1, 6, 6), dtype=np.uint8)


def test_a_file_that_prepares_decides_and_names(trained: Path) -> None:
    report = export(trained, "preprocess: true, after: {fc: [softmax, {top_k: 2}]}, labels: {fc: sides}")
    session = ort.InferenceSession(report.path)
    assert session.get_inputs()[0].type == "tensor(uint8)"
    expected = torch.from_numpy(logits(trained, images())).softmax(1).topk(2)
    values, indices = session.run(["fc.values", "fc.indices"], {"image": images()})
    np.testing.assert_allclose(values, expected.values, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(indices, expected.indices)
    predictor = Predictor(report.path)
    assert predictor.labels == ("left", "middle", "right")
    found = predictor.classify(images())
    assert [[each.label for each in best] for best in found] == [
        [("left", "middle", "right")[i] for i in row] for row in expected.indices
    ]
    assert found[0][0].probability == pytest.approx(float(expected.values[0, 0]), rel=1e-4)


def test_a_plain_file_and_one_with_everything_inside_agree(trained: Path) -> None:
    plain = Predictor(export(trained, "", "plain.onnx").path).classify(images())
    inside = Predictor(export(trained, "preprocess: true, after: {fc: softmax}", "inside.onnx").path).classify(images())
    for one, other in zip(plain, inside, strict=True):
        assert [each.label for each in one] == [each.label for each in other]
        np.testing.assert_allclose([e.probability for e in one], [e.probability for e in other], rtol=1e-4)


def test_argmax_gives_the_class_alone(trained: Path) -> None:
    predictor = Predictor(export(trained, "after: {fc: argmax}").path)
    best = predictor.classify(images())
    assert [each[0].label for each in best] == [str(i) for i in logits(trained, images()).argmax(1)]
    assert best[0][0].probability is None


def test_parts_are_files_of_their_own(trained: Path) -> None:
    section = "graphs: {trunk: {outputs: act}, head: {inputs: act}, whole: {}}, after: {fc: softmax}"
    report = export(trained, section, "parts.onnx")
    paths = [each.path.name for each in (report, *report.others)]
    assert paths == ["parts.trunk.onnx", "parts.head.onnx", "parts.whole.onnx"]
    x = np.random.default_rng(0).standard_normal((3, 1, 6, 6)).astype(np.float32)
    sessions = {each.path.name.split(".")[1]: ort.InferenceSession(each.path) for each in (report, *report.others)}
    (between,) = sessions["trunk"].run(None, {"image": x})
    assert sessions["head"].get_inputs()[0].name == "act"
    np.testing.assert_allclose(
        sessions["head"].run(["fc"], {"act": between})[0], sessions["whole"].run(["fc"], {"image": x})[0], atol=1e-6
    )
    assert {each.name for each in onnx.load(report.path).graph.initializer} == {"conv.weight", "conv.bias"}


def test_fixed_axes_are_numbers_and_the_predictor_fills_batches(trained: Path) -> None:
    report = export(trained, "fixed: {batch: 2}")
    assert ort.InferenceSession(report.path).get_inputs()[0].shape == [2, 1, 6, 6]
    assert [each.batch for each in report.differences] == [2]
    predictor = Predictor(report.path)
    found = predictor.predict(predictor.prepare(images(5)))["fc"]
    np.testing.assert_allclose(found, logits(trained, images(5)), rtol=1e-4, atol=1e-5)


def test_float16_is_half_as_large(trained: Path) -> None:
    plain, half = export(trained, "", "plain.onnx"), export(trained, "precision: float16", "half.onnx")
    weights = [sum(len(t.raw_data) for t in onnx.load(each.path).graph.initializer) for each in (plain, half)]
    assert weights[1] < 0.6 * weights[0]
    assert 0 < half.facts["float16_max_abs_diff"] < 0.1
    predictor = Predictor(half.path)
    found = predictor.predict(predictor.prepare(images()))["fc"]
    np.testing.assert_allclose(found, logits(trained, images()), rtol=2e-2, atol=2e-2)


def test_int8_keeps_the_accuracy_and_says_so(trained: Path) -> None:
    report = export(trained, "preprocess: true, precision: {int8: {samples: 64}}", "int8.onnx")
    gate = report.facts["int8"]
    assert gate["metric"] == "accuracy" and (gate["samples"], gate["calibrated_on"]) == (64, 64)
    assert gate["float32"] > 0.95 and gate["int8"] >= gate["float32"] - 0.01
    said = {each.key: each.value for each in onnx.load(report.path).metadata_props}
    assert json.loads(said["netspec.int8"]) == gate and said["netspec.precision"] == "int8"
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(report.path).graph.node}
    found = Predictor(report.path).classify(images())
    assert [each[0].label for each in found] == [str(i) for i in logits(trained, images()).argmax(1)]


def test_int8_without_a_train_section_is_held_to_accuracy(trained: Path) -> None:
    report = export(trained, f"precision: {{int8: {{calibrate: {DATA}, samples: 100, held_out: 50}}}}", train="")
    assert (report.facts["int8"]["samples"], report.facts["int8"]["calibrated_on"]) == (50, 100)


def test_int8_by_the_flag_alone(trained: Path) -> None:
    assert export(trained, "", precision="int8").facts["int8"]["calibrated_on"] == 192


def test_an_int8_that_costs_too_much_fails_and_leaves_the_file(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = trained / "gate.onnx"
    target.write_bytes(b"what stood here")
    right = finish.quantize

    def ruined(model: onnx.ModelProto, batches: Any) -> onnx.ModelProto:
        found = right(model, batches)
        for tensor in found.graph.initializer:
            if tensor.data_type == onnx.TensorProto.INT8:
                tensor.raw_data = bytes(len(tensor.raw_data))
        return found

    monkeypatch.setattr(finish, "quantize", ruined)
    before = set(trained.iterdir())
    with pytest.raises(ModelError) as caught:
        export(trained, "precision: int8", "gate.onnx")
    (found,) = caught.value.diagnostics
    assert found.code == "parity" and "accuracy of 64 samples is" in found.message and "limit is 0.01" in found.message
    assert target.read_bytes() == b"what stood here" and {*trained.iterdir()} - before <= {trained / "spec.yaml"}


def test_a_float16_beyond_the_tolerance_fails(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="in float16 differs from float32"):
        export(trained, "precision: float16, tolerance: {atol: 1e-7, rtol: 1e-7}", "strict.onnx")
    assert not (trained / "strict.onnx").exists()


def test_steps_put_in_wrongly_are_found(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = finish.put_before

    def wrong(model: onnx.ModelProto, name: str, steps: Any, *others: Any) -> None:
        right(model, name, steps[:1], *others)

    monkeypatch.setattr(finish, "put_before", wrong)
    with pytest.raises(ModelError, match="differs from what the parts of the file give"):
        export(trained, "preprocess: true", "wrong.onnx")
    assert not (trained / "wrong.onnx").exists()


def test_too_few_samples_for_a_fixed_batch(trained: Path) -> None:
    with pytest.raises(DataError, match="do not fill one batch of 500"):
        export(trained, "precision: int8, fixed: {batch: 500}", "few.onnx")


WORDS = """\
netspec: 1
inputs: {tokens: {shape: [T], dtype: int64, below: words}}
vocabs: {words: {file: words.txt, size: 4}}
layers:
  - {name: embed, embedding: 3}
  - {name: fc, linear: 4}
export: {tables: {vectors.txt: embed.weight}, labels: {fc: words}}
"""


def test_word_vectors_are_read_back_bit_by_bit(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(WORDS)
    (tmp_path / "words.txt").write_text("the\nof\nkönig\n</s>\n", "utf-8")
    weight = torch.randn(4, 3)
    save_file(
        {"embed.weight": weight, "fc.weight": torch.zeros(4, 3), "fc.bias": torch.zeros(4)}, tmp_path / "w.safetensors"
    )
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx", weights=tmp_path / "w.safetensors")
    first, *lines = (tmp_path / "vectors.txt").read_text("utf-8").splitlines()
    assert first == "4 3" and [line.split()[0] for line in lines] == ["the", "of", "könig", "</s>"]
    read = np.array([line.split()[1:] for line in lines], np.float32)
    np.testing.assert_array_equal(read, weight.numpy())
    assert Predictor(report.path).labels == ("the", "of", "könig", "</s>")


@pytest.mark.parametrize(
    ("content", "part"),
    [("a\nb\nc\n", "3 entries"), ("a\nb\nb\nd\n", "there twice"), ("a\nb c\nd\ne\n", "is empty or has a blank")],
)
def test_vocabularies_that_no_table_can_have(tmp_path: Path, content: str, part: str) -> None:
    (tmp_path / "net.yaml").write_text(WORDS)
    (tmp_path / "words.txt").write_text(content)
    with pytest.raises(DataError, match=part):
        netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")


def test_a_ctc_network_gives_texts(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "netspec: 1\ninputs: {x: [T, 3]}\nvocabs: {letters: [-, a, b]}\nlayers: [{name: out, identity}]\n"
        "export: {after: {out: ctc_decode}, labels: {out: letters}}\n"
    )
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")
    predictor = Predictor(report.path)
    assert predictor.is_text
    x = np.eye(3, dtype=np.float32)[[0, 1, 1, 0, 1, 2]]
    assert predictor.read([x]) == [["a", "a", "b"]]
    with pytest.raises(ModelError, match="is a decoded text"):
        predictor.classify([x])


def test_float16_of_a_model_is_what_is_written(trained: Path) -> None:
    plain, half = export(trained, "", "plain.onnx"), export(trained, "precision: float16", "half.onnx")
    expected = to_float16(onnx.load(plain.path)).graph
    assert [node.op_type for node in onnx.load(half.path).graph.node] == [node.op_type for node in expected.node]


STEPS = """\
netspec: 1
inputs: {x: [T, 5]}
layers:
  - {name: a, linear: 6}
  - {name: l, lstm: 7}
  - {name: g, gru: 4}
  - {name: out, linear: 3}
"""


def stepped(path: Path, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The step file run once a position, with the states that it gave the time before."""
    session = ort.InferenceSession(path)
    states = json.loads(session.get_modelmeta().custom_metadata_map["netspec.states"])
    shapes = {each.name: each.shape[1:] for each in session.get_inputs()}
    now = {name: np.zeros((len(x), *shapes[name]), np.float32) for name in states}
    found = []
    for position in range(x.shape[1]):
        results = session.run(["out", *states.values()], {"x": x[:, position : position + 1], **now})
        found.append(results[0])
        now = dict(zip(states, results[1:], strict=True))
    return np.concatenate(found, axis=1)


def test_one_step_run_along_the_axis_is_the_whole(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(STEPS + "export: {graphs: {whole: {}, step: {step: l}}}\n")
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")
    assert [each.path.name for each in (report, *report.others)] == ["net.whole.onnx", "net.step.onnx"]
    x = np.random.default_rng(0).standard_normal((2, 6, 5)).astype(np.float32)
    (whole,) = ort.InferenceSession(report.path).run(["out"], {"x": x})
    np.testing.assert_allclose(stepped(tmp_path / "net.step.onnx", x), whole, atol=1e-5)


def test_one_step_by_the_flag(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(STEPS)
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "one.onnx", step=True)
    x = np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)
    assert stepped(report.path, x).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (STEPS.replace("lstm: 7", "lstm: {hidden_size: 7, bidirectional: true}"), "there is no step along T"),
        (STEPS.replace("[T, 5]", "[9, 5]"), "runs along an axis of 9 positions"),
        ("netspec: 1\ninputs: {x: [5]}\nlayers: [{linear: 3}]\n", "no layer is recurrent"),
    ],
)
def test_networks_without_a_step(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "net.yaml").write_text(text)
    with pytest.raises(SpecError, match=part):
        netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx", step=True)


def test_steps_that_a_section_asks_for_wrongly(tmp_path: Path) -> None:
    for graph, part in (("{step: a}", "`a` is no recurrent layer"), ("{step: l, outputs: out}", "does not go with")):
        (tmp_path / "net.yaml").write_text(STEPS + f"export: {{graphs: {{one: {graph}}}}}\n")
        assert part in netspec.check(tmp_path / "net.yaml").diagnostics[0].message
