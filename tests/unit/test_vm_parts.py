"""The parts of the VM bench that need no VM."""

import lzma
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from trimaran.lab.errors import LabError
from trimaran.lab.vm import initramfs, kernel

MODULES_DEP = """\
kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/virtio/virtio.ko kernel/virtio/ring.ko
kernel/fs/netfs/netfs.ko:
kernel/virtio/virtio.ko: kernel/virtio/ring.ko
kernel/virtio/ring.ko:
"""


def test_what_a_module_needs_is_loaded_before_it(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(MODULES_DEP)
    assert initramfs.load_order(tmp_path / "modules.dep", ["9pnet_virtio", "9p"]) == [
        "kernel/virtio/ring.ko",
        "kernel/virtio/virtio.ko",
        "kernel/net/9p/9pnet.ko",
        "kernel/net/9p/9pnet_virtio.ko",
        "kernel/fs/netfs/netfs.ko",
        "kernel/fs/9p/9p.ko",
    ]


def test_a_module_that_the_kernel_has_not(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(MODULES_DEP)
    with pytest.raises(LabError, match="the VM's kernel has no module 'overlay'"):
        initramfs.load_order(tmp_path / "modules.dep", ["overlay"])


def bz_image(elf: bytes, magic: bytes = b"HdrS") -> bytes:
    """A kernel image as its boot protocol describes it: set-up sectors, then the payload."""
    payload = lzma.compress(elf) + struct.pack("<I", len(elf))
    image = bytearray(1024 * 3)
    image[0x1F1] = 4  # set-up sectors, without the boot sector
    image[0x202:0x206] = magic
    image[0x248:0x250] = struct.pack("<II", len(image) - 5 * 512, len(payload))
    return bytes(image) + payload


def test_the_elf_file_in_a_kernel_image() -> None:
    assert kernel.elf_image(bz_image(b"\x7fELF" + bytes(1000))) == b"\x7fELF" + bytes(1000)


@pytest.mark.parametrize(
    "image",
    [b"", b"\x7fELF" + bytes(4000), bz_image(b"\x7fELF", b"Head"), bz_image(bytes(99))[:-40]],
)
def test_what_is_not_a_kernel_image(image: bytes) -> None:
    with pytest.raises(LabError, match="not a kernel image"):
        kernel.elf_image(image)


@pytest.mark.parametrize("text", ["slow", "", "0.5", "nan", "1e9"])
def test_a_pace_that_is_none(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import trimaran.daemon.pace"],
        env={**os.environ, "TRIMARAN_SLOW": text},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == f"trimaran: TRIMARAN_SLOW={text}: want a number from 1 to 1000\n"
