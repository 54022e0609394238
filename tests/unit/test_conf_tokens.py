"""Text to words: what separates them, what quotes and comments do, where they are."""

import pytest

from trimaran.conf.tokens import source, words_by_line


def lines(text: str) -> list[list[str]]:
    return [[word.text for word in line] for line in words_by_line(source("f", text))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b\tc", [["a", "b", "c"]]),
        ("a # b", [["a"]]),
        ("a ! b", [["a"]]),
        ("a#b", [["a"]]),
        ("! all of it", []),
        ('"a # b" c', [["a # b", "c"]]),
        ('""', [[""]]),
        ('a"b"c', [["a", "b", "c"]]),
        ("'a # b'", [["'a"]]),
        (r"a\#b \! c", [["a#b", "!", "c"]]),
        (r"a\b", [[r"a\b"]]),
        ("a{b}c", [["a", "{", "b", "}", "c"]]),
        ("a { b c }", [["a", "{", "b", "c", "}"]]),
        ("a\n\n  \nb", [["a"], ["b"]]),
        ("a\r\nb\r\n", [["a"], ["b"]]),
        ("\ufeffa", [["a"]]),
        ("${A}b $C", [["${A}b", "$C"]]),
        ("$A=x { y }  ", [["$A=x { y }"]]),
        ("$A=\\\n x {\\\n }\nb", [["$A=\\"], ["b"]]),
        ("~SEQ(i, 1, 3) a$i", [["~SEQ(i, 1, 3)", "a$i"]]),
        ("~LST({A,B}, {1,2}) $A", [["~LST({A,B}, {1,2})", "$A"]]),
        ("@lb1 a", [["@lb1", "a"]]),
        ("a\x0bb\u2028c", [["a", "b\u2028c"]]),
    ],
)
def test_words(text: str, words: list[list[str]]) -> None:
    assert lines(text) == words


def test_positions_are_those_of_what_the_file_has() -> None:
    (first, second) = words_by_line(source("f", '\ufeffa "b c"\n\t\\#d{'))
    assert [(w.line, w.column, w.length) for w in first] == [(1, 1, 1), (1, 3, 5)]
    assert [(w.line, w.column, w.length) for w in second] == [(2, 2, 3), (2, 5, 1)]
    assert first[1].source_line == 'a "b c"'


def test_a_quoted_brace_is_no_brace() -> None:
    ((quoted, brace),) = words_by_line(source("f", '"{" {'))
    assert not quoted.is_brace("{")
    assert brace.is_brace("{")


def test_an_unclosed_quote_ends_with_its_line() -> None:
    first, second = words_by_line(source("f", 'a "b c\nd'))
    assert [(word.text, word.closed) for word in first] == [("a", True), ("b c", False)]
    assert [word.text for word in second] == ["d"]
