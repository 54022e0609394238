"""The VM's first file system: busybox, the modules that reach the host's files, and `init`."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from stat import S_IFDIR, S_IFREG

from trimaran.lab.errors import LabError

_BUSYBOX = Path("/bin/busybox")
_INIT = Path(__file__).with_name("init.sh")
_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def build(modules: Path, job: str) -> bytes:
    """An initramfs with the kernel's `modules` (a directory below /lib/modules).

    `job`: what `init.sh` reads from /job. Raises `LabError`.
    """
    if not _BUSYBOX.exists():
        raise LabError(f"not installed: {_BUSYBOX}; 'tools/setup vm' installs it")
    files = {
        "bin": None,
        "bin/busybox": _BUSYBOX.read_bytes(),
        "init": _INIT.read_bytes(),
        "job": job.encode(),
        "modules": None,
    }
    for number, path in enumerate(load_order(modules / "modules.dep", _MODULES)):
        files[f"modules/{number:02}.ko"] = (modules / path).read_bytes()
    return b"".join(_cpio(files))


def load_order(modules_dep: Path, names: Iterable[str]) -> list[str]:
    """The files of these modules and of all that they need, in an order to load them."""
    needs: dict[str, list[str]] = {}
    for line in modules_dep.read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[Path(path).name.removesuffix(".ko")] = [path, *rest.split()]
    order: dict[str, None] = {}
    for name in names:
        if name not in needs:
            raise LabError(f"the VM's kernel has no module {name!r}")
        order |= dict.fromkeys(reversed(needs[name]))  # modules.dep: what is needed first is last
    return list(order)


def _cpio(files: Mapping[str, bytes | None]) -> Iterator[bytes]:
    """An archive, format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst).

    No content: a directory.
    """
    for inode, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")]):
        mode = 0o755 | (S_IFDIR if content is None else S_IFREG)
        data = content or b""
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        yield _padded(f"070701{''.join(f'{field:08x}' for field in fields)}{name}\0".encode())
        yield _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
