"""Synchronisation datagrams against the kernel's own (shared/ipvs-golden/sync)."""

import json
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.sync.datagram import HEADER_LENGTH, Received, decode, encode, end, request
from trimaran.sync.record import STATES, Flag, Record

DATA = Path(__file__).parents[1] / "data" / "ipvs" / "sync"
SENT = json.loads((DATA / "master.json").read_text())["cases"]
RECEIVED = json.loads((DATA / "backup.json").read_text())["cases"]
SYNCID = 9

# What the kernel's table did not show although the record was taken: nothing had changed.
UNCHANGED = {"dest changed back, record inactive"}


@pytest.mark.parametrize("case", SENT, ids=lambda case: case["name"])
def test_the_kernels_datagrams_are_read_and_written_alike(case: dict[str, Any]) -> None:
    for text in case["datagrams"]:
        data = bytes.fromhex(text)
        received = decode(data, SYNCID)
        assert received.records
        assert not received.discarded
        if data[0] == 0:
            assert list(encode(received.records, SYNCID, 1472)) == [data]


@pytest.mark.parametrize("case", RECEIVED, ids=lambda case: case["name"])
def test_what_the_kernel_took_is_taken(case: dict[str, Any]) -> None:
    received = decode(bytes.fromhex(case["datagram"]), SYNCID)
    assert not (case["new_or_changed"] and not received.records)
    if case["name"] in UNCHANGED:
        assert received.records
        return
    assert len(received.records) == len(case["new_or_changed"])
    for record, shown in zip(received.records, case["new_or_changed"], strict=True):
        assert record.client == ip_address(shown["c"])
        assert record.virtual == ip_address(shown["v"])
        assert record.server == ip_address(shown["d"])
        assert (record.virtual_port, record.server_port) == (shown["vp"], shown["dp"])
        assert [record.engine, record.engine_data.decode()] == (shown["rest"] or ["", ""])


def test_a_reason_for_what_is_left_out() -> None:
    silent = {"count 0", "version 2"}  # a version 0 datagram of no records, that one
    for case in RECEIVED:
        received = decode(bytes.fromhex(case["datagram"]), SYNCID)
        if case["name"] not in silent:
            assert received.records or received.discarded or received.request, case["name"]


addresses = st.one_of(
    st.tuples(*[st.integers(0, 2**32 - 1).map(IPv4Address)] * 3),
    st.tuples(*[st.integers(0, 2**128 - 1).map(IPv6Address)] * 3),
)
ports = st.integers(0, 65535)


@st.composite
def records(draw: st.DrawFn) -> Record:
    protocol = draw(st.sampled_from(sorted(STATES)))
    client, virtual, server = draw(addresses)
    sequence = draw(st.none() | st.tuples(*[st.integers(0, 2**32 - 1)] * 6))
    engine = draw(st.sampled_from(["", "sip"]))
    return Record(
        protocol=protocol,
        flags=Flag(draw(st.sampled_from([3, 0x83, 0x183, 0x100]))),
        state=draw(st.integers(0, STATES[protocol] - 1)),
        client=client,
        client_port=draw(ports),
        virtual=virtual,
        virtual_port=draw(ports),
        server=server,
        server_port=draw(ports),
        mark=draw(st.integers(0, 2**32 - 1)),
        timeout=draw(st.integers(0, 2**32 - 1)),
        sequence=sequence,
        engine=engine,
        engine_data=draw(st.binary(min_size=1, max_size=255)) if engine else b"",
    )


@settings(max_examples=40)
@given(st.lists(records(), max_size=60), st.integers(400, 1472))
def test_what_is_written_is_read(told: list[Record], longest: int) -> None:
    datagrams = list(encode(told, SYNCID, longest))
    assert all(HEADER_LENGTH < len(datagram) <= longest for datagram in datagrams)
    heard = [record for datagram in datagrams for record in decode(datagram, SYNCID).records]
    assert heard == told


@given(st.binary(max_size=200), st.integers(0, 255))
def test_no_bytes_do_harm(data: bytes, syncid: int) -> None:
    assert isinstance(decode(data, syncid), Received)


@given(st.sampled_from(RECEIVED), st.data())
def test_no_mutation_does_harm(case: dict[str, Any], data: st.DataObject) -> None:
    mutated = bytearray.fromhex(case["datagram"])
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(mutated), 0)


def test_datagrams_without_records_ask_and_end() -> None:
    assert decode(request(SYNCID), SYNCID) == Received(request=True)
    assert decode(end(SYNCID), SYNCID) == Received(end=True)
    assert decode(request(SYNCID), 3).request is False
