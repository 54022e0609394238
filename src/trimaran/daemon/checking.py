"""The checker as a child process: the bus on one side, the checks on the other."""

from trimaran.daemon.checker import Checker
from trimaran.daemon.child import Send
from trimaran.daemon.messages import ConfigureChecker, ToChild


class Checking:
    """Body of the checker process."""

    def __init__(self, send: Send) -> None:
        self._checker = Checker(send)

    async def start(self) -> None:
        """Nothing to set up: checks start with the configuration."""

    def handle(self, message: ToChild) -> None:
        match message:
            case ConfigureChecker(services):
                self._checker.configure(services)

    async def stop(self) -> None:
        self._checker.close()
