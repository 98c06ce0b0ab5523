"""The predictor against onnxruntime itself, Pillow's pixels, and a fake onnxruntime for the devices we do not have."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build
from netspec.compiler import load
from netspec.diagnostics import DataError, ModelError, UnavailableError
from netspec.runtime import session as session_module
from netspec.runtime.inputs import read_samples
from netspec.runtime.latency import measure, measure_all
from netspec.runtime.predictor import Predictor, softmax

STEPS = [{"scale": 1 / 255}, {"normalize": {"mean": [0.1307], "std": [0.3081]}}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.onnx"
    graph = load("mnist_convnet").graph
    metadata = {
        "netspec.labels": json.dumps(list("abcdefghij")),
        "netspec.preprocess": json.dumps({"image": STEPS}),
        "netspec.activation": "softmax",
    }
    export_onnx(graph, build(graph), path, metadata=metadata)
    return path


def digit(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)


def test_classes_are_those_of_onnxruntime_on_preprocessed_pixels(model: Path) -> None:
    images = np.stack([digit(0), digit(1)])[:, None]
    wanted = ((images / 255 - 0.1307) / 0.3081).astype(np.float32)
    logits = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, {"image": wanted})[0]
    found = Predictor(model).classify(images, top_k=10)
    for row, classes in zip(logits, found, strict=True):
        exact = np.exp(row.astype(np.float64)) / np.exp(row.astype(np.float64)).sum()
        assert [each.label for each in classes] == ["abcdefghij"[i] for i in np.argsort(-row)]
        np.testing.assert_allclose([each.probability for each in classes], np.sort(exact)[::-1], rtol=1e-4)


def test_softmax_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]])), [[0.5, 0.5, 0.0]])


@pytest.mark.parametrize("name", ["digit.png", "digit.jpg"])
def test_images_are_read_as_pillow_reads_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(digit()).save(path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read_samples(str(path), (1, 28, 28))[0, 0], np.asarray(image))


def test_colour_becomes_grey_and_grey_becomes_colour(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (5, 4), (255, 0, 0)).save(path)
    assert read_samples(str(path), (1, 28, 28)).tolist() == [[[[76] * 5] * 4]]  # ITU-R 601: 0.299 * 255
    assert read_samples(str(path), (3, 28, 28))[0, :, 0, 0].tolist() == [255, 0, 0]


def test_transparency_is_black(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (2, 2), (255, 255, 255, 0)).save(path)
    assert not read_samples(str(path), (1, 28, 28)).any()


def test_npy_of_one_or_many(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for shape in [(28, 28), (1, 28, 28), (6, 1, 28, 28)]:
        np.save(path, np.zeros(shape, np.float32))
        assert read_samples(str(path), (1, 28, 28)).shape == (6 if len(shape) == 4 else 1, 1, 28, 28)


def test_an_idx_file_by_index() -> None:
    import netspec

    name = Path(netspec.__file__).parent / "data/mnist/t10k-images-idx3-ubyte.gz"
    assert read_samples(f"{name}[7]", (1, 28, 28)).shape == (1, 1, 28, 28)
    with pytest.raises(DataError, match="there is no 10000"):
        read_samples(f"{name}[10000]", (1, 28, 28))


def corrupt_files(folder: Path) -> dict[str, bytes]:
    whole = folder / "whole.png"
    Image.fromarray(digit()).save(whole)
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "claims.npy", np.zeros(3))
    claims = (folder / "claims.npy").read_bytes().replace(b"(3,)", b"(9999999999,)")
    return {
        "cut.png": whole.read_bytes()[:100],
        "empty.png": b"",
        "text.png": b"hello",
        "objects.npy": (folder / "objects.npy").read_bytes(),
        "claims.npy": claims,
        "empty.npy": b"",
        "cut.npy": (folder / "objects.npy").read_bytes()[:20],
    }


def test_what_cannot_be_read_is_said_with_the_files_name(tmp_path: Path) -> None:
    for name, content in corrupt_files(tmp_path).items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_samples(str(tmp_path / name), (1, 28, 28))
        assert caught.value.diagnostics[0].place == str(tmp_path / name)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (13_000, 13_000)).save(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="13000 x 13000"):
        read_samples(str(path), (1, 28, 28))


def test_another_size_is_refused_with_both_sizes(model: Path) -> None:
    with pytest.raises(DataError, match=r"\[N, 1, 28, 28\], got \[1, 1, 30, 30\]"):
        Predictor(model).classify(np.zeros((1, 1, 30, 30), np.uint8))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Predictor(path)
    assert caught.value.diagnostics[0].code == "model-file"


class FakeSession:
    def __init__(self, providers: list[str]) -> None:
        self._providers = providers

    def get_providers(self) -> list[str]:
        return self._providers


def fake(monkeypatch: pytest.MonkeyPatch, available: list[str], started: list[str]) -> list[list[str]]:
    """An onnxruntime with these providers, of which only `started` come up; the calls that it got."""
    asked: list[list[str]] = []

    def session(path: str, options: object, providers: list[str]) -> FakeSession:
        asked.append(providers)
        return FakeSession([provider for provider in providers if provider in started])

    runtime = SimpleNamespace(
        get_available_providers=lambda: available,
        SessionOptions=lambda: SimpleNamespace(log_severity_level=0),
        InferenceSession=session,
    )
    monkeypatch.setattr(session_module, "ort", runtime)
    return asked


CPU, CUDA = session_module.CPU, session_module.CUDA


def test_cuda_on_a_cpu_build_is_unavailable_with_the_pip_line(model: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        Predictor(model, device="cuda")
    assert caught.value.exit_code == 69
    assert "pip install onnxruntime-gpu" in (caught.value.diagnostics[0].help or "")


def test_a_silent_fallback_to_the_cpu_is_found(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, available=[CUDA, CPU], started=[CPU])
    with pytest.raises(UnavailableError, match="could not be started"):
        session_module.open_session(model, "cuda")


def test_cuda_is_used_where_it_is(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake(monkeypatch, available=[CUDA, CPU], started=[CUDA, CPU])
    assert session_module.open_session(model, "cuda").get_providers() == [CUDA, CPU]
    assert session_module.open_session(model, "auto").get_providers() == [CUDA, CPU]
    assert session_module.open_session(model, "cpu").get_providers() == [CPU]
    assert asked == [[CUDA, CPU], [CUDA, CPU], [CPU]]


def test_latency_is_positive_and_ordered(model: Path) -> None:
    found = measure(Predictor(model), batch_size=4, runs=10)
    assert 0 < found.p50_ms <= found.p90_ms <= found.p99_ms
    assert found.samples_per_second == pytest.approx(4e3 / found.p50_ms)


class Slow(Predictor):
    """A model that takes 20 ms more."""

    def predict(self, batch: Any) -> dict[str, Any]:
        time.sleep(0.02)
        return super().predict(batch)


def test_the_ratio_is_that_of_a_model_to_the_first(model: Path) -> None:
    first, second = measure_all([Predictor(model), Slow(model)], batch_size=1, runs=5)
    assert first.ratio == 1.0 and second.ratio > 1.5 and second.p50_ms > 20


def write_photos(folder: Path) -> list[np.ndarray[Any, Any]]:
    """Three grey photos of different sizes, one of them in a folder of its own."""
    photos = [np.random.default_rng(seed).integers(0, 256, (30 + seed, 34), dtype=np.uint8) for seed in range(3)]
    (folder / "deep").mkdir(parents=True)
    for name, photo in zip(["a.png", "b.png", "deep/c.png"], photos, strict=True):
        Image.fromarray(photo).save(folder / name)
    return photos


@pytest.fixture(scope="module")
def cropping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network, whose images are resized, and looked at in ten views."""
    path = tmp_path_factory.mktemp("model") / "ten.onnx"
    graph = load("mnist_convnet").graph
    steps = [{"resize": 32}, {"ten_crop": 28}, {"scale": 1 / 255}]
    metadata = {
        "netspec.labels": json.dumps(list("abcdefghij")),
        "netspec.preprocess": json.dumps({"image": steps}),
        "netspec.activation": "softmax",
    }
    export_onnx(graph, build(graph), path, metadata=metadata)
    return path


def test_ten_views_are_averaged_as_probabilities(cropping: Path, tmp_path: Path) -> None:
    (photo, *_) = write_photos(tmp_path / "photos")
    resized = np.asarray(Image.fromarray(photo).resize((36, 32), Image.Resampling.BILINEAR))  # 32 * 34 / 30
    corners = [(0, 0), (0, 8), (4, 0), (4, 8), (2, 4)]
    crops = [resized[top : top + 28, left : left + 28] for top, left in corners]
    mirrored = np.fliplr(resized)
    crops += [mirrored[top : top + 28, left : left + 28] for top, left in corners]
    wanted = (np.stack(crops)[:, None] / 255).astype(np.float32)
    session = ort.InferenceSession(str(cropping), providers=["CPUExecutionProvider"])
    mean = softmax(session.run(None, {"image": wanted})[0].astype(np.float64)).mean(axis=0)
    (found,) = Predictor(cropping).classify([photo[None]], top_k=10)
    np.testing.assert_allclose([each.probability for each in found], np.sort(mean)[::-1], rtol=1e-4)
    assert found[0].label == "abcdefghij"[int(mean.argmax())]


def test_a_folder_is_predicted_file_by_file(cropping: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from netspec.cli.program import run as _run

    photos = write_photos(tmp_path / "photos")
    (tmp_path / "photos" / ".hidden").write_text("no image")
    assert _run(["run", str(cropping), str(tmp_path / "photos"), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["input"].removeprefix(f"{tmp_path}/photos/") for row in rows] == ["a.png", "b.png", "deep/c.png"]
    for row, photo in zip(rows, photos, strict=True):
        (alone,) = Predictor(cropping).classify([photo[None]], top_k=3)
        assert [each["label"] for each in row["classes"]] == [each.label for each in alone]


def test_images_are_run_in_batches(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netspec.cli.program import run as _run

    seen: list[int] = []
    predict = Predictor.predict
    monkeypatch.setattr(Predictor, "predict", lambda self, batch: seen.append(len(batch)) or predict(self, batch))
    for number in range(70):
        Image.fromarray(digit(number)).save(tmp_path / f"{number:02}.png")
    assert _run(["run", "--trusted", str(model), str(tmp_path)]) == 0
    assert seen == [64, 6]


def test_a_file_that_is_no_image_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_text("neither")
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path / "x.npy"), (1, 28, 28))
    assert caught.value.diagnostics[0].message == "not an image: neither PNG, JPEG nor BMP"
