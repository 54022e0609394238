"""How the daemon logs: one line an event to standard error, as text or as JSON.

A thread writes the lines, because a reader that stops reading a pipe blocks whoever writes to
it, and the steward has better things to do. What does not fit in its queue is dropped, counted
and said later.
"""

import json
import logging
import logging.handlers
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

Format = Literal["text", "json"]

_LONGEST_QUEUE = 10_000
_LAST_WORDS_SECONDS = 0.2
_MOST_LINES = 100


def few(lines: Sequence[str]) -> tuple[str, ...]:
    """The first of many lines that come at once, and how many more there are."""
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], f"... and {more} more") if more > 0 else tuple(lines)


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


class _Queue(logging.handlers.QueueHandler):
    """Never waits: a record that finds the queue full is counted instead."""

    queue: "queue.Queue[logging.LogRecord]"
    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def write_all(self, writer: logging.Handler) -> None:
        """Body of the thread."""
        while True:
            writer.handle(self.queue.get())
            if self.dropped and self.queue.empty():
                count, self.dropped = self.dropped, 0
                logging.getLogger("steward").warning("%d log lines were dropped", count)
            self.queue.task_done()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # it stays in this process: nothing to flatten


def configure(format: Format) -> Callable[[], None]:
    """Send all records of this process to standard error in this format.

    The function returned waits, a moment at most, until what was logged is written.
    """
    logging.raiseExceptions = False  # a full disk must not become a traceback
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(_Json() if format == "json" else _Text())
    handler = _Queue(queue.Queue(_LONGEST_QUEUE))
    threading.Thread(target=handler.write_all, args=(writer,), daemon=True, name="log").start()
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # asyncio's own remarks (a slow callback, a lost transport) are ours to make.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("pyroute2").setLevel(logging.ERROR)

    def flush() -> None:
        end = time.monotonic() + _LAST_WORDS_SECONDS
        while handler.queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    return flush
