"""Files that `trimaran plan` reads and writes."""

import os
from collections.abc import Mapping
from pathlib import Path

from trimaran.plan.entries import DemandError

_LARGEST = 2**22


def read_text(path: Path) -> str:
    """The text of a plan file. Raises DemandError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise DemandError(f"{path}: this file is larger than {_LARGEST // 2**20} MB")
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise DemandError(f"{path}: this is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DemandError(f"{path}: cannot read this file: {reason}") from None


def write_all(texts: Mapping[Path, str]) -> None:
    """Write all files, or none: each beside its place first. Raises DemandError."""
    written: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.new")
            written[path] = beside
            beside.write_text(text)
        for path, beside in written.items():
            beside.replace(path)
    except OSError as error:
        for beside in written.values():
            beside.unlink(missing_ok=True)
        where = os.fsdecode(error.filename) if error.filename else next(iter(texts))
        raise DemandError(f"--output: cannot write {where}: {error.strerror}") from None
