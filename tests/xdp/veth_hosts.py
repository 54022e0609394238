"""Hosts in network namespaces, joined by veth devices as people make them by hand."""

import contextlib
import os
import subprocess
from dataclasses import dataclass

PREFIX = f"tp-{os.getpid()}-"


def sh(command: str, host: str | None = None, patience: float = 60) -> str:
    words = command.split()
    if host is not None:
        words = ["ip", "netns", "exec", PREFIX + host, *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=patience, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class Hosts:
    """Processes and namespaces that end with `stack`."""

    stack: contextlib.ExitStack

    def add(self, *names: str) -> None:
        for name in names:
            sh(f"ip netns add {PREFIX}{name}")
            self.stack.callback(sh, f"ip netns del {PREFIX}{name}")
            sh("ip link set lo up", name)

    def start(self, host: str, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            ["ip", "netns", "exec", PREFIX + host, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.stack.enter_context(process)  # closes its pipes
        self.stack.callback(process.kill)
        return process


def said_until(process: "subprocess.Popen[str]", word: str) -> list[str]:
    """What the process said, up to a line with this word."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.strip())
        if word in line:
            return lines
    raise AssertionError("\n".join(lines))
