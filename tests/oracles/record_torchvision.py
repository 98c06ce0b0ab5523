"""Record what torchvision's networks compute, as truth for the tests of specs. Run by hand, from the repository's root:

    python -m tests.oracles.record_torchvision [NAME ...]

in an environment that has torchvision 0.28.0 (`pip install --no-deps torchvision==0.28.0` beside torch 2.13.0); the
tests read `data/NAME.npz` and need no torchvision. Each network is built without weights, filled by `filling`, and run
once in evaluation on one batch of two. (The file is not called torchvision.py, which would hide the package from it.)

An npz file holds arrays only: `logits` [2, classes], computed in float64 and stored as float32; those of auxiliary
heads by their names; and `meta`, JSON as bytes: name, torchvision, torch, input (shape), params and params_deployed,
float32_error (of torch's own float32 run, relative to max|logits|), tensors ([key, shape] in order), heads (prefixes of
what exists in training only).
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any

import numpy as np
import torch

from tests.oracles.compare import DATA, relative_error
from tests.oracles.filling import batch, fill_module

#: Network -> the heads that exist in training only.
NETWORKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys("mobilenet_v2 densenet121 vit_b_16 convnext_tiny".split(), ()),
    **dict.fromkeys("alexnet vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg16_bn".split(), ()),
    **dict.fromkeys("resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2".split(), ()),
    **dict.fromkeys("squeezenet1_1 mobilenet_v3_small efficientnet_b0 shufflenet_v2_x1_0 regnet_y_400mf".split(), ()),
    "googlenet": ("aux1", "aux2"),
    "inception_v3": ("AuxLogits",),
}


@cache
def models() -> Any:
    """torchvision's models, also where its compiled ops do not load beside this torch: no network here uses them.

    Importing torchvision registers shape rules for two of those ops, so they must at least be declared.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for op in ("nms", "qnms"):
        library.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    return torchvision


def record(name: str) -> None:
    """Write the file of one network, and print what it holds.

    Raises:
        RuntimeError: the logits would tell little: not finite, hardly dependent on the input, or badly conditioned.
    """
    torchvision = models()
    heads = NETWORKS[name]
    options = {"aux_logits": True, "transform_input": False, "init_weights": False} if heads else {}
    module = fill_module(getattr(torchvision.models, name)(weights=None, **options)).eval()
    size = 299 if name == "inception_v3" else 224
    single, outputs = run(module, size, heads, torch.float32), run(module, size, heads, torch.float64)
    error = max(relative_error(single[each], outputs[each]) for each in outputs)
    tell_apart(name, outputs, error)
    save(name, describe(name, module, size) | {"torchvision": torchvision.__version__, "float32_error": error}, outputs)


def describe(name: str, module: Any, size: int) -> dict[str, Any]:
    """The metadata that the module itself knows."""
    heads = tuple(f"{head}." for head in NETWORKS[name])
    sizes = {key: each.numel() for key, each in module.named_parameters()}
    return {
        "name": name,
        "torch": torch.__version__,
        "input": [2, 3, size, size],
        "params": sum(sizes.values()),
        "params_deployed": sum(count for key, count in sizes.items() if not key.startswith(heads)),
        "tensors": [[key, list(tensor.shape)] for key, tensor in module.state_dict().items()],
        "heads": list(NETWORKS[name]),
    }


def run(module: Any, size: int, heads: tuple[str, ...], dtype: torch.dtype) -> dict[str, np.ndarray]:
    """The logits, and those of the heads, for the one batch; statistics and dropout as in evaluation throughout.

    A network gives its heads where its own flag says training, whatever its layers do.
    """
    module.to(dtype)
    images = torch.from_numpy(batch((2, 3, size, size))).to(dtype)
    with torch.no_grad():
        outputs = {"logits": module(images).numpy()}
        if heads:
            module.training = True
            found = module(images)
            module.training = False
            outputs |= {each: getattr(found, field(each)).numpy() for each in heads}
    return outputs


def field(head: str) -> str:
    """The field of torchvision's named tuple that holds a head's logits."""
    return {"aux1": "aux_logits1", "aux2": "aux_logits2", "AuxLogits": "aux_logits"}[head]


def tell_apart(name: str, outputs: dict[str, np.ndarray], error: float) -> None:
    """Refuse what would be poor evidence.

    Raises:
        RuntimeError: see `record`.
    """
    for each, values in outputs.items():
        scale = np.abs(values).max()
        apart = np.abs(values[0] - values[1]).max() / scale
        spread = values.std() / scale
        print(f"{name:20} {each:10} scale {scale:.3g} spread {spread:.2f} apart {apart:.2f} float32 {error:.1e}")
        if not np.isfinite(values).all() or apart < 0.05 or spread < 0.1 or error > 3e-6:
            raise RuntimeError(f"{name}: the {each} would tell little")


def save(name: str, meta: dict[str, Any], outputs: dict[str, np.ndarray]) -> None:
    """Write `data/NAME.npz`."""
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    DATA.mkdir(exist_ok=True)
    path = DATA / f"{name}.npz"
    np.savez_compressed(path, meta=text, **{each: values.astype(np.float32) for each, values in outputs.items()})
    print(f"{'':20} {meta['params']:,} parameters, {len(meta['tensors'])} tensors, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    for each in sys.argv[1:] or NETWORKS:
        record(each)
