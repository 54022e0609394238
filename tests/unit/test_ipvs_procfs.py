"""The connection table, as a real kernel listed it (ipvs-golden, scenarios 10, 22 and 29)."""

from ipaddress import ip_address

from trimaran.dataplane.base import Connection
from trimaran.dataplane.ipvs.procfs import connections
from trimaran.model.service import ServerKey

TABLE = """\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 2001:0db8:000c:0001:0000:0000:0000:0005 03ED 2001:0db8:0001:0000:0000:0000:0000:0010 0050 \
2001:0db8:0001:0000:0000:0000:0000:0101 0050 SYN_RECV         57
TCP 0A000701 0000 C0A8010A 0000 C0A80165 0000 NONE            197
UDP 0A000009 0000 C0A8010A 13C4 C0A80166 13C4 NONE             57 sip abc@h
SCTP 0A000009 1B5A C0A8010A 0F1C C0A80165 0F1C S-RECEIVED       58
"""


def test_the_kernels_table() -> None:
    assert list(connections(TABLE.splitlines(keepends=True))) == [
        _connection(
            ("TCP", "2001:db8:c:1::5", 1005, "2001:db8:1::10", 80),
            ServerKey(ip_address("2001:db8:1::101"), 80),
            ("SYN_RECV", 57),
        ),
        _connection(
            ("TCP", "10.0.7.1", 0, "192.168.1.10", 0),
            ServerKey(ip_address("192.168.1.101"), 0),
            ("NONE", 197),
        ),
        _connection(
            ("UDP", "10.0.0.9", 0, "192.168.1.10", 5060),
            ServerKey(ip_address("192.168.1.102"), 5060),
            ("NONE", 57, "sip", "abc@h"),
        ),
        _connection(
            ("SCTP", "10.0.0.9", 7002, "192.168.1.10", 3868),
            ServerKey(ip_address("192.168.1.101"), 3868),
            ("S-RECEIVED", 58),
        ),
    ]


def test_a_call_id_with_blanks_is_kept_and_the_rest_of_one_with_line_ends_passed_over() -> None:
    line = "UDP 0A000009 0000 C0A8010A 13C4 C0A80166 13C4 NONE 57 sip a b\n"
    found = list(connections([line, "c@h and so on\n", line]))
    assert [connection.engine_data for connection in found] == ["a b", "a b"]


def _connection(
    ends: tuple[str, str, int, str, int], destination: ServerKey, rest: tuple[object, ...]
) -> Connection:
    protocol, client, client_port, virtual, virtual_port = ends
    return Connection(
        protocol,
        ip_address(client),
        client_port,
        ip_address(virtual),
        virtual_port,
        destination,
        *rest,  # type: ignore[arg-type]
    )
