"""A machine of its own for a command: Debian's kernel, emulated, on this machine's files."""

import sys


def say(text: str) -> None:
    """A word on what the bench does, apart from what the command in the VM prints."""
    print(f"vm: {text}", file=sys.stderr, flush=True)
