"""`python -m steadygan`."""

from steadygan.cli import main

main()
