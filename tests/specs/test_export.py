"""Every shipped spec as an ONNX file: ONNX Runtime computes what PyTorch does, at three sizes of batch."""

from __future__ import annotations

from pathlib import Path

import netspec
from netspec.backends.onnx.export import export_onnx
from tests.catalogue import each
from tests.oracles.compare import filled


@each(also_slow={"convnext_tiny", "densenet121", "resnet", "vit_b_16"})
def test_onnx_runtime_computes_what_pytorch_does(name: str, tmp_path: Path) -> None:
    report = export_onnx(netspec.load(name).graph, filled(name), tmp_path / "net.onnx")
    assert {difference.batch for difference in report.differences} == {1, 2, 7}
    for difference in report.differences:
        assert difference.ok and difference.max_abs_diff <= difference.limit
