"""A world in memory for configurations: files by name."""

import fnmatch
from collections.abc import Mapping, Sequence

from trimaran.conf import Surroundings, Unreadable


class Files:
    """Files as `include` sees them; the content None: one that cannot be read."""

    def __init__(self, contents: Mapping[str, bytes | None]) -> None:
        self._contents = contents

    def find(self, pattern: str) -> Sequence[str]:
        return sorted(fnmatch.filter(self._contents, pattern))

    def read(self, name: str) -> bytes:
        content = self._contents[name]
        if content is None:
            raise Unreadable("no permission")
        return content


def world(config_id: str = "lb1", **files: str | None) -> Surroundings:
    """Files are named by keyword: `a_conf` is `a.conf`, `d__a_conf` is `d/a.conf`."""
    contents = {
        name.replace("__", "/").replace("_", "."): None if text is None else text.encode()
        for name, text in files.items()
    }
    return Surroundings(Files(contents), config_id, {"HOME": "/root"}, "/etc/keepalived", seed=1)
