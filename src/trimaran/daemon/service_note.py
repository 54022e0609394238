"""The note of services that are ours in the kernel's IPVS, which they outlive any process in."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from trimaran.daemon.encoding import decoder, encode
from trimaran.model.service import ServiceKey

_decoder = decoder(tuple[ServiceKey, ...])


class ServiceNote:
    """A file in the run directory; there is none while no service is ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        """Why the last note could not be read or written, if so."""

    def read(self) -> tuple[ServiceKey, ...]:
        """The services that an earlier daemon has made and not removed."""
        try:
            noted: tuple[ServiceKey, ...] = _decoder.decode(self._path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            self.problem = f"cannot read {self._path} ({error}): what it named stays in IPVS"
            return ()
        return noted

    def write(self, services: Collection[ServiceKey]) -> None:
        """Write the whole note or nothing."""
        draft = self._path.with_suffix(".new")
        self.problem = ""
        try:
            if services:
                draft.write_bytes(encode(tuple(services)))
                draft.rename(self._path)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            self.problem = (
                f"cannot note the services made ({error}): they would outlive a crash of all "
                "processes"
            )
