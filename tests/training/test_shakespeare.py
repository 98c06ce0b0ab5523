"""Characters of a real text, learned by truncated backpropagation through time."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import Source
from netspec.training.run import train
from tests.shared_data import folder as shared_data

SPEC = """
netspec: 1
name: shakespeare
vocabs: {{characters: {characters}}}
inputs: {{in: {{shape: [T], dtype: int64, below: characters}}}}
layers:
  - embedding: 24
  - lstm: 96
  - linear: =characters
train:
  data: {{text: {{file: input.txt, vocab: characters, end: 0.3}}}}
  validation: {{text: {{file: input.txt, vocab: characters, start: 0.98}}}}
  batch_size: 32
  loss: {{cross_entropy: {{target: out}}}}
  metrics: perplexity
  optimizer: {{adam: {{lr: 0.01}}}}
  clip_grad_norm: 5
  bptt: {{steps: 40}}
  steps: 200
  evaluate: {{every: 200}}
"""


@pytest.mark.slow
def test_an_lstm_learns_more_than_how_often_characters_are(tmp_path: Path) -> None:
    folder = shared_data("tinyshakespeare")
    text = (folder / "input.txt").read_text()
    characters = [json.dumps(each) for each in sorted(set(text))]
    assert len(text) == 1_115_394 and len(characters) == 65
    source = SPEC.format(characters=f"[{', '.join(characters)}]").replace("input.txt", str(folder / "input.txt"))
    spec = compile_source(Source("net.yaml", source), allowed=(folder,))
    run = train(spec, directory=tmp_path / "run", device="cpu", threads=1)
    shares = [count / len(text) for count in Counter(text).values()]
    alone = math.exp(-sum(share * math.log(share) for share in shares))
    assert 27 < alone < 28  # what one chooses among who knows only how often each character is
    assert run.metrics["validation_perplexity"] < 10
