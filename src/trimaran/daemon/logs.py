"""How the daemon logs: one line an event to standard error, as text or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

Format = Literal["text", "json"]


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        return f"{time} {record.levelname.lower():7} {record.name}: {record.getMessage()}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
                "level": record.levelname.lower(),
                "process": record.name,
                "message": record.getMessage(),
            }
        )


def configure(format: Format) -> None:
    """Send all records of this process to standard error in this format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # asyncio's own remarks (a slow callback, a lost transport) are ours to make.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("pyroute2").setLevel(logging.ERROR)
