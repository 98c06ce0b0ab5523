"""`python -m netspec.cli`."""

from netspec.cli.main import main

main()
