"""The VM itself: a kernel, this machine's root (what changes is lost), one command."""

import os
import selectors
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from trimaran.lab.errors import LabError
from trimaran.lab.vm import initramfs, kernel, say

MARK = "TRIMARAN_VM"
"""The environment variable that only a command in the VM has."""

_PACE = "TRIMARAN_SLOW"  # see daemon/pace.py; measured in the VM if it is not given
_PASSED_ON = ("LANG", "NO_COLOR", "PYTEST_ADDOPTS", "TERM")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CPUS, _MEGABYTES = 2, 1500
_CPU = "Nehalem"  # emulated, newer ones are twice as slow: more page levels, more state to switch
_AT_ONCE = ("-accel", "tcg,thread=multi", "-smp", str(_CPUS))
_COUNTED = ("-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0")
_KERNEL_OPTIONS = (
    "console=ttyS0 quiet "
    "panic=-1 oops=panic "  # without a reboot this ends QEMU at once
    "mitigations=off tsc=reliable"  # a third of the time; the emulated TSC is the host's clock
)
_CONSOLE_LINES = 80  # as long as what a dying kernel says

Sink = Callable[[bytes], None]


class VmCut(LabError):
    """The command had not ended when its time was over, or when the VM died under it."""


def run(
    command: Sequence[str],
    *,
    timeout: float,
    share: Path | None = None,
    counted: bool = False,
    stdout: BinaryIO | None = None,
    stderr: BinaryIO | None = None,
) -> int:
    """Boot, run the command as root in this directory, and return its exit status.

    `counted`: with one CPU whose clocks go on by a nanosecond an instruction (QEMU's -icount), so
    that what takes so many ns has executed so many instructions, each time the same.

    `timeout`: seconds from power on to the command's end. `share`: a directory that the VM may
    write to, where `console.log` goes too; all else that it writes is lost. What the command
    prints is passed on while it runs, by default to this process's own outputs. One VM runs at
    a time on a machine: others wait. Raises `LabError`; `VmCut` has the end of the console.
    """
    if os.geteuid() != 0:
        raise LabError("you must be root (the VM reads all of this machine's files)")
    debian = kernel.find()
    with kernel.locked("vm.lock"), tempfile.TemporaryDirectory(prefix="trimaran-vm-") as name:
        image, console = Path(name) / "initramfs", (share or Path(name)) / "console.log"
        image.write_bytes(initramfs.build(debian.modules, _job(command, debian.modules, share)))
        cpus = "1 CPU, counting" if counted else f"{_CPUS} CPUs"
        say(f"booting {debian.directory.name}: {cpus}, {_MEGABYTES} MB, emulated")
        status = _Status()
        sinks = {
            1: _writer(stdout or sys.stdout.buffer),
            2: _writer(stderr or sys.stderr.buffer),
            3: status.hear,
        }
        cpu = _COUNTED if counted else _AT_ONCE
        ended = _emulate(debian.vmlinux, cpu, image, share, console, sinks, timeout)
        if status.exit is not None:
            return status.exit
        lines = console.read_text(errors="replace").splitlines()[-_CONSOLE_LINES:]
        what = "the VM died" if ended else f"cut after {timeout:g} s"
        raise VmCut("\n".join([f"{what}; the end of its console:", *lines]))


def _job(command: Sequence[str], modules: Path, share: Path | None) -> str:
    """What `init.sh` wants to know: see there."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment = {**passed, MARK: "1", "PATH": f"{Path(sys.executable).parent}:{_PATH}"}
    return "\n".join(
        [
            f"modules={shlex.quote(str(modules))}",
            f"share={shlex.quote(str(share.resolve()) if share else '')}",
            f"python={shlex.quote(sys.executable)}",
            f"{_PACE}={shlex.quote(os.environ.get(_PACE, ''))}",
            "work() {",
            f"    cd {shlex.quote(os.getcwd())} || exit 1",
            *(f"    export {name}={shlex.quote(value)}" for name, value in environment.items()),
            f"    exec {shlex.join(command)}",
            "}",
            "",
        ]
    )


class _Status:
    """What comes out of the status port: lines "up KERNEL", "pace FACTOR" and "exit STATUS"."""

    def __init__(self) -> None:
        self.exit: int | None = None
        self._begin = time.monotonic()
        self._rest = b""

    def hear(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, text = line.decode().partition(" ")
            match word:
                case "up":
                    say(f"up after {time.monotonic() - self._begin:.1f} s: {text}")
                case "pace":
                    say(f"everything may take {text} times as long as on ordinary hardware")
                case "exit":
                    self.exit = int(text)


def _writer(stream: BinaryIO) -> Sink:
    def write(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    return write


def _emulate(
    vmlinux: Path,
    cpu: Sequence[str],
    image: Path,
    share: Path | None,
    console: Path,
    sinks: Mapping[int, Sink],
    timeout: float,
) -> bool:
    """Run QEMU and pass what comes out of its ports to the sinks; False if it had to be cut."""
    pipes = {port: os.pipe() for port in sinks}
    writers = {port: writer for port, (_, writer) in pipes.items()}
    with console.open("wb") as log, selectors.DefaultSelector() as selector:
        try:
            emulator = subprocess.Popen(
                _command(vmlinux, cpu, image, share, writers),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=tuple(writers.values()),
            )
        except FileNotFoundError as error:
            raise LabError(
                f"not installed: {error.filename}; 'tools/setup vm' installs it"
            ) from None
        finally:
            for writer in writers.values():
                os.close(writer)
        try:
            for port, (reader, _) in pipes.items():
                selector.register(reader, selectors.EVENT_READ, sinks[port])
            return _pump(selector, time.monotonic() + timeout)
        finally:
            emulator.kill()
            emulator.wait()
            for reader, _ in pipes.values():
                os.close(reader)


def _pump(selector: selectors.BaseSelector, deadline: float) -> bool:
    """Pass on until nobody writes any more; False if the deadline comes first."""
    while selector.get_map():
        if (left := deadline - time.monotonic()) <= 0:
            return False
        for key, _ in selector.select(left):
            if data := os.read(key.fd, 1 << 16):
                key.data(data)
            else:
                selector.unregister(key.fd)
    return True


def _command(
    vmlinux: Path,
    cpu: Sequence[str],
    image: Path,
    share: Path | None,
    ports: Mapping[int, int],
) -> list[str]:
    """QEMU's command line; `ports`: the number of a virtio port → where it writes to."""
    words = ["setpriv", "--pdeathsig", "KILL", "--"]  # without us there is nobody to end it
    words += ["nice", "-n", "-5"]  # its clock does not stop while it waits for a CPU
    words += ["qemu-system-x86_64", "-machine", "q35", *cpu, "-cpu", _CPU, "-m", str(_MEGABYTES)]
    words += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    words += ["-kernel", str(vmlinux), "-initrd", str(image), "-serial", "stdio"]
    words += ["-append", _KERNEL_OPTIONS]
    words += ["-device", "virtio-serial-pci"]  # the first virtio device: its ports are vport0pN
    for port, writer in ports.items():
        words += [
            *("-chardev", f"file,id=port{port},path=/dev/fd/{writer}"),
            *("-device", f"virtserialport,chardev=port{port},nr={port},name=port{port}"),
        ]
    folders = [("host", Path("/"), "on")] + ([("share", share, "off")] if share else [])
    for tag, path, read_only in folders:
        words += [
            *("-fsdev", f"local,id={tag},path={path},security_model=none,readonly={read_only},"
              "multidevs=remap"),
            *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
        ]  # fmt: skip
    return words
