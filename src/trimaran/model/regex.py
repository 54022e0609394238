"""Tries a regex of `HTTP_GET` on a body: PCRE2, as keepalived, with bounded effort.

PCRE2's options are given as settings within the pattern.
"""

import re
from functools import lru_cache

import pcre2

from trimaran.model.check import Regex

LONGEST_SUBJECT = 256 * 2**10
"""Bytes of a body that are searched: the cost of a bad pattern grows with their square."""
_LIMIT = "(*LIMIT_MATCH=1000000)"
_FIRST = {
    "utf": "(*UTF)",
    "ucp": "(*UCP)",
    "no_auto_possess": "(*NO_AUTO_POSSESS)",
    "no_dotstar_anchor": "(*NO_DOTSTAR_ANCHOR)",
    "no_start_optimize": "(*NO_START_OPT)",
}
_THEN = {
    "caseless": "(?i)",
    "dotall": "(?s)",
    "dupnames": "(?J)",
    "extended": "(?x)",
    "extended_more": "(?xx)",
    "multiline": "(?m)",
    "no_auto_capture": "(?n)",
    "ungreedy": "(?U)",
    "anchored": r"\G",
}
_ESCAPE = re.compile(r"\\(?:x\{0*([0-9A-Fa-f]{1,5})\}|.)", re.DOTALL)
OPTIONS = (*_FIRST, *_THEN)
"""Names of PCRE2's options, in the form of keepalived, that a `Regex` may have."""


class BadPattern(ValueError):
    """Not a pattern; says why."""


def check(regex: Regex) -> None:
    """Raises `BadPattern`."""
    try:
        _compiled(regex)
    except pcre2.LibraryError as error:
        # What stands before is the position, counted from what was put before the pattern.
        raise BadPattern(str(error).rpartition("; ")[2]) from None


def search(regex: Regex, subject: bytes) -> tuple[bool, str]:
    """Whether a subject matches where a match may start, and why that cannot be said ("")."""
    try:
        found = _compiled(regex).search(subject, regex.first)
    except pcre2.LibraryError as error:
        return False, str(error)
    return found is not None and (regex.last is None or found.start() <= regex.last), ""


@lru_cache(maxsize=4096)
def _compiled(regex: Regex) -> pcre2.Pattern:
    first = "".join(_FIRST[option] for option in regex.options if option in _FIRST)
    then = "".join(text for option, text in _THEN.items() if option in regex.options)
    pattern = _ESCAPE.sub(_short_form, regex.pattern)
    return pcre2.compile(f"{_LIMIT}{first}{then}{pattern}".encode())


def _short_form(escape: re.Match[str]) -> str:
    """The library that we call PCRE2 through lets it read escapes as JavaScript does: `\\x{41}`
    must be `\\x41`."""
    if escape[1] is None:
        return escape[0]
    number = int(escape[1], 16)
    return f"\\x{number:02x}" if number < 256 else chr(number)
