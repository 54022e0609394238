"""Keywords of `MISC_CHECK`."""

from trimaran.conf.schema import Keyword
from trimaran.conf.scripts import Account, Command
from trimaran.conf.table.check_words import check, retry_word
from trimaran.conf.values import Flag, Seconds
from trimaran.model.duration import SECOND

MISC_PATH = Keyword(
    "misc_path",
    Command(),
    "The program, without a shell. Exit status 0: the server is fit.",
    required="write 'misc_path \"/path/to/program ARGUMENT ...\"'",
)
MISC_TIMEOUT = Keyword(
    "misc_timeout",
    Seconds(0, 4294967 * SECOND, decimals=0),
    "The program and all that it started are ended after this: the server is unfit. "
    "Default, and 0: delay_loop.",
)
MISC_DYNAMIC = Keyword(
    "misc_dynamic",
    Flag(),
    "Exit status 0: fit, 1: unfit, 2 to 255: fit, and its weight is that less 2.",
    default=False,
)
MISC_USER = Keyword("user", Account(), "Whom it runs as. Default: script_user.")
MISC_RETRY = retry_word(0)
MISC_CHECK = check(
    "MISC_CHECK",
    "The server is fit if a program says so.",
    MISC_PATH,
    MISC_TIMEOUT,
    MISC_DYNAMIC,
    MISC_USER,
    retry=MISC_RETRY,
    connects=False,
    block_optional=False,
)
