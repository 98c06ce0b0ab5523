"""Every mistake of an `export` section has a code, a place and a sentence, and none imports torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import netspec

HEAD = """\
netspec: 1
inputs:
  image: {shape: [1, 28, 28], preprocess: [{scale: =1/255}]}
  bias: [10]
vocabs: {digits: [a, b, c, d, e, f, g, h, i, j], two: [x, y]}
layers:
  - {name: body, from: image, sequence: [flatten, {linear: 32}, relu]}
  - {name: fc, linear: 10}
  - {name: sum, add, from: [fc, bias]}
outputs: {logits: sum}
"""
INT8 = "precision: {int8: {calibrate: {mnist: {}}"


def found(section: str, tmp_path: Path, head: str = HEAD) -> list[tuple[str, int, str]]:
    """Code, line within the section (from 1) and message of each mistake."""
    path = tmp_path / "net.yaml"
    path.write_text(head + "export:\n" + "".join(f"  {line}\n" for line in section.split("\n")))
    first = head.count("\n") + 1
    return [
        (each.code, each.span.line - first if each.span else 0, each.message)
        for each in netspec.check(path).diagnostics
        if each.is_error
    ]


@pytest.mark.parametrize(
    "section",
    [
        "opset: 17\npreprocess: true",
        "after: {logits: softmax}",
        "after: {logits: [softmax, {top_k: 3}]}\nlabels: {logits: digits}",
        "after: {logits: {softmax: {dim: -1}}}",
        "graphs: {trunk: {inputs: [image], outputs: [body]}, head: {inputs: [body, bias]}, whole: {}}",
        "graphs: {trunk: {outputs: body.1}}",
        "fixed: {batch: 3}",
        "precision: float16\ntolerance: {atol: 0, rtol: 0.1}",
        "precision: none\ngraphs: none\nafter: none\nopset: none",
    ],
)
def test_sections_that_are_right(section: str, tmp_path: Path) -> None:
    assert found(section, tmp_path) == []


@pytest.mark.parametrize(
    ("section", "code", "part"),
    [
        ("opsets: 20", "unknown-key", "no key `opsets`"),
        ("opset: 12", "wrong-value", "from 17 to 22"),
        ("preprocess: 1", "wrong-type", "preprocess"),
        ("after: {logit: softmax}", "unknown-name", "no output is called `logit`"),
        ("after: {logits: soft_max}", "unknown-key", "called `soft_max`"),
        ("after: {logits: [argmax, softmax]}", "bad-export", "nothing can follow argmax"),
        ("after: {logits: {top_k: 11}}", "bad-export", "top_k takes 11 of 10 classes"),
        ("after: {logits: {top_k: 0}}", "wrong-value", "positive integer"),
        ("after: {logits: top_k}", "missing-key", "top_k needs `k`"),
        ("after: {logits: ctc_decode}", "bad-export", "ctc_decode takes [steps, classes], got [10]"),
        ("after: {logits: {softmax: {dim: 2}}}", "bad-export", "there is no axis 2"),
        ("after: [softmax]", "wrong-type", "`after` is a mapping"),
        ("labels: {logits: two}", "bad-export", "`two` has 2 entries, `logits` has 10 classes"),
        ("labels: {logits: words}", "unknown-name", "no vocabulary is called `words`"),
        ("fixed: {T: 3}", "unknown-name", "no axis is called `T`"),
        ("fixed: {batch: 0}", "wrong-value", "positive integer, got 0"),
        ("precision: int4", "wrong-value", "`precision` is float32, float16"),
        ("precision: {float16: {bits: 3}}", "wrong-type", "float16 takes no argument"),
        ("precision: int8", "missing-key", "int8 needs `calibrate`"),
        ("precision: {int8: {calibrate: {mnst: {}}}}", "unknown-training", "no reader is called `mnst`"),
        (INT8 + ", samples: 0}}", "wrong-value", "`samples` of int8"),
        (INT8 + "}}", "bad-training", "no field of the data fills the input `bias`"),
        ("tolerance: {atol: -1}", "wrong-value", "`atol`"),
        ("graphs: {a: {inputs: [image], outputs: [nothing]}}", "unknown-name", "no layer is called `nothing`"),
        ("graphs: {a: {inputs: [image], outputs: [fc, fc]}}", "duplicate-name", "`fc` stands twice"),
        ("graphs: {a: {inputs: [image]}}", "bad-export", "the graph `a`: the input `bias` is needed too"),
        ("graphs: {a: {inputs: [bias, image], outputs: fc}}", "bad-export", "`bias` is not needed"),
        ("graphs: {a: {inputs: [body.1, bias]}}", "bad-export", "`body.1` lies inside of a group"),
        ("graphs: {../a: {}}", "bad-name", "../a"),
        ("graphs: {a: {in: [image]}}", "unknown-key", "no key `in`"),
        ("tables: {x.txt: fc.wight}", "unknown-name", "no parameter is called `fc.wight`"),
        ("tables: {../x.txt: fc.weight}", "wrong-value", "a file beside the model"),
        ("tables: {x.txt: fc.bias}", "bad-export", "a table has a row for each word"),
        ("tables: {x.txt: body.1.weight}", "bad-export", "no vocabulary of the spec tells their words"),
    ],
)
def test_mistakes_have_codes_and_places(section: str, code: str, part: str, tmp_path: Path) -> None:
    ((said, line, message),) = found(section, tmp_path)
    assert said == code and part in message and line == 1


def test_a_size_that_a_layer_cannot_take(tmp_path: Path) -> None:
    head = "netspec: 1\ninputs: {x: [3, H, W]}\nlayers: [{conv: {out_channels: 4, kernel_size: 5}}]\n"
    assert found("fixed: {H: 5}", tmp_path, head) == []
    ((code, _, message),) = found("fixed: {H: 4, W: 9}", tmp_path, head)
    assert code == "bad-export" and message == "not every layer takes H = 4, W = 9"


def test_steps_that_cannot_be_exact(tmp_path: Path) -> None:
    head = HEAD.replace("[{scale: =1/255}]", "[{resize: {size: [28, 28], interpolation: lanczos}}, {scale: =1/255}]")
    ((code, _, message),) = found("preprocess: true", tmp_path, head)
    assert code == "bad-export" and "`resize` by lanczos cannot be computed exactly" in message
    bare = HEAD.replace(", preprocess: [{scale: =1/255}]", "")
    ((code, _, message),) = found("preprocess: true", tmp_path, bare)
    assert code == "bad-export" and message.startswith("no input has `preprocess` steps")


def test_int8_of_data_without_a_metric(tmp_path: Path) -> None:
    x = "image: {shape: [1, 28, 28], preprocess: [{scale: 0.1}]}"
    head = f"netspec: 1\ninputs: {{{x}}}\nlayers: [flatten, {{linear: 9}}]\n"
    ((code, _, message),) = found("precision: {int8: {calibrate: {mnist: {}}}}", tmp_path, head)
    assert code == "bad-export" and message.startswith("int8 is held to a metric")


def test_a_check_imports_neither_torch_nor_numpy(tmp_path: Path) -> None:
    head = (
        HEAD.replace("  bias: [10]\n", "").replace("  - {name: sum, add, from: [fc, bias]}\n", "").replace("sum", "fc")
    )
    section = "preprocess: true\nafter: {logits: {top_k: 3}}\nprecision: {int8: {calibrate: {mnist: {}}}}\n"
    section += "graphs: {trunk: {outputs: [body]}, whole: {}}"
    assert found(section, tmp_path, head) == []
    code = f"import netspec, sys; assert netspec.check({str(tmp_path / 'net.yaml')!r}).ok; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "onnx", "onnxruntime", "PIL"} & set(done.stdout.split())
