"""What became of a reload, for people: diagnostics, what changed, and the verdict."""

import msgspec

from trimaran.daemon.reloading import Reloaded, Verdict
from trimaran.views.diagnostics import diagnostic_text


def from_json(text: bytes) -> Reloaded:
    """Read the daemon's answer. Raises `msgspec.DecodeError` if it is none."""
    return msgspec.json.decode(text, type=Reloaded)


def render_text(outcome: Reloaded) -> str:
    """As `trimaran check` says what is wrong; then a line for each change; then the verdict."""
    lines = [diagnostic_text(diagnostic) for diagnostic in outcome.diagnostics]
    lines += outcome.changes
    lines += outcome.left_out
    return "".join(f"{line}\n" for line in (*lines, _verdict(outcome)))


def exit_status(outcome: Reloaded) -> int:
    """As that of `trimaran check`: 0 clean, 1 warnings, 2 refused."""
    if outcome.verdict is Verdict.REFUSED:
        return 2
    return 1 if outcome.diagnostics or outcome.left_out else 0


def _verdict(outcome: Reloaded) -> str:
    if outcome.verdict is Verdict.REFUSED:
        reason = f"{outcome.reason}: " if outcome.reason else ""
        return f"reload refused: {reason}{outcome.verdict}"
    return f"reload: {outcome.verdict} ({outcome.seconds:.2f} s)"
