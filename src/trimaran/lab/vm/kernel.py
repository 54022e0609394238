"""Debian's own kernel for the VM: its package is fetched by apt and unpacked, never installed."""

import fcntl
import lzma
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trimaran.lab.errors import LabError
from trimaran.lab.vm import say

CACHE = Path("/var/cache/trimaran")
"""Outside the clone: every clone, and every run of CI, shares what was downloaded once."""

_META_PACKAGE = "linux-image-amd64"


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel package."""

    directory: Path
    """Named PACKAGE_VERSION; below it are `vmlinux` and `lib/modules/RELEASE`."""

    @property
    def release(self) -> str:
        """What `uname -r` says when it runs."""
        [modules] = (self.directory / "lib" / "modules").iterdir()
        return modules.name

    @property
    def modules(self) -> Path:
        return self.directory / "lib" / "modules" / self.release

    @property
    def vmlinux(self) -> Path:
        """The kernel as an ELF file: QEMU enters it directly (PVH), nothing is unpacked slowly."""
        return self.directory / "vmlinux"


def find() -> Kernel:
    """The kernel in the cache, the newest if there are several; fetched when there is none."""
    with locked("kernel.lock"):
        kernels = sorted(CACHE.glob("linux-image-*/vmlinux"), key=lambda path: path.stat().st_mtime)
        return Kernel(kernels[-1].parent) if kernels else _fetch()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One holder of this lock on the machine at a time; it is said when one has to wait."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {CACHE / name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch() -> Kernel:
    _run("apt-get", "-qq", "update")
    package, version = _newest()
    say(f"fetching {package} {version} into {CACHE}")
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as name:
        work = Path(name)
        _run("apt-get", "-q", "download", f"{package}={version}", cwd=work)
        [archive] = work.glob("*.deb")
        unpacked = work / "unpacked"
        _run("dpkg-deb", "--extract", str(archive), str(unpacked))
        shutil.rmtree(unpacked / "usr")
        [image] = (unpacked / "boot").glob("vmlinuz-*")
        _run("depmod", "--basedir", str(unpacked), image.name.removeprefix("vmlinuz-"))
        (unpacked / "vmlinux").write_bytes(elf_image(image.read_bytes()))
        return Kernel(unpacked.rename(CACHE / f"{package}_{version}"))


def _newest() -> tuple[str, str]:
    """The package and version that the meta package stands for."""
    shown = _run("apt-cache", "show", "--no-all-versions", _META_PACKAGE)
    found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)$", shown, re.MULTILINE)
    if found is None:
        raise LabError(f"apt knows no {_META_PACKAGE}: the VM needs Debian 12 on amd64")
    return found[1], found[2]


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError:
        raise LabError(f"not installed: {command[0]}; 'tools/setup vm' installs it") from None
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def elf_image(image: bytes) -> bytes:
    """The ELF file packed (xz) in a bzImage: see Documentation/arch/x86/boot.rst,
    "setup_sects" and "payload_offset". Raises `LabError`."""
    if image[0x202:0x206] != b"HdrS" or len(image) < 0x250:
        raise LabError("not a kernel image: it has no boot protocol header")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    try:
        elf = unpacker.decompress(image[start : start + length])
    except lzma.LZMAError as error:
        raise LabError(f"not a kernel image: {error}") from None
    if not unpacker.eof:
        raise LabError("not a kernel image: it is cut short")
    return elf
