"""Deployment without netspec or torch: python predict.py digits.onnx image.npy (uint8, [28, 28] or [N, 28, 28])."""

import json
import sys

import numpy as np
import onnxruntime as ort

session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
metadata = session.get_modelmeta().custom_metadata_map
x = np.load(sys.argv[2]).reshape(-1, 1, 28, 28).astype(np.float32)
for step in json.loads(metadata["netspec.preprocess"])["image"]:
    if "scale" in step:
        x = x * np.float32(step["scale"])
    else:
        mean, std = (np.float32(step["normalize"][key]).reshape(-1, 1, 1) for key in ("mean", "std"))
        x = (x - mean) / std
[labels] = json.loads(metadata["netspec.labels"]).values()
for scores in session.run(None, {"image": x})[0]:
    print(labels[scores.argmax()])
