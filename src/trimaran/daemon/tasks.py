"""Background work whose failure is noticed at once."""

import asyncio
import traceback
from collections.abc import Collection, Coroutine
from typing import Any

EXIT_DEFECT = 70
"""The exit status after an exception that nobody expected (EX_SOFTWARE of sysexits.h)."""

_FAREWELL_SECONDS = 5.0


def describe_defect(context: dict[str, Any]) -> str:
    """One line for the log about what asyncio's exception handler is told."""
    error = context.get("exception")
    if not isinstance(error, BaseException):
        return f"defect: {context.get('message')}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename}:{frame.lineno}"
    return f"defect: {context.get('message')}: {type(error).__name__}: {error} ({where})"


def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `work` beside everything else.

    asyncio keeps an exception of a task to itself until the task is collected, which in a
    process without garbage collection is never. Here it goes to the loop's exception handler.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_complain)
    return task


async def cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have put away what they hold."""
    for task in tasks:
        task.cancel()
    await end_of(tasks)


async def end_of(tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait for tasks that are cancelled already: once more would interrupt what they put away.

    For a few seconds: one that cannot be cancelled must not keep a process from ending.
    """
    if tasks:
        await asyncio.wait(tasks, timeout=_FAREWELL_SECONDS)


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": f"task '{task.get_name()}'", "exception": error}
        task.get_loop().call_exception_handler(context)
