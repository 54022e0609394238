"""What is said of wrong files, word for word.

`tests/data/conf` holds pairs: a file and everything that is said of it. Short cases are below.
"""

from pathlib import Path

import pytest

from trimaran.conf import fitted, load
from trimaran.views.diagnostics import diagnostic_text

CASES = sorted((Path(__file__).parents[1] / "data" / "conf").glob("*.conf"))

ROUTER = """\
vrrp_instance ip1 {
  interface eth0
  virtual_router_id 1
  virtual_ipaddress {
    192.168.1.10/24
  }
  %s
}
"""
SERVICE = """\
virtual_server 192.168.1.10 80 {
  lvs_sched rr
  lvs_method DR
  protocol TCP
  real_server 192.168.1.201 80 {
    %s
  }
}
"""


def said(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return "".join(diagnostic_text(d) + "\n" for d in load(raw, "f").diagnostics)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_file(case: Path) -> None:
    result = load(case.read_bytes(), case.name)
    text = "".join(diagnostic_text(d) + "\n" for d in result.diagnostics)
    assert text == case.with_suffix(".txt").read_text()


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        (b"", "f:1:1: error: nothing is configured; write a vrrp_instance or a virtual_server"),
        (
            b"# a comment\nglobal_defs { router_id x }",
            "f:1:1: error: nothing is configured; write a vrrp_instance or a virtual_server",
        ),
        (
            b"\x7fELF\x02\x01\x00",
            "f:1:1: error: this is a binary file; write a text file in keepalived.conf's language",
        ),
        (
            b"\n# caf\xe9\n",
            "f:2:6: error: this is not UTF-8 text; save the file as UTF-8",
        ),
        (
            b"\xef\xbb\xbf# \xc3\xa9\xe9",
            "f:1:4: error: this is not UTF-8 text; save the file as UTF-8",
        ),
    ],
)
def test_whole_file(text: bytes, first_line: str) -> None:
    assert said(text).splitlines()[0] == first_line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("priority 0", "12: error: priority 0 is out of range; write a number from 1 to 255"),
        ("priority 256", "12: error: priority 256 is out of range; write a number from 1 to 255"),
        (f"priority {'9' * 30}", f"12: error: priority {'9' * 30} is out of range; "
         "write a number from 1 to 255"),
        ("priority 1e2", "12: error: priority '1e2' is not a whole number; "
         "write a number from 1 to 255"),
        ("priority", "3: error: priority needs a value; write 'priority NUMBER (1-255)'"),
        ("priority 1 2", "14: error: '2' is more than priority takes; "
         "write 'priority NUMBER (1-255)'"),
        ("Priority 1", "3: error: unknown keyword 'Priority'; did you mean 'priority'?"),
        ("state master", "9: error: 'master' is not a value of state; did you mean 'MASTER'?"),
        ("advert_int 0", "14: error: advert_int 0 is out of range; "
         "write seconds from 0.01 to 255"),
        ("advert_int fast", "14: error: advert_int 'fast' is not a number of seconds; "
         "write seconds from 0.01 to 255"),
        ("connect_timeout 3", "3: error: 'connect_timeout' does not belong in vrrp_instance; "
         "it belongs in virtual_server or in real_server or in SMTP_CHECK"),
        ("use_ipvlan", "3: error: not supported: 'use_ipvlan'"),
    ],
)  # fmt: skip
def test_line_of_a_virtual_router(line: str, message: str) -> None:
    lines = said(ROUTER % line).splitlines()
    assert lines[0] == f"f:7:{message}"
    assert lines[1] == f"  {line}"
    column = int(message.split(":")[0])
    assert lines[2].startswith(" " * (column - 1) + "^")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("weight 2147483648", "12: error: weight 2147483648 is out of range; "
         "write a number from 0 to 2147483647"),
        ("retry 0", "11: error: retry 0 is out of range; write a number from 1 to 4294967295"),
        ("TCP_CHECK { connect_port 70000 }", "30: error: connect_port 70000 is out of range; "
         "write a number from 1 to 65535"),
        ("TCP_CHECK { connect_ip 1.2.3 }", "28: error: '1.2.3' is not an IP address; "
         "write an address such as 192.168.1.201 or 2001:db8::1"),
        ("BFD_CHECK { name a }", "22: error: there is no bfd_instance 'a'; "
         "write 'bfd_instance NAME { neighbor_ip ADDRESS }', at the top level"),
        ("TCP_CHECK { nb_get_retry 3 }", "17: error: 'nb_get_retry' is obsolete; write 'retry'"),
    ],
)  # fmt: skip
def test_line_of_a_real_server(line: str, message: str) -> None:
    lines = said(SERVICE % line).splitlines()
    assert lines[0] == f"f:6:{message}"
    assert len(lines) == 3


def test_a_line_without_fault_says_nothing() -> None:
    assert said(ROUTER % "") == ""
    assert said(SERVICE % "") == ""


def test_an_absent_interface_is_reported_once_where_it_is_named() -> None:
    text = (ROUTER % "track_interface { eth1 }").replace("/24", "/24 dev eth0")
    read = load(text.encode(), "f")
    result = fitted(read, frozenset({"lo", "eth1"}))
    assert [str(d) for d in result.diagnostics] == [
        "f:2:13: error: this machine has no interface 'eth0'; it has eth1, lo"
    ]
    assert result.config is None
    assert fitted(read, frozenset({"eth0", "eth1"})) == read


def test_carets_stand_under_wide_characters() -> None:
    lines = said("\u7db2\u8def \u0065\u0301 { }\n").splitlines()
    assert lines[1:] == ["\u7db2\u8def \u0065\u0301 { }", "^^^^"]


def test_a_terminal_gets_no_escape_sequences() -> None:
    text = said("\x1b[31mred\x1b[0m\n")
    assert "\x1b" not in text
    assert "\ufffd[31mred" in text


def test_a_very_long_line_is_shown_in_part() -> None:
    text = said("x " * 5000 + "{\n}\n" + "y" * 100_000)
    assert max(len(line) for line in text.splitlines()) < 600


def test_errors_without_end_have_an_end() -> None:
    lines = said("zork\n" * 100_000).splitlines()
    assert lines[-3] == "f:1000:1: error: too many errors; the rest of the file is not judged"
    assert len(lines) == 3 * 1001
