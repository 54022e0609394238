"""Random and damaged bytes for the readers of the family IPVS and of the connection table."""

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimaran.dataplane.ipvs import attributes, procfs, replies
from trimaran.dataplane.ipvs.attributes import Malformed
from trimaran.dataplane.ipvs.netlink import messages

READERS: list[Callable[[bytes], object]] = [
    replies.read_service,
    replies.read_destination,
    replies.read_destination_view,
    replies.read_sync_daemon,
    replies.read_timeouts,
    replies.read_info,
]

values = st.binary(max_size=20)
nests = st.dictionaries(st.integers(0, 16), values, max_size=16).map(
    lambda fields: b"".join(attributes.binary(kind, value) for kind, value in fields.items())
)
replies_of_any_sort = st.binary() | st.dictionaries(st.integers(0, 7), nests | values).map(
    lambda fields: b"".join(attributes.binary(kind, value) for kind, value in fields.items())
)


@pytest.mark.parametrize("read", READERS)
@given(replies_of_any_sort)
def test_a_reply_is_read_or_malformed(read: Callable[[bytes], object], reply: bytes) -> None:
    with suppress(Malformed):
        read(reply)


@given(st.binary() | st.binary(min_size=12).map(lambda b: struct.pack("=I", len(b) + 4) + b))
def test_a_datagram_is_split_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        for _, _, _, body in messages(data):
            assert len(body) <= len(data) - 16


fields = ["TCP", "0A000001", "1F90", "2001:db8::1", "0050", "C0A80101", "0050", "NONE", "57"]
odd_words = st.sampled_from(["-1", "10000", "2001:db8::1", "", "sip", "0", "\u0660"])
nearly = st.builds(
    lambda place, word: " ".join([*fields[:place], word, *fields[place + 1 :]]),
    st.integers(0, len(fields)),
    odd_words,
)


@given(st.lists(st.text() | nearly))
def test_the_connection_table_is_read_or_passed_over(lines: list[str]) -> None:
    for connection in procfs.connections(lines):
        assert 0 <= connection.client_port <= 0xFFFF
        assert 0 <= connection.virtual_port <= 0xFFFF
        assert 0 <= connection.destination.port <= 0xFFFF
        assert connection.expires >= 0


def test_a_whole_line_is_read() -> None:
    (connection,) = procfs.connections([" ".join(fields) + "\n"])
    assert (connection.client_port, connection.expires, connection.state) == (8080, 57, "NONE")
