"""No text, however broken, does more to the reader than to be refused."""

from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from trimaran.conf import Result, Severity, load
from trimaran.conf.known import known_keywords
from trimaran.conf.tokens import source, words_by_line
from trimaran.views.diagnostics import diagnostic_text, results_json

KEYWORDS = sorted({keyword for block in known_keywords().values() for keyword in block})
VALUES = ["1", "256", "-1", "0.5", "9" * 5000, "192.168.1.10/24", "192.168.1.10", "fe80::1/64"]
VALUES += ["rr", "DR", "TCP", "MASTER", "eth0", "dev", "label", "$A", "${A}", '"', '"x y"', "\\#"]
LANGUAGE = ["{", "}", "\n", "{\n", "\n}\n", " ", "#", "!", "$A=1\n", "@lb1 ", "~SEQ(i, 2) ", "\r\n"]
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(KEYWORDS + VALUES * 10 + LANGUAGE * 20), max_size=80).map(" ".join),
)


def judged(text: bytes) -> Result:
    """Whatever came out of it can be shown, and a configuration has no errors."""
    result = load(text, "f")
    assert results_json({"f": result})
    for diagnostic in result.diagnostics:
        assert len(diagnostic_text(diagnostic).split("\n")) <= 3
    errors = any(d.severity is Severity.ERROR for d in result.diagnostics)
    assert (result.config is None) == errors
    return result


@given(st.binary())
def test_any_bytes(text: bytes) -> None:
    judged(text)


@given(texts)
def test_any_text(text: str) -> None:
    result = judged(text.encode("utf-8", "replace"))
    places = [(d.span.line, d.span.column) for d in result.diagnostics]
    assert places == sorted(places)


@given(texts)
def test_every_word_is_where_it_says(text: str) -> None:
    file = source("f", text)
    for line in words_by_line(file):
        ends = 0
        for word in line:
            start = word.column - 1
            assert start >= ends
            ends = start + word.length
            raw = file.lines[word.line - 1][start:ends]
            if word.quoted:
                assert raw == f'"{word.text}' + ('"' if word.closed else "")
            else:
                assert raw.replace("\\#", "#").replace("\\!", "!") == word.text


@given(
    priority=st.integers(1, 254),
    vrid=st.integers(1, 255),
    address=st.ip_addresses(v=4, network="10.0.0.0/8"),
    layout=st.sampled_from(["\n", "\r\n", " # comment\n", "\n\n\t"]),
)
def test_what_is_written_is_what_is_read(
    priority: int, vrid: int, address: IPv4Address, layout: str
) -> None:
    lines = ["vrrp_instance x {", "interface eth0", f"virtual_router_id {vrid}"]
    lines += [f"priority {priority}", "virtual_ipaddress {", f"{address}/24", "}", "}"]
    result = judged(layout.join(lines).encode())
    assert result.diagnostics == ()
    assert result.config is not None
    (router,) = result.config.virtual_routers
    assert (router.priority, router.vrid) == (priority, vrid)
    assert [virtual.address for virtual in router.addresses] == [address]


def test_deep_nesting_is_no_deep_recursion() -> None:
    judged(b"a {\n" * 50_000)
    judged(b"vrrp_instance a {\n" + b"b {\n" * 50_000 + b"}\n" * 50_001)
