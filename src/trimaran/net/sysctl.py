"""Settings of the kernel (sysctl(8)), those of the network namespace that this process is in."""

from dataclasses import dataclass
from pathlib import Path

from trimaran.net.errors import NetError

SYSCTLS = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting and what it must be; `name` as in /proc/sys."""

    name: str
    value: int

    def __str__(self) -> str:
        return f"{self.name.replace('/', '.')} = {self.value}"

    def read(self) -> int:
        """What it is. Raises NetError."""
        try:
            return int((SYSCTLS / self.name).read_text())
        except (OSError, ValueError) as error:
            raise NetError(f"cannot read {self.name}: {error}") from error

    def write(self) -> None:
        """Make it so. Raises NetError."""
        try:
            (SYSCTLS / self.name).write_text(f"{self.value}\n")
        except OSError as error:
            raise NetError(f"cannot set {self}: {error.strerror}") from error
