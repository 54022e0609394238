"""Keywords of `FILE_CHECK`."""

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.values import Flag, Text
from trimaran.conf.values_checks import SignedWeight

_LARGEST = 2**31 - 1

TRACKED = Keyword("track_file", Text("NAME"), "Which one.", required="write 'track_file NAME'")
CHECK_WEIGHT = Keyword(
    "weight",
    SignedWeight(_LARGEST),
    "0: the number 0 is good, all others are not. Else the number times this is added to the "
    "server's weight. Default: the track_file's.",
)
FILE_CHECK = Keyword(
    "FILE_CHECK",
    Flag(),
    "The number in a file, read once a second, says whether the server is fit, or for how much.",
    repeats=True,
    block=Block("virtual_server/real_server/FILE_CHECK", (TRACKED, CHECK_WEIGHT)),
)
