"""Telling what happens while it happens, on the terminal and in a transcript."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

_WIDTH = 96


class Story:
    """A numbered story of commands, what they printed, and checks of it."""

    def __init__(self, outputs: Sequence[TextIO]) -> None:
        self._outputs = outputs
        self._steps = 0
        self.checks = 0
        self.failures = 0

    def title(self, text: str) -> None:
        """The first line."""
        self._write(text)

    def step(self, text: str) -> None:
        """The next numbered heading."""
        self._steps += 1
        self._write("", f"{self._steps}. {text}")

    def say(self, text: str) -> None:
        """A sentence."""
        self._write(*textwrap.wrap(text, _WIDTH, initial_indent="   ", subsequent_indent="   "))

    def command(self, line: str) -> None:
        """A command as a user types it, at the moment when it is run."""
        self._write(f"   $ {line}")

    def show(self, lines: Iterable[str]) -> None:
        """What a command printed."""
        self._write(*(f"   {line}".rstrip() for line in lines))

    def check(self, good: bool, what: str) -> bool:
        """Something that must be so: `what` tells it with the figures measured."""
        self.checks += 1
        self.failures += not good
        self._write(f"   {'ok    ' if good else 'FAILED'}  {what}")
        return good

    def end(self, seconds: float) -> None:
        """The verdict, in the last line."""
        self._write("", f"{self.checks} checks, {self.failures} failed, in {seconds:.0f} s.")
        self._write(f"demo: {'FAIL' if self.failures else 'PASS'}")

    def _write(self, *lines: str) -> None:
        for output in self._outputs:
            output.writelines(f"{line}\n" for line in lines)
            output.flush()
