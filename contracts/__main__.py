"""``python -m contracts``: the commands of the kit."""

from .cli import main

main(prog_name="python -m contracts")
