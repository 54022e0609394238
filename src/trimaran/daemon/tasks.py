"""Background work whose failure is noticed at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `work` beside everything else.

    asyncio keeps an exception of a task to itself until the task is collected, which in a
    process without garbage collection is never. Here it goes to the loop's exception handler.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_complain)
    return task


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": f"task '{task.get_name()}'", "exception": error}
        task.get_loop().call_exception_handler(context)
