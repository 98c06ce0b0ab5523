"""What of a network can be looked at: outputs that are images, beside the inputs that they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from netspec.backends.torch import build
from netspec.compiler.passes.deployed import training_values
from netspec.ir import Graph, Input, Value
from netspec.training.batches import Batches
from netspec.training.device import seeded
from netspec.training.objective import EVALUATION_SEED, Places, call
from netspec.training.pictures.images import COLUMNS, reconstructions_svg, samples_svg
from netspec.training.weights import load_into

RECONSTRUCTIONS = 12
SAMPLES = 8 * COLUMNS
MAX_SIDE = 256


@torch.no_grad()
def shown(graph: Graph, file: Path, batches: Batches, split: str, device: torch.device) -> dict[str, str]:
    """Pictures by file name: `reconstructions.svg`, `samples.svg`, each where there is something to show.

    Args:
        graph: The network, with all its outputs, which training need not have run.
        file: Its weights.
        batches: Samples of a split, on the device.
        split: The name of the split.
        device: Where it is run.
    """
    made, drawn = _reconstruction(graph), _drawn(graph)
    if made is None and drawn is None:
        return {}
    module, places = build(graph, initialize=False), Places(graph, training=False)
    load_into(module, graph, file)
    module.to(device).eval()
    pictures: dict[str, str] = {}
    with seeded(device, EVALUATION_SEED):
        if made is not None:
            batch = batches.gather(torch.arange(min(RECONSTRUCTIONS, len(batches))))
            output = places.of(made[1], call(module, batch))
            pictures["reconstructions.svg"] = reconstructions_svg(
                batch.named[made[0].name].float().cpu(), output.float().cpu(), split
            )
        if drawn is not None:
            batch = batches.gather(torch.arange(SAMPLES) % len(batches))
            pictures["samples.svg"] = samples_svg(places.of(drawn, call(module, batch)).float().cpu())
    return pictures


def _reconstruction(graph: Graph) -> tuple[Value, Value] | None:
    """An input that is an image, and an output of its shape that is made of it."""
    reads = _reads(graph)
    for output in _image_outputs(graph):
        for value in graph.inputs:
            is_given = not (isinstance(value, Input) and value.sample is not None)
            if is_given and value in reads[output] and value.type.shape == output.type.shape:
                return value, output
    return None


def _drawn(graph: Graph) -> Value | None:
    """An output that is an image and made of nothing but noise."""
    reads = _reads(graph)
    for output in _image_outputs(graph):
        found = reads[output]
        if found and all(isinstance(value, Input) and value.sample is not None for value in found):
            return output
    return None


def _image_outputs(graph: Graph) -> list[Value]:
    gone = training_values(graph)
    return [value for value in graph.outputs if value not in gone and _is_image(value)]


def _is_image(value: Value) -> bool:
    shape = value.type.shape
    sizes = all(isinstance(size, int) and 1 < size <= MAX_SIDE for size in shape[1:])
    return len(shape) == 3 and shape[0] in (1, 3) and sizes and value.type.dtype.is_floating


def _reads(graph: Graph) -> Mapping[Value, frozenset[Value]]:
    """The inputs that each value depends on; of a group every output depends on all that it reads."""
    found: dict[Value, frozenset[Value]] = {value: frozenset({value}) for value in graph.inputs}
    for node in graph.nodes:
        read = frozenset(value for each in node.inputs for value in found[each])
        found |= dict.fromkeys(node.outputs, read)
    return found
