"""`python -m trimaran` is `trimaran`."""

from trimaran.cli.main import main

main()
