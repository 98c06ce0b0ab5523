"""All that a run needs to go on: whole on the disk or not there, and every bit of it as it was written.

A checkpoint is a directory `checkpoints/STEP` of safetensors and JSON, never of pickles. `manifest.json` lists its
files with size and sha256, and is renamed into place last: before, there is no checkpoint. Only `state` knows torch.
"""
