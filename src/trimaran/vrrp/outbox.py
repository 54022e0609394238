"""What a machine asks for while it handles one event."""

from trimaran.vrrp.actions import REPORTS, Action, Warn


class Outbox:
    """Collects actions from all parts of one machine."""

    def __init__(self) -> None:
        self._actions: list[Action] = []
        self._warned: set[str] = set()

    def put(self, action: Action) -> None:
        """To be done after what was put before; reports are put last when the box is emptied."""
        self._actions.append(action)

    def warn(self, kind: str, text: str) -> None:
        """Say something that an operator should look at, once for each kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            self.put(Warn(text))

    def forget_warnings(self) -> None:
        """A new configuration may have mended what was said: say it again if not."""
        self._warned.clear()

    def empty(self) -> list[Action]:
        """Everything that was put since the last time, in the order in which to do it."""
        actions, self._actions = self._actions, []
        return sorted(actions, key=lambda action: isinstance(action, REPORTS))
