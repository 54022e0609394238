"""Keywords of `FILE_CHECK`, and the files that it names."""

from trimaran.conf.schema import Block, Keyword
from trimaran.conf.values import Flag, Text
from trimaran.conf.values_checks import SignedWeight

_LARGEST = 2**31 - 1

FILE = Keyword("file", Text("PATH"), "The file.", required="write 'file PATH'")
FILE_WEIGHT = Keyword(
    "weight", SignedWeight(254), "What the number in it is multiplied with.", default=1
)
TRACK_FILE = Keyword(
    "track_file",
    Text("NAME"),
    "A file that holds a number. A file that is not there holds 0.",
    repeats=True,
    block=Block("track_file", (FILE, FILE_WEIGHT)),
)

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
