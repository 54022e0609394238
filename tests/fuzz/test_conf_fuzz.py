"""No text, however broken, does more to the reader than to be refused."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trimaran.conf import Result, Severity, Surroundings, load
from trimaran.conf.known import known_keywords
from trimaran.conf.lines import Lines
from trimaran.conf.memory import Memory, Recollection
from trimaran.conf.report import Report
from trimaran.conf.tokens import SCRIPT_LIKE, literal_words, source
from trimaran.views.diagnostics import diagnostic_text, results_json
from trimaran.views.effective import effective_text

KEYWORDS = sorted({keyword for block in known_keywords().values() for keyword in block})
VALUES = ["1", "256", "-1", "0.5", "9" * 5000, "192.168.1.10/24", "192.168.1.10", "fe80::1/64"]
VALUES += ["rr", "DR", "TCP", "MASTER", "eth0", "dev", "label", "$A", "${A}", '"', '"x y"', "\\#"]
LANGUAGE = ["{", "}", "\n", "{\n", "\n}\n", " ", "#", "!", "$A=1\n", "@lb1 ", "\r\n"]
LANGUAGE += ["~SEQ(i, 2) ", "~LST(i, a, b) ", "~SEQ(", "include f\n", "include g\n", "$i", "${i}"]
LANGUAGE += ["\n$A=", "\n$B=\\\n", "\\\n", "$B", "${_RANDOM 1 2}", "${_ENV A}", "'", "script"]
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(KEYWORDS + VALUES * 10 + LANGUAGE * 20), max_size=80).map(" ".join),
)


class Itself:
    """A world in which every file but one holds what is being read."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def find(self, pattern: str) -> Sequence[str]:
        return [pattern]

    def read(self, name: str) -> bytes:
        return b"$A=2\n}\n" if name == "f" else self._text


def judged(text: bytes) -> Result:
    """Whatever came out of it can be shown, and a configuration has no errors."""
    result = load(text, "f", surroundings=Surroundings(Itself(text), "lb1"))
    assert results_json({"f": result})
    for diagnostic in result.diagnostics:
        assert len(diagnostic_text(diagnostic).split("\n")) <= 3
    if result.config and result.said:
        again = load(effective_text(result.said, result.config).encode(), "f")
        assert again.config == result.config
    errors = any(d.severity is Severity.ERROR for d in result.diagnostics)
    assert (result.config is None) == errors
    return result


@given(st.binary())
def test_any_bytes(text: bytes) -> None:
    judged(text)


@given(texts)
def test_any_text(text: str) -> None:
    result = judged(text.encode("utf-8", "replace"))
    places = [(d.span.line, d.span.column) for d in result.diagnostics if d.span.file == "f"]
    assert places == sorted(places)


@given(texts)
def test_every_word_is_where_it_says(text: str) -> None:
    file = source("f", text)
    for number, line in enumerate(file.lines, start=1):
        words = literal_words(file, number, line)
        ends = 0
        for word in words:
            start = word.column - 1
            assert start >= ends
            ends = start + word.length
            raw = line[start:ends]
            if words[0].text in SCRIPT_LIKE:
                continue
            if word.quoted:
                assert raw == f'"{word.text}' + ('"' if word.closed else "")
            else:
                assert raw.replace("\\#", "#").replace("\\!", "!") == word.text


plain = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='\\{}"$#!~@'))


@given(st.lists(st.text("ab1.\"'", min_size=1), min_size=1, max_size=9), st.data())
def test_a_value_is_as_good_as_its_definition(pieces: list[str], data: st.DataObject) -> None:
    """Whatever part of a line is put into definitions, the same words come out."""
    line = " ".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=4)))
    parts = [line[a:b] for a, b in pairwise([0, *cuts, len(line)])]
    defined = [f"$V{n}={part}" for n, part in enumerate(parts) if part == part.strip()]
    used = "".join(f"${{V{n}}}" if part == part.strip() else part for n, part in enumerate(parts))
    assert texts_of("\n".join([*defined, used])) == texts_of(line)


@given(plain, st.integers(1, 5))
def test_a_repeated_line_is_that_line_many_times(line: str, times: int) -> None:
    assert texts_of(f"~SEQ(i, {times}) {line}") == texts_of(line) * times


def texts_of(text: str) -> list[list[str]]:
    lines = Lines(Surroundings(), Report(), Recollection(Memory()))
    return [[word.text for word in line] for line in lines.words(source("f", text))]


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


OF_SERVICES = [
    "lvs_sched mh",
    "lb_algo sh\nsh-port",
    "lvs_method DR",
    "lb_kind NAT",
    "protocol TCP",
]
OF_SERVICES += ["lvs_method TUN type gue port 7 csum", "persistence_timeout", "weight 7", "ops"]
OF_SERVICES += [
    "persistence_timeout 9",
    "quorum 3",
    "hysteresis 2",
    "sorry_server 10.9.9.9",
    "alpha",
]
OF_SERVICES += ["sorry_server_inhibit", "omega", "inhibit_on_failure", "ip_family inet", "retry 3"]
OF_SERVICES += [
    "quorum_up \"/a 'b c'\" u",
    "delay_loop 0.5",
    "warmup 1",
    "virtualhost h",
    "mh-port",
]
OF_SERVERS = ["weight 0", "weight 9", "uthreshold 5", "inhibit_on_failure no", "alpha", "retry 2"]
OF_SERVERS += [
    "notify_up '/a \"b\" \\#'",
    "notify_down /c",
    "lvs_method NAT",
    "TCP_CHECK",
    "warmup 0",
]
OF_SERVERS += ["TCP_CHECK {\nconnect_port 1\nretry 0\nbindto 10.0.0.9\n}", "connect_timeout 4"]
OF_ROUTERS = [
    "state MASTER",
    "state BACKUP",
    "priority 7",
    "priority 255",
    "nopreempt",
    "version 3",
]
OF_ROUTERS += ["advert_int 2", "garp_master_delay 1", "track_interface {\ne2 weight -5\ne3\n}"]
OF_GLOBALS = ['router_id "a #b"', "vrrp_version 3", "vrrp_garp_master_repeat 2", "script_user u"]
OF_GLOBALS += ["lvs_timeouts tcp 5 udp 6", "rs_init_notifies", "enable_script_security"]
TARGETS = ["10.0.0.1 80", "10.0.0.1", "fwmark 5", "group g"]


def lines_of(choices: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(choices), max_size=6).map("\n".join)


@given(
    st.sampled_from(TARGETS),
    lines_of(OF_SERVICES),
    lines_of(OF_SERVERS),
    lines_of(OF_ROUTERS),
    lines_of(OF_GLOBALS),
)
def test_what_is_in_force_means_the_same(
    target: str, service: str, server: str, router: str, whole: str
) -> None:
    text = f"""global_defs {{\n{whole}\n}}
        virtual_server_group g {{\n10.1.0.1-2 53\nfwmark 9\n}}
        virtual_server {target} {{\n{service}
          real_server 10.2.0.1 8080 {{\n{server}\n}}
          real_server 10.2.0.2 8080 {{\n}}
        }}
        vrrp_instance "a b" {{\ninterface e0\nvirtual_router_id 1\n{router}
          virtual_ipaddress {{\n10.0.0.1/24 dev e1\n}}
        }}"""
    result = judged(text.encode())
    errors = [str(d) for d in result.diagnostics if d.severity is Severity.ERROR]
    assert all("whole seconds" in error for error in errors), errors
