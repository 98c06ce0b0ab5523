"""`python -m netspec`, for torchrun and for places without scripts."""

from netspec.cli import main

main()
