"""Truncated backpropagation through time: chunks with carried states are the whole sequence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netspec.backends.torch import build
from netspec.compiler.passes import rewrite
from netspec.compiler.passes.carried import carried
from netspec.diagnostics import TrainingError
from netspec.ir.verify import verify
from netspec.training.loop import batches_of
from netspec.training.objective import Losses, Metrics, call
from netspec.training.plan import TrainPlan
from netspec.training.run import train
from netspec.training.streams import Streams
from tests.training.specs import planned, spec_of

HEAD = """\
netspec: 1
name: speaker
vocabs: {{letters: [a, b, c, ' ', "\\n"]}}
{dims}inputs: {{in: {{shape: [T], dtype: int64, below: letters}}}}
blocks:
  tower:
    layers: [{{lstm: {{hidden_size: 4, num_layers: 2}}}}]
  cell:
    inputs: [x, h]
    layers: [{{name: xh, concat, from: [x, h]}}, {{linear: 4}}, {{name: new, tanh}}]
layers:
  - embedding: 3
  - {{name: first, gru: 5}}
  - {{name: inner, tower}}
  - {{name: own, scan: {{cell: cell, over: T, state: {{h: 4}}, emit: h}}}}
  - {{name: logits, linear: =letters}}
"""
PLAIN = HEAD.format(dims="")
LENGTHS = HEAD.format(dims="dims: {T: {lengths: n}}\n")
TRAIN = """\
train:
  data: {text: {file: text.txt, vocab: letters, documents: whole}}
  batch_size: 3
  loss: {cross_entropy: {target: out}}
  optimizer: {adam: {lr: 0.02}}
  epochs: 3
  bptt: {steps: 7}
"""
CPU = torch.device("cpu")


def plan_of(folder: Path, text: str, head: str = PLAIN, train: str = TRAIN) -> TrainPlan:
    (folder / "text.txt").write_text(text)
    found, diagnostics = planned(train, folder, head)
    assert found is not None, diagnostics
    verify(found.graph)
    return found


def network(plan: TrainPlan) -> torch.nn.Module:
    """As training builds it: the scan, which is an RNN, runs as torch's layer."""
    torch.manual_seed(0)
    module = build(rewrite(plan.graph)).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def in_chunks(plan: TrainPlan, module: torch.nn.Module) -> tuple[Streams, list[list[torch.Tensor]]]:
    """The logits of each stream, chunk by chunk, as training runs them."""
    streams = batches_of(plan.data.load(), plan, CPU)
    assert isinstance(streams, Streams)
    metrics = Metrics(plan.graph, plan.measures)
    found: list[list[torch.Tensor]] = [[] for _ in range(plan.settings.batch_size)]
    for places in streams.shuffled(0, None):
        batch = streams.gather(places)
        outputs = call(module, batch)
        metrics.hand_on(outputs, streams)
        lengths = batch.named.get("n", torch.full((batch.size,), batch.inputs[0].shape[1]))
        for row, length, logits in zip((places % len(found)).tolist(), lengths, outputs[0], strict=True):
            found[row].append(logits[: int(length)])
    return streams, found


def alone(plan: TrainPlan, module: torch.nn.Module, tokens: list[int]) -> torch.Tensor:
    """The logits of one sequence, run as a whole by the network as it was written."""
    plain = build(plan.spec.graph, initialize=False).eval()
    plain.load_state_dict(module.state_dict())
    lengths = [torch.tensor([len(tokens)])] if plan.spec.graph.lengths else []
    return plain(torch.tensor([tokens]), *lengths)[0]


def tokens_of(text: str) -> list[int]:
    return ["abc \n".index(letter) for letter in text]


TEXT = "abc cab\nbca a b c\ncc" * 5 + "b"


@torch.no_grad()
def test_chunks_with_carried_states_give_what_the_whole_sequence_gives(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    assert len(plan.slots) == 4
    module = network(plan)
    _, found = in_chunks(plan, module)
    size = (len(TEXT) - 1) // 3
    for row, chunks in enumerate(found):
        assert [len(chunk) for chunk in chunks] == [7] * (size // 7) + [size % 7]
        whole = alone(plan, module, tokens_of(TEXT)[row * size : (row + 1) * size])
        torch.testing.assert_close(torch.cat(chunks), whole)


@torch.no_grad()
@pytest.mark.parametrize("documents", ["line", "blank"])
def test_a_document_begins_with_states_of_zero(tmp_path: Path, documents: str) -> None:
    """Whatever stands before it: its logits are those of the document alone."""
    lines = ["abc cab", "bca a b c cab", "cc", "a b c a b c a b c a b c", "bb aa"] * 3
    text = ("\n" if documents == "line" else "\n\n").join(lines)
    plan = plan_of(tmp_path, text, LENGTHS, TRAIN.replace("documents: whole", f"documents: {documents}"))
    module = network(plan)
    _, found = in_chunks(plan, module)
    together = torch.cat([torch.cat(chunks) for chunks in found])
    inside = [tokens_of(line)[:-1] for line in lines]
    total = sum(map(len, inside))
    size, place = total // 3, 0
    cuts = {0, size, 2 * size}
    for tokens in inside:
        pieces, start = [], 0
        # A stream may begin within a document; then its states are zero there.
        for stop in [*sorted(cut - place for cut in cuts if place < cut < place + len(tokens)), len(tokens)]:
            pieces.append(alone(plan, module, tokens[start:stop]))
            start = stop
        whole = torch.cat(pieces)[: max(0, 3 * size - place)]
        torch.testing.assert_close(together[place : place + len(tokens)], whole)
        place += len(tokens)


def test_no_gradient_goes_from_chunk_to_chunk(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    module = network(plan)
    streams = batches_of(plan.data.load(), plan, CPU)
    assert isinstance(streams, Streams)
    metrics, losses = Metrics(plan.graph, plan.measures), Losses(plan.graph, plan.terms, CPU)
    places = list(streams.shuffled(0, None))
    metrics.hand_on(call(module, streams.gather(places[0])), streams)
    batch = streams.gather(places[1])
    assert all(not state.requires_grad and state.any() for state in batch.inputs[1:])
    losses(call(module, batch), batch).backward()
    own = [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]
    # The same chunk with the same states given from outside: nothing of the first chunk is in the gradient.
    module.zero_grad()
    given = [batch.inputs[0], *(state.clone() for state in batch.inputs[1:])]
    logits = module(*given)[0]
    torch.nn.functional.cross_entropy(logits.movedim(2, 1), batch.named["out"]).backward()
    for found, parameter in zip(own, module.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad)


def test_states_are_given_back(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    module = network(plan)
    streams, _ = in_chunks(plan, module)
    other = batches_of(plan.data.load(), plan, CPU)
    assert isinstance(other, Streams)
    other.restore(streams.state())
    place = list(streams.shuffled(0, None))[1]
    for a, b in zip(streams.gather(place).inputs, other.gather(place).inputs, strict=True):
        assert torch.equal(a, b)


@torch.no_grad()
def test_states_come_back_to_the_device_of_the_streams(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    samples = plan.data.load()
    streams = Streams(samples, plan, torch.device("meta"))
    streams.restore(Streams(samples, plan, CPU).state())
    assert {state.device.type for state in streams.state().values()} == {"meta"}


def test_an_epoch_begins_with_states_of_zero(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    streams, _ = in_chunks(plan, network(plan))
    first = next(iter(streams.shuffled(0, None)))
    assert not any(state.any() for state in streams.gather(first).inputs[1:])


def test_without_carry_every_chunk_begins_at_zero(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT, train=TRAIN.replace("{steps: 7}", "{steps: 7, carry: false}"))
    assert plan.slots == () and plan.graph is not None and len(plan.graph.inputs) == 1


@pytest.mark.parametrize("head", [PLAIN, LENGTHS])
def test_it_learns_and_is_measured(tmp_path: Path, head: str) -> None:
    documents = "whole" if head == PLAIN else "line"
    (tmp_path / "text.txt").write_text("abc abc abc\ncba cba cba cba\n" * 40)
    text = TRAIN.replace("documents: whole", f"documents: {documents}, end: 0.8").replace("epochs: 3", "epochs: 12")
    held_out = f"  validation: {{text: {{file: text.txt, vocab: letters, documents: {documents}, start: 0.8}}}}\n"
    spec = spec_of(head + text + held_out + "  metrics: [perplexity]\n", tmp_path)
    run = train(spec, directory=tmp_path / "run", device="cpu")
    assert run.metrics["validation_perplexity"] < 2 < 4 < 2.72 ** run.history[0]["train_loss"] + 2


def test_documents_need_lengths(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "abc\ncab abc\nb\ncab", train=TRAIN.replace("documents: whole", "documents: line"))
    with pytest.raises(TrainingError, match="documents end within chunks") as refused:
        batches_of(plan.data.load(), plan, CPU)
    assert "lengths" in (refused.value.diagnostics[0].help or "")


def test_what_runs_backward_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    found, diagnostics = planned(TRAIN, tmp_path, PLAIN.replace("gru: 5", "gru: {hidden_size: 5, bidirectional: true}"))
    assert found is None and "runs backward" in diagnostics[0].message


def test_states_of_every_layer_become_inputs_and_outputs(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT)
    graph, slots = carried(plan.spec.graph)
    verify(graph)
    assert [slot.end.type.shape for slot in slots] == [(1, 5), (2, 4), (2, 4), (4,)]
    assert graph.output_names[1:] == ("first.h", "inner.0.h", "inner.0.c", "own.h") and len(graph.inputs) == 5
