"""A reading with the memory of an earlier one finds just what a fresh one would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.conf import Memory, Result, Surroundings, load, services
from trimaran.conf.surroundings import Unreadable


def block(head: str, *inside: str) -> str:
    return "\n".join((f"virtual_server {head} {{", *inside, "}"))


def server(number: int, *inside: str) -> str:
    return "\n".join((f" real_server 10.0.1.{number} 80 {{", *inside, " }"))


PLAIN = " protocol TCP\n lvs_method DR"
CHECKED = server(1, "  SSL_GET {", "   url {", "    path /", "   }", "  }")
PIECES = [
    *(block(f"10.0.0.{n} 80", PLAIN, server(1), server(n, f"  weight {n}")) for n in (1, 2)),
    block("10.0.0.3 80", PLAIN, server(1, "  weight 7  # of a hundred")),
    block("10.0.0.4 80", server(1)),  # with warnings
    block("10.0.0.5 80", PLAIN, server(1, "  weight heavy")),
    block("10.0.0.6 80", PLAIN, CHECKED),
    block("10.0.0.7 80", PLAIN, server(1, "  weight $WEIGHT")),
    block("10.0.0.8 80", PLAIN, server(1, "  FILE_CHECK {", "   track_file f", "  }")),
    block("10.0.0.9 80", PLAIN, "@lb1 delay_loop 3", server(1)),
    block("group g", PLAIN, server(1)),
    block("fwmark 7", " lvs_method DR", server(1)),
    "virtual_server 10.0.0.1 80 { protocol TCP\n lvs_method DR",
    "virtual_server_group g {\n 10.0.2.1 80\n}",
    "virtual_server_group g {\n 10.0.2.1-9 80\n}",
    "track_file f {\n file /f\n}",
    "track_file f {\n file /f\n weight 3\n}",
    "SSL {\n ca /a\n}",
    "$WEIGHT=3",
    "$WEIGHT=4",
    "$BLOCK= \\",
    "$WHOLE= \\\n" + " \\\n".join(block("10.0.3.${N} 80", PLAIN, server(1)).splitlines()),
    "~SEQ(N, 2) $WHOLE",
    "global_defs {\n checker_log_all_failures\n}",
    "~SEQ(N, 2) # nothing",
    "include more.conf",
    "vrrp_instance a {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {",
    "}",
    "{",
    ' notify "',
    "",
]


class _More:
    """Another file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def find(self, pattern: str) -> list[str]:
        return [pattern]

    def read(self, name: str) -> bytes:
        if name != "more.conf":
            raise Unreadable("no")
        return self.text.encode()


def join(pieces: list[int]) -> str:
    return "\n".join(PIECES[number] for number in pieces)


def edited(pieces: list[int], edit: tuple[int, int, int]) -> list[int]:
    """Some of them replaced by one."""
    place, gone, new = edit
    return [*pieces[:place], *([new] if new < len(PIECES) else []), *pieces[place + gone :]]


pieces = st.lists(st.integers(0, len(PIECES) - 1), max_size=8)
edits = st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, len(PIECES)))


def read(main: str, more: str, memory: Memory | None = None) -> Result:
    return load(main.encode(), "main.conf", Surroundings(_More(more), "lb1"), memory)


@settings(max_examples=400, deadline=None)
@given(pieces, pieces, st.lists(st.tuples(st.booleans(), edits), max_size=4))
def test_what_is_found_with_a_memory_is_what_is_found_without(
    main: list[int], more: list[int], course: list[tuple[bool, tuple[int, int, int]]]
) -> None:
    memory = Memory()
    assert read(join(main), join(more), memory) == read(join(main), join(more))
    for is_main, edit in course:
        main, more = (edited(main, edit), more) if is_main else (main, edited(more, edit))
        assert read(join(main), join(more), memory) == read(join(main), join(more))


FILE = "\n".join(block(f"10.0.{n // 250}.{n % 250} 80", PLAIN, server(1)) for n in range(300))


def blocks_read(text: str, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which virtual_server blocks a reading really reads."""
    found: list[str] = []
    usual = services._Reader.services

    def noting(self: services._Reader, *arguments: object) -> object:
        found.append(self._block.title)
        return usual(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(services._Reader, "services", noting)
        assert load(text.encode(), "f", memory=memory).config is not None
    return found


def test_only_the_blocks_that_differ_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    assert len(blocks_read(FILE, memory, monkeypatch)) == 300
    assert blocks_read(FILE, memory, monkeypatch) == []
    changed = FILE.replace("10.0.0.77 80 {", "10.0.0.77 80 {\n delay_loop 9")
    assert blocks_read("\n\n" + changed, memory, monkeypatch) == ["virtual_server 10.0.0.77 80"]
    first, *rest = changed.split("\nvirtual_server")
    assert blocks_read("\nvirtual_server".join([first, *rest[9:]]), memory, monkeypatch) == []
    logged = "global_defs {\n checker_log_all_failures\n}\n" + FILE
    assert len(set(blocks_read(logged, memory, monkeypatch))) == 300, "it concerns them all"
    assert blocks_read(logged, memory, monkeypatch) == []


def test_a_bad_file_does_not_spoil_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    blocks_read(FILE, memory, monkeypatch)
    bad = FILE.replace("lvs_method DR", "lvs_method NOT", 1)
    assert load(bad.encode(), "f", memory=memory).config is None
    assert blocks_read(FILE, memory, monkeypatch) == []
