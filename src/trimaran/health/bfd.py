"""How a BFD_CHECK is judged: by the state of a BFD session."""

from collections.abc import Mapping

from trimaran.health.verdict import Verdict


def judge(sessions: Mapping[str, bool | None]) -> dict[str, Verdict]:
    """The verdicts of sessions by their names; none of those of which nothing is known."""
    return {
        name: Verdict(up, f"BFD session {name} is {'up' if up else 'down'}")
        for name, up in sessions.items()
        if up is not None
    }
