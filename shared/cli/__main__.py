"""`python -m shared.cli` is the command `triptych`."""

from shared.cli.main import main

main()
