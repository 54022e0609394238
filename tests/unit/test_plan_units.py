"""Numbers as people write them, and what is said of those that nobody can read."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimaran.plan.units import UnitError, amount, packet_rate, quantity_text, rate, share, weight

READ: list[tuple[Callable[[str], Fraction], str, Fraction]] = [
    (rate, "1G", Fraction(10**9)),
    (rate, "1.5G", Fraction(15 * 10**8)),
    (rate, "750M", Fraction(750 * 10**6)),
    (rate, "100k", Fraction(10**5)),
    (rate, "10Gbit", Fraction(10**10)),
    (rate, "10 Gbit/s", Fraction(10**10)),
    (rate, "2.5Gbps", Fraction(25 * 10**8)),
    (rate, "9600", Fraction(9600)),
    (rate, "0.1T", Fraction(10**11)),
    (packet_rate, "1.9M", Fraction(1900000)),
    (packet_rate, "800kpps", Fraction(800000)),
    (amount, "3M", Fraction(3000000)),
    (share, "80%", Fraction(4, 5)),
    (share, "0.8", Fraction(4, 5)),
    (share, "100 %", Fraction(1)),
    (share, "1", Fraction(1)),
    (weight, "0.3", Fraction(3, 10)),
    (weight, "1/3", Fraction(1, 3)),
    (weight, "7", Fraction(7)),
]

REFUSED: list[tuple[Callable[[str], Fraction], str, str]] = [
    (rate, "1.5Gb", "'1.5Gb' may mean bits or bytes: write 1.5G for bits per second"),
    (rate, "1.5GB", "'1.5GB' is in bytes, links are in bits per second: write 12G"),
    (rate, "1,5G", "'1,5G' has a decimal comma: write 1.5G"),
    (rate, "0", "'0' must be above zero: write 1.5G, 750M or 10Gbit"),
    (rate, "0.0G", "'0.0G' must be above zero: write 1.5G, 750M or 10Gbit"),
    (rate, "-1G", "'-1G' must be above zero: write 1.5G, 750M or 10Gbit"),
    (rate, "", "'' is not a number: write 1.5G, 750M or 10Gbit"),
    (rate, "fast", "'fast' is not a number: write 1.5G, 750M or 10Gbit"),
    (rate, "1.G", "'1.G' is not a number: write 1.5G, 750M or 10Gbit"),
    (rate, "1e9", "'1e9' is not a number: write 1.5G, 750M or 10Gbit"),
    (rate, "inf", "'inf' is not a number: write 1.5G, 750M or 10Gbit"),
    (rate, "1GiB", "'1GiB': link speeds have decimal prefixes: write 1.5G, 750M or 10Gbit"),
    (rate, "100m", "'100m': there is no prefix 'm': write 100M"),
    (rate, "100Kbit", "'100Kbit': there is no prefix 'K': write 100k"),
    (rate, "1Gpps", "'1Gpps' has an unknown unit 'Gpps': write 1.5G, 750M or 10Gbit"),
    (packet_rate, "1Gbit", "'1Gbit' has an unknown unit 'Gbit': write 1.9M or 800k"),
    (amount, "3Mbit", "'3Mbit' has an unknown unit 'Mbit': write 3M or 250k"),
    (share, "80", "'80' is more than all: write 80% or a number up to 1"),
    (share, "101%", "'101%' is more than all: write a number up to 1"),
    (share, "0%", "'0%' must be above zero: write 80% or 0.8"),
    (share, "much", "'much' is not a number: write 80% or 0.8"),
    (weight, "1/0", "'1/0' must be above zero: write 0.3, 7 or 1/3"),
    (weight, "0", "'0' must be above zero: write 0.3, 7 or 1/3"),
    (weight, "0,3", "'0,3' has a decimal comma: write 0.3"),
    (weight, "-2", "'-2' must be above zero: write 0.3, 7 or 1/3"),
]


@pytest.mark.parametrize(("read", "text", "value"), READ)
def test_read(read: Callable[[str], Fraction], text: str, value: Fraction) -> None:
    assert read(text) == value


@pytest.mark.parametrize(("read", "text", "message"), REFUSED)
def test_refused(read: Callable[[str], Fraction], text: str, message: str) -> None:
    with pytest.raises(UnitError) as refusal:
        read(text)
    assert str(refusal.value) == message


@settings(deadline=None)
@given(st.text(max_size=30), st.sampled_from([rate, packet_rate, amount, share, weight]))
def test_any_text_is_a_positive_number_or_refused(
    text: str, read: Callable[[str], Fraction]
) -> None:
    try:
        assert read(text) > 0
    except UnitError as refusal:
        assert "write" in str(refusal)  # noqa: PT017


def test_for_people() -> None:
    assert quantity_text(Fraction(750 * 10**6), "bit/s") == "750 Mbit/s"
    assert quantity_text(Fraction(15 * 10**8), "bit/s") == "1.5 Gbit/s"
    gigabit = Fraction(10**9)
    assert quantity_text(Fraction(750 * 10**6), "bit/s", gigabit) == "0.75 Gbit/s"
    assert quantity_text(Fraction(1, 3)) == "0.3333"
    assert quantity_text(Fraction(0)) == "0"
    assert quantity_text(Fraction(1900000), "pps") == "1.9 Mpps"
