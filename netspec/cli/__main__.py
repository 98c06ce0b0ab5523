"""`python -m netspec.cli`."""

from netspec.cli import main

main()
