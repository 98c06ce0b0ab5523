"""Memory that runs out is told with the layer and with what needs less, and too little of it before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netspec.compiler import compile_source, load
from netspec.diagnostics import Diagnostic, Source, TrainingError
from netspec.diagnostics.errors import says_memory_ran_out
from netspec.training.evaluate import evaluate
from netspec.training.memory import free_bytes, memory_for, needed_bytes, too_little
from netspec.training.objective import EVALUATION_BATCH, EVALUATION_BYTES, evaluation_batch
from netspec.training.run import planned, train
from tests.training.specs import HEAD, TRAIN, spec_of, write_data

LARGE = HEAD.replace(
    "  - flatten", "  - {name: huge, interpolate: {size: [500000, 500000]}}\n  - adaptive_avg_pool: 4\n  - flatten"
)
GIBIBYTE = 2**30


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path)


def test_the_layer_that_has_no_room_is_named(tmp_path: Path) -> None:
    warnings: list[Diagnostic] = []
    with pytest.raises(TrainingError) as caught:
        train(spec_of(LARGE + TRAIN, tmp_path), directory=tmp_path / "run", warn=warnings.extend, device="cpu")
    (found,) = caught.value.diagnostics
    asked = 10 * 4 * 500_000**2 * 4
    assert found.code == "out-of-memory" and found.message.startswith("memory ran out in `huge` (interpolate)")
    assert f"{asked:,} bytes" in found.message and found.span is not None
    assert found.help is not None and "`batch_size: 5` with `accumulate: 2`" in found.help
    assert [each.code for each in warnings] == ["out-of-memory"] and "are free" in warnings[0].message


def test_an_evaluation_without_room_is_told(tmp_path: Path) -> None:
    small = train(spec_of(HEAD + TRAIN, tmp_path), directory=tmp_path / "run")
    with pytest.raises(TrainingError, match="memory ran out in `huge`"):
        evaluate(spec_of(LARGE + TRAIN, tmp_path), small.weights, split="validation")


def test_what_is_no_lack_of_memory_is_left_alone(tmp_path: Path) -> None:
    plan = planned(spec_of(HEAD + TRAIN, tmp_path)).final
    with pytest.raises(RuntimeError, match="something else"), memory_for(plan):
        raise RuntimeError("something else")
    with pytest.raises(TrainingError, match=r"small\.yaml: memory ran out$"), memory_for(plan):
        raise MemoryError
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert says_memory_ran_out(caught.value) and says_memory_ran_out(torch.OutOfMemoryError())


def test_what_is_free_is_what_the_machine_and_the_group_have(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:   9000 kB\nMemFree: 1 kB\nMemAvailable:    3000 kB\n")
    assert free_bytes(tmp_path) == 3000 * 1024
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1000\n")
    for limit, free in (("max", 3000 * 1024), ("5000", 4000), ("500", 0)):
        (group / "memory.max").write_text(limit + "\n")
        assert free_bytes(tmp_path) == free


def test_a_step_that_may_not_fit_is_warned_of(tmp_path: Path) -> None:
    plan = planned(spec_of(HEAD + TRAIN, tmp_path)).final
    # 36 numbers come in; conv and relu make 64 each, flatten 64, fc 3.
    needed = needed_bytes(plan.graph, 10)
    assert needed == 10 * 4 * (36 + 3 * 64 + 3)
    (tmp_path / "proc").mkdir()
    for free, warned in ((needed // 1024 + 1, False), (needed // 1024, True)):
        (tmp_path / "proc" / "meminfo").write_text(f"MemAvailable: {free} kB\n")
        assert bool(too_little(plan, root=tmp_path)) is warned


def test_large_samples_are_measured_in_smaller_batches() -> None:
    assert evaluation_batch(load("mnist_convnet").graph) == EVALUATION_BATCH
    text = "netspec: 1\ninputs: {x: [3, 1000, 1000]}\nlayers: [relu, {conv: {out_channels: 5, kernel_size: 1}}]\n"
    graph = compile_source(Source("large.yaml", text)).graph
    # The most at once: what relu gives, and what conv makes of it.
    assert evaluation_batch(graph) == EVALUATION_BYTES // (8 * 1_000_000 * 4)
