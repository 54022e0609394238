"""What the plane has been told, and how far it has done it."""

import asyncio

from trimaran.daemon.messages import Applied


class Applying:
    """Numbers what the plane is told; `wait` is over when it has done the latest."""

    def __init__(self) -> None:
        self._asked = 0
        self._done = Applied(0)
        self._news = asyncio.Event()

    def ask(self) -> int:
        """The number of what it is told now."""
        self._asked += 1
        return self._asked

    def take(self, done: Applied) -> None:
        """It says how far it is."""
        self._done = done
        self._news.set()

    async def wait(self, seconds: float) -> tuple[str, ...]:
        """Wait until it is done; what it had to leave out, or that it takes so long."""
        asked = self._asked
        try:
            async with asyncio.timeout(seconds):
                while self._done.number < asked:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return (f"the dataplane is not done with it after {seconds:g} s, and goes on",)
        return self._done.left_out
