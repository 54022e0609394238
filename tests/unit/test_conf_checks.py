"""What blocks of checks mean: the checks that come out."""

from ipaddress import ip_address
from typing import Any

import pytest

from trimaran.conf import load
from trimaran.daemon.encoding import decoder, encode
from trimaran.model.check import (
    Check,
    CheckTiming,
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    Regex,
    SmtpCheck,
    TcpCheck,
    Tls,
    UdpCheck,
    Url,
)
from trimaran.model.duration import SECOND
from trimaran.model.script import Script
from trimaran.model.service import RealServer, VirtualService

MISC_TIMING = CheckTiming(retry=0)
HTTP_TIMING = CheckTiming(delay_before_retry=3 * SECOND)
WEB = ip_address("10.0.1.1")


def server(inside: str, *, service: str = "", outside: str = "", warnings: int = 0) -> RealServer:
    text = (
        f"{outside}\nvirtual_server 10.0.0.1 80 {{\nprotocol tcp\nlvs_method DR\n{service}\n"
        f"real_server 10.0.1.1 80 {{\n{inside}\n}}\n}}\n"
    )
    result = load(text.encode(), "f")
    said = [str(diagnostic) for diagnostic in result.diagnostics]
    assert result.config is not None, said
    assert len(said) == warnings, said
    found = result.config.virtual_services
    assert decoder(tuple[VirtualService, ...]).decode(encode(found)) == found
    return found[0].real_servers[0]


def check(inside: str, **more: Any) -> Check:
    (only,) = server(inside, **more).checks
    return only


def refusal(inside: str) -> str:
    text = (
        "virtual_server 10.0.0.1 80 {\nprotocol tcp\nlvs_method DR\n"
        f"real_server 10.0.1.1 80 {{\n{inside}\n}}\n}}\n"
    )
    result = load(text.encode(), "f")
    assert result.config is None
    return str(result.diagnostics[0]).partition("error: ")[2]


def http(*urls: Url, **more: Any) -> HttpCheck:
    return HttpCheck(WEB, 80, **{"timing": HTTP_TIMING, "urls": urls} | more)


def test_words_of_all_connections() -> None:
    said = check(
        "TCP_CHECK {\nbindto 10.0.0.9\nbind_port 700\nbind_if eth1\nfwmark 7\n"
        "connect_timeout 2\nlog_all_failures\nretry 0\n}"
    )
    timing = CheckTiming(retry=0, log_all_failures=True)
    source = ip_address("10.0.0.9")
    assert said == TcpCheck(WEB, 80, source, 2 * SECOND, timing, 700, "eth1", 7)


def test_what_is_said_for_all_checks_is_inherited() -> None:
    everywhere = "global_defs {\nchecker_log_all_failures\n}"
    said = check("TCP_CHECK", outside=everywhere)
    assert said.timing.log_all_failures
    said = check("TCP_CHECK {\nlog_all_failures off\n}", outside=everywhere)
    assert not said.timing.log_all_failures


def test_alpha_of_a_check_is_that_of_its_server() -> None:
    assert server("TCP_CHECK {\nalpha\n}").alpha
    assert not server("TCP_CHECK").alpha


def test_equal_checks_are_one() -> None:
    assert len(server("TCP_CHECK\nTCP_CHECK {\nconnect_port 80\n}").checks) == 1


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("url {\npath /\n}", http(Url("/"))),
        (
            'url {\npath /a?b=c\n}\nurl {\npath "/d"\nstatus_code 200 300-399\n}',
            http(Url("/a?b=c"), Url("/d", status=((200, 200), (300, 399)))),
        ),
        (
            "url {\npath /\ndigest 9B3A0C85A887A256D6939DA88AABD8CD\n}",
            http(Url("/", digest="9b3a0c85a887a256d6939da88aabd8cd")),
        ),
        (
            "url {\npath /\ndigest MD5SUM = 9b3a0c85a887a256d6939da88aabd8cd\n}",
            http(Url("/", digest="9b3a0c85a887a256d6939da88aabd8cd")),
        ),
        (
            'url {\npath /\nregex "a\\\\d+ b"\nregex_no_match\nregex_options caseless dotall\n'
            "regex_min_offset 3\nregex_max_offset 9\n}",
            http(Url("/", regex=Regex("a\\d+ b", True, ("caseless", "dotall"), 3, 9))),
        ),
        ("http_protocol 1.1\nurl {\npath /\n}", http(Url("/"), protocol="1.1")),
        ("http_protocol 1.0k\nurl {\npath /\n}", http(Url("/"), protocol="1.0K")),
        (
            "retry 2\ndelay_before_retry 1\nurl {\npath /\n}",
            http(Url("/"), timing=CheckTiming(retry=2)),
        ),
        (
            "virtualhost a.example\nurl {\npath /\n}\nurl {\npath /\nvirtualhost b.example\n}",
            http(Url("/", "a.example"), Url("/", "b.example")),
        ),
    ],
)
def test_http(inside: str, expected: HttpCheck) -> None:
    assert check(f"HTTP_GET {{\n{inside}\n}}") == expected


@pytest.mark.parametrize(
    ("inside", "tls"),
    [
        ("", Tls()),
        ("enable_sni\nvirtualhost a.example", Tls("a.example")),
        ("sni_name b.example\nvirtualhost a.example", Tls("b.example")),
        ("verify_certificate", Tls(verify=True)),
        ("verify_certificate /etc/ca.pem", Tls(verify=True, authorities="/etc/ca.pem")),
    ],
)
def test_tls(inside: str, tls: Tls) -> None:
    said = check(f"SSL_GET {{\n{inside}\nurl {{\npath /\n}}\n}}")
    host = "a.example" if "virtualhost" in inside else ""
    assert said == http(Url("/", host), tls=tls)


def test_our_own_certificate_is_that_of_the_file() -> None:
    ours = "SSL {\ncertificate /a\nkey /b\npassword c\nca /d\n}"
    get = "SSL_GET {\n%s\nurl {\npath /\ntls_compliant\n}\n}"
    url = Url("/", tls_compliant=True)
    assert check(get % "", outside=ours) == http(
        url, tls=Tls(certificate="/a", key="/b", password="c")
    )
    assert check(get % "verify_certificate", outside=ours) == http(
        url, tls=Tls("", True, "/d", "/a", "/b", "c")
    )


def test_the_nearest_virtualhost_counts() -> None:
    inside = "%s\nHTTP_GET {\nurl {\npath /\n}\n}"
    outer = "virtualhost a.example"
    assert check(inside % "", service=outer) == http(Url("/", "a.example"))
    assert check(inside % "virtualhost b.example", service=outer) == http(Url("/", "b.example"))


@pytest.mark.parametrize(
    "inside",
    [
        "nb_get_retry 4\nurl {\npath /\n}",
        "retry 4\nfast_recovery\nurl {\npath /\n}",
        "retry 4\nurl {\npath /\nregex_stack 1 2\n}",
    ],
)
def test_what_is_said_in_vain_is_warned_of(inside: str) -> None:
    said = check(f"HTTP_GET {{\n{inside}\n}}", warnings=1)
    assert said.timing.retry == 4


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("HTTP_GET {\n}", "HTTP_GET has no url; write 'url { path / }'"),
        ("HTTP_GET", "HTTP_GET needs a block; write 'HTTP_GET { ... }'"),
        ("HTTP_GET {\nurl {\n}\n}", "url has no path; write 'path /'"),
        ("HTTP_GET {\nurl {\npath '/a b'\n}\n}", "'b'' is more than path takes"),
        ('HTTP_GET {\nurl {\npath "/a b"\n}\n}', "'/a b' is not a path of a URL; write %20"),
        ("HTTP_GET {\nurl {\npath /\nstatus_code 99\n}\n}", "status_code 99 is out of range"),
        ("HTTP_GET {\nurl {\npath /\nstatus_code 300-200\n}\n}", "'300-200' ends before it starts"),
        ("HTTP_GET {\nurl {\npath /\ndigest abc\n}\n}", "'abc' is not an MD5 digest; write its 32"),
        ('HTTP_GET {\nurl {\npath /\nregex "(a"\n}\n}', "this is not a regex of PCRE2: missing"),
        ("HTTP_GET {\nurl {\npath /\nregex a\nregex_options b\n}\n}", "not supported: regex_op"),
        ("HTTP_GET {\nhttp_protocol 2\nurl {\npath /\n}\n}", "'2' is not a value of http_protocol"),
        ("HTTP_GET {\ntls_compliant\nurl {\npath /\n}\n}", "'tls_compliant' does not belong in"),
    ],
)  # fmt: skip
def test_refusals(inside: str, message: str) -> None:
    assert refusal(inside).startswith(message)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("misc_path /bin/x", MiscCheck(Script(("/bin/x",)), timing=MISC_TIMING)),
        (
            "misc_path \"/bin/x a 'b c'\" web\nmisc_timeout 7\nmisc_dynamic",
            MiscCheck(Script(("/bin/x", "a", "b c"), "web"), 7 * SECOND, True, MISC_TIMING),
        ),
        (
            "misc_path /bin/x\nuser web www\nmisc_timeout 0\ndelay_loop 9\nretry 2",
            MiscCheck(
                Script(("/bin/x",), "web", "www"),
                9 * SECOND,
                timing=CheckTiming(delay_loop=9 * SECOND, retry=2),
            ),
        ),
    ],
)
def test_misc(inside: str, expected: MiscCheck) -> None:
    assert check(f"MISC_CHECK {{\n{inside}\n}}") == expected


TIMING = CheckTiming()
DNS_TIMING = CheckTiming(retry=3, delay_before_retry=60 * SECOND)
HELO = "smtpchecker.keepalived.org"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("SMTP_CHECK", SmtpCheck(WEB, 80, name=HELO)),
        ("SMTP_CHECK {\nhelo_name a.b\nretry 3\n}",
         SmtpCheck(WEB, 80, timing=CheckTiming(retry=3), name="a.b")),
        ("DNS_CHECK", DnsCheck(WEB, 80, timing=DNS_TIMING)),
        ("DNS_CHECK {\ntype txt\nname www.example\nconnect_port 53\n}",
         DnsCheck(WEB, 53, timing=DNS_TIMING, name="www.example.", record="TXT")),
        ("DNS_CHECK {\nname .\ndelay_before_retry 2\n}",
         DnsCheck(WEB, 80, timing=CheckTiming(retry=3, delay_before_retry=2 * SECOND))),
        ("UDP_CHECK", UdpCheck(WEB, 80)),
        ("UDP_CHECK {\npayload 00ff 10\nrequire_reply\nmin_reply_length 2\n}",
         UdpCheck(WEB, 80, payload=b"\0\xff\x10", reply=(), lengths=(2, 255))),
        ("UDP_CHECK {\nrequire_reply 6xx1 ff\nmax_reply_length 9\n}",
         UdpCheck(WEB, 80, reply=((0x60, 0xF0), (1, 15), (255, 255)), lengths=(0, 9))),
        ("PING_CHECK", PingCheck(WEB, 80)),
        ("PING_CHECK {\nconnect_ip 10.0.1.2\n}", PingCheck(ip_address("10.0.1.2"), 80)),
    ],
)  # fmt: skip
def test_other_checks(inside: str, expected: Check) -> None:
    assert check(inside) == expected


def test_a_ping_needs_no_port() -> None:
    text = (
        "virtual_server 10.0.0.1 {\nprotocol tcp\nlvs_method DR\nreal_server 10.0.1.1 {\n%s\n}\n}"
    )
    assert load((text % "PING_CHECK").encode(), "f").config is not None
    assert load((text % "UDP_CHECK").encode(), "f").config is None


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("UDP_CHECK {\npayload 0\n}", "'0' is not bytes in hexadecimal; write two digits"),
        ("UDP_CHECK {\npayload 0x\n}", "'0x' is not bytes in hexadecimal"),
        ("UDP_CHECK {\nrequire_reply\nmin_reply_length 300\n}", "a reply cannot have at least"),
        ("DNS_CHECK {\ntype B\n}", "'B' is not a value of type"),
        ("DNS_CHECK {\nname a..b\n}", "'a..b' is not a domain name"),
    ],
)
def test_other_refusals(inside: str, message: str) -> None:
    assert refusal(inside).startswith(message)


FILES = "track_file a {\nfile /run/a\n}\ntrack_file b {\nfile /run/b\nweight 5 reverse\n}"
EACH_SECOND = CheckTiming(SECOND, 0)


@pytest.mark.parametrize(
    ("inside", "path", "weight"),
    [
        ("track_file a", "/run/a", 1),
        ("track_file b", "/run/b", -5),
        ("track_file b\nweight 0", "/run/b", 0),
        ("track_file a\nweight -7 reverse", "/run/a", 7),
    ],
)
def test_files(inside: str, path: str, weight: int) -> None:
    expected = FileCheck(path, weight, EACH_SECOND)
    assert check(f"FILE_CHECK {{\n{inside}\n}}", outside=FILES) == expected


def test_a_file_must_be_known() -> None:
    assert refusal("FILE_CHECK {\ntrack_file c\n}").startswith("there is no track_file 'c'")


def test_misc_needs_a_program() -> None:
    assert refusal("MISC_CHECK {\n}").startswith("MISC_CHECK has no misc_path")
