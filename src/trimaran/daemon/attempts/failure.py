"""What ends an attempt early."""

from trimaran.health.verdict import Verdict


class Failed(Exception):
    """An attempt has its verdict, wherever in it that became clear."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
