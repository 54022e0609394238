"""Text to words: what separates them, what quotes and comments do, where they are."""

import pytest

from trimaran.conf.tokens import Word, literal_words, source


def words(text: str) -> list[list[Word]]:
    file = source("f", text)
    found = (literal_words(file, number, line) for number, line in enumerate(file.lines, start=1))
    return [line for line in found if line]


def lines(text: str) -> list[list[str]]:
    return [[word.text for word in line] for line in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
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
        ("a\x0bb\u2028c", [["a", "b\u2028c"]]),
    ],
)
def test_words(text: str, expected: list[list[str]]) -> None:
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('notify "/a b" user', ["notify", "/a b", "user"]),
        ("notify '/a \"b\"' user", ["notify", '/a "b"', "user"]),
        (r'script "a \"b\" \x41\102\tc"', ["script", 'a "b" AB\tc']),
        (r"script 'a \x41'", ["script", r"a \x41"]),
        (r'script a" b"c\ d e', ["script", "a bc d", "e"]),
        ("quorum_up /a { }", ["quorum_up", "/a", "{", "}"]),
        ('misc_path "a { b"', ["misc_path", "a { b"]),
        ("regex '[{]'", ["regex", "[{]"]),
        ('notify "/a" # "comment"', ["notify", "/a"]),
        ('notify"/a"', ["notify", "/a"]),
    ],
)
def test_words_behind_script_like_keywords(text: str, expected: list[str]) -> None:
    assert lines(text) == [expected]


def test_positions_are_those_of_what_the_file_has() -> None:
    (first, second) = words('\ufeffa "b c"\n\t\\#d{')
    assert [(w.line, w.column, w.length) for w in first] == [(1, 1, 1), (1, 3, 5)]
    assert [(w.line, w.column, w.length) for w in second] == [(2, 2, 3), (2, 5, 1)]
    assert first[1].source_line == 'a "b c"'


def test_positions_behind_script_like_keywords() -> None:
    ((keyword, command, user),) = words(r'  notify  "/a \#"x  root')
    assert [(w.column, w.length) for w in (keyword, command, user)] == [(3, 6), (11, 8), (21, 4)]
    assert command.text == "/a #x"


def test_a_quoted_brace_is_no_brace() -> None:
    ((quoted, brace),) = words('"{" {')
    assert (quoted.text, quoted.quoted) == ("{", True)
    assert (brace.text, brace.quoted) == ("{", False)


@pytest.mark.parametrize("keyword", ["a", "notify"])
def test_an_unclosed_quote_ends_with_its_line(keyword: str) -> None:
    first, second = words(f'{keyword} "b c\nd')
    assert [(word.text, word.closed) for word in first] == [(keyword, True), ("b c", False)]
    assert [word.text for word in second] == ["d"]
