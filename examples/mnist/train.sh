#!/bin/sh
# From a spec to a deployed model: train the lecture's ConvNet (or the spec given), measure it, export it with proof.
set -eu
cd "$(dirname "$0")"
spec=${1:-mnist_convnet}
netspec check "$spec"
netspec train "$spec" -o run
netspec eval run
netspec export run -o digits.onnx
