"""The VM's first file system: busybox, the modules that reach the host's files, and `init`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_IFDIR, S_IFREG

from trimaran.lab.errors import LabError

_BUSYBOX = Path("/bin/busybox")
_INIT = Path(__file__).with_name("init.sh")
_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def build(modules: Path, job: str) -> bytes:
    """An initramfs with the kernel's `modules` (a directory below /lib/modules).

    `job` is a shell script: settings for `init.sh`, which reads it from /job.
    """
    if not _BUSYBOX.exists():
        raise LabError(f"not installed: {_BUSYBOX}; 'tools/setup vm' installs it")
    directory, program, data = S_IFDIR | 0o755, S_IFREG | 0o755, S_IFREG | 0o644
    needed = [modules / path for path in load_order(modules / "modules.dep", _MODULES)]
    numbered = [(f"modules/{n:02}-{path.name}", path) for n, path in enumerate(needed)]
    return b"".join(
        _cpio(
            [
                ("bin", directory, b""),
                ("bin/busybox", program, _BUSYBOX.read_bytes()),
                ("init", program, _INIT.read_bytes()),
                ("job", data, job.encode()),
                ("modules", directory, b""),
                *((name, data, path.read_bytes()) for name, path in numbered),
            ]
        )
    )


def load_order(modules_dep: Path, names: Iterable[str]) -> list[str]:
    """The files of these modules and of all that they need, in an order to load them."""
    needs: dict[str, list[str]] = {}
    for line in modules_dep.read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[Path(path).name.partition(".")[0]] = [path, *rest.split()]
    order: dict[str, None] = {}
    for name in names:
        order |= dict.fromkeys(reversed(needs[name]))  # modules.dep: what is needed first is last
    return list(order)


def _cpio(files: Iterable[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """An archive in the "newc" format (Documentation/driver-api/early-userspace/buffer-format)."""
    for inode, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")]):
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = "070701" + "".join(f"{field:08x}" for field in fields) + name + "\0"
        yield _padded(head.encode())
        yield _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
