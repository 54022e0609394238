"""The tables of the hash schedulers against those of the kernel (shared/ipvs-golden)."""

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from trimaran.dataplane.buckets import destination_hash_table, source_hash_table
from trimaran.dataplane.maglev import MAGLEV_SLOTS, maglev_table
from trimaran.dataplane.siphash import siphash13

VECTORS = sorted((Path(__file__).parents[1] / "data" / "ipvs" / "hash-vectors").glob("*-mh-*.json"))


def folded(address: str) -> int:
    number = int(ip_address(address))
    words = [number >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)]
    return words[0] ^ words[1] ^ words[2] ^ words[3]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_maglev_tables_are_those_of_the_kernel(path: Path) -> None:
    golden = json.loads(path.read_text())
    prefix = "192.168.1.10" if golden["family"] == 4 else "2001:db8:1::10"
    newest_first = golden["dests_in_add_order"][::-1]
    servers = [(folded(f"{prefix}{number}"), golden["port"]) for number, _ in newest_first]
    # The vectors' destinations were added one by one: the table of the last state counts.
    table = maglev_table(servers, [weight for _, weight in newest_first])
    assert [newest_first[place][0] for place in table] == golden["mh_table"]


def test_siphash_1_3_of_its_authors() -> None:
    # The reference implementation's first vector for SipHash-1-3 with key 00 01 ... 0f.
    k0, k1 = (int.from_bytes(bytes(range(at, at + 8)), "little") for at in (0, 8))
    assert siphash13(k0, k1, b"") == 0xABAC0158050FC4DC


def test_source_hash_gives_each_at_least_one_bucket_in_turn() -> None:
    assert source_hash_table([2, 0, 1])[:6] == [0, 0, 1, 2, 0, 0]
    assert source_hash_table([]) == []
    assert source_hash_table([1000, 1]) == [0] * 256
    assert destination_hash_table(3)[:4] == [0, 1, 2, 0]


def test_maglev_without_shares_or_with_too_many_servers_is_empty() -> None:
    assert not len(maglev_table([(1, 80), (2, 80)], [0, 0]))
    many = MAGLEV_SLOTS + 1
    assert not len(maglev_table([(n, 80) for n in range(many)], [1] * many))


def test_services_with_the_same_servers_share_a_table() -> None:
    servers = [(1, 80), (2, 80), (3, 80)]
    table = maglev_table(servers, [1, 2, 1])
    assert maglev_table([*servers], [2, 4, 2]) is table
    assert maglev_table(servers[::-1], [1, 2, 1]) is not table
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 2
