"""What is there before a word means anything: includes, conditions, definitions, repetitions.

What is expected was seen with keepalived 2.2.7 (its own log of what it has read), but for what
is refused here and hangs it, or is passed over in silence there.
"""

import pytest
from conf_world import Files, world

from trimaran.conf import Surroundings, definitions
from trimaran.conf.lines import Lines, decoded
from trimaran.conf.memory import Memory, Recollection
from trimaran.conf.report import Abandoned, Report
from trimaran.conf.tokens import Word


def read(text: str, around: Surroundings | None = None) -> tuple[list[list[Word]], list[str]]:
    report = Report()
    main = decoded(text.encode(), "f.conf", 0, report)
    assert main is not None
    found = []
    try:
        found = list(Lines(around or world(), report, Recollection(Memory())).words(main))
    except Abandoned:
        found = []
    return found, [str(diagnostic) for diagnostic in report.in_file_order()]


def words(text: str, around: Surroundings | None = None) -> list[str]:
    lines, said = read(text, around)
    assert said == []
    return [" ".join(word.text for word in line) for line in lines]


def errors(text: str, around: Surroundings | None = None) -> list[str]:
    return read(text, around)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A=1\na $A", ["a 1"]),
        ("$A=1 2 # 3\na ${A}b", ["a 1 2b"]),
        (r"$A=1 \# 2" + "\na $A", ["a 1 # 2"]),
        ("$A=x y\na ($A) $A, $A", ["a (x y) x y, x y"]),
        ("$A=1\na b$A", ["a b1"]),
        ("$A=\na $A b", ["a b"]),
        ("a $B ${B} $ {", ["a $B ${B} $", "{"]),
        ("$A=1\n$B=${A}${A}\n$A=7\nb $B", ["b 77"]),
        ('$A="x y"\na $A', ["a x y"]),
        ('$A=x y\na "${A}" "b ${A}."', ["a x y b x y."]),
        ("$A=b {\n$A\nc }", ["b {", "c }"]),
        ("a { $A=1\n$A }", ["a", "{", "1", "}"]),
        ("$B=\\\n  a 1 \\\n\\\n  b {  \\\n c }  \n$B\nd", ["a 1", "b", "{", "c", "}", "d"]),
        ("$B=\\\na \\\nb\nx { $B } y", ["x", "{", "a", "b", "}", "y"]),
        ("$B=\\\na 1 \\\nb 2\nx $B y", ["x a 1", "b 2 y"]),
        ("$B=\\\n $C=3 \\\n x $C \\\n @lb1 y $C\n$C=9\n$B", ["x 3", "y 3"]),
        ("$A=1\n$B=\\\n$A \\\n$A\n$A=2\n$B", ["2", "2"]),
        ("~SEQ(i, 1, 3) a$i", ["a1", "a2", "a3"]),
        ("~SEQ(i, 3) $i", ["1", "2", "3"]),
        ("~SEQ(i,3,1) ${i}.", ["3.", "2.", "1."]),
        ("~SEQ(i, 8, -3, 2) $i", ["8", "5", "2"]),
        ("~SEQx(i, 9, 11) fe80::${i}/64", ["fe80::9/64", "fe80::a/64", "fe80::b/64"]),
        ("$N=2\n~SEQ(i, $N) $i", ["1", "2"]),
        ("$i=x\n~SEQ(i, 1) $i\n$i", ["1", "x"]),
        ("~LST(a, 8,9) ~SEQ(b, 1,2) ${a}.${b}", ["8.1", "8.2", "9.1", "9.2"]),
        ("~LST({a,b}, {5,6}, {x y,8}) $a $b", ["5 6", "x y 8"]),
        ("~SEQ(i, 2) a$i { b }", ["a1", "{", "b", "}", "a2", "{", "b", "}"]),
        ("$B=\\\n a$i \\\n b$i\n~SEQ(i, 2) $B", ["a1", "b1", "a2", "b2"]),
        ("$R=~SEQ(i, 2)\n$R a${i}", ["a1", "a2"]),
        ("@lb1 a\n@lb2 b\n@^lb1 c\n@^lb2 d", ["a", "d"]),
        ("@lb1 $A=1\n@lb2 $A=\\\n2 \\\n3\na $A", ["a 1"]),
        ("x { @lb1 a\n@lb2 b { c\n}", ["x", "{", "a", "}"]),
        ("mail a@b", ["mail a@b"]),
        ("${_PWD} ${_INSTANCE} ${_ENV HOME}${_ENV NONE}", ["/etc/keepalived lb1 /root"]),
        ('a${_HASH}b "${_BANG}" $_PWD', ["a#b ! $_PWD"]),
        ("${_RANDOM 5 5} ${_RANDOM}", ["5 4135"]),
    ],
)
def test_lines(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def _texts(text: str) -> list[str]:
    return [" ".join(word.text for word in line) for line in read(text)[0]]


def test_random_numbers_are_the_same_when_read_again() -> None:
    assert words("${_RANDOM} ${_RANDOM}") == words("${_RANDOM} ${_RANDOM}")


INCLUDES = {
    "a_conf": "from a",
    "b_conf": "from b ${_PWD}\n@lb2 not",
    "d__c_conf": "include e.conf\nfrom c ${_PWD} $V",
    "d__e_conf": "$V=7",
    "secret_conf": None,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("include a.conf", ["from a"]),
        ('include "a.conf"', ["from a"]),
        ("include [ab].conf", ["from a", "from b /etc/keepalived"]),
        ("include {b,a}.conf", ["from b /etc/keepalived", "from a"]),
        ("include d/c.conf", ["from c /etc/keepalived/d 7"]),
        ("$F=a\ninclude ${F}.conf", ["from a"]),
        ("x { include a.conf\n}", ["x", "{", "from a", "}"]),
        ("@lb1 include a.conf\n@lb2 include b.conf", ["from a"]),
        ("~LST(f, a, a) include ${f}.conf", ["from a", "from a"]),
        ("include none*.conf", []),
        ("includea {a,b}.conf", ["from a", "from b /etc/keepalived"]),
    ],
)
def test_include(text: str, expected: list[str]) -> None:
    assert words(text, world(**INCLUDES)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include x.conf", "9: warning: there is no file 'x.conf': ignored, as by keepalived; "
         "write 'includea' where a missing file is an error"),
        ("include secret.conf", "9: warning: 'secret.conf' is not included, as by keepalived: "
         "no permission"),
        ("includer secret.conf", "10: error: cannot include 'secret.conf': no permission; "
         "make it readable"),
        ("includem x*.conf", "10: error: no file fits 'x*.conf'; name a file that exists"),
        ("includew {a,x*}.conf", "10: error: no file fits 'x*.conf'; name a file that exists"),
        ("includeb {a,x}.conf", "10: error: no file fits 'x.conf'; name a file that exists"),
        ("includea x.conf", "10: error: no file fits 'x.conf'; name a file that exists"),
        ("include f.conf", "9: error: 'f.conf' includes itself; remove one of the includes"),
        ("$A=$A", "4: error: the definition of $A refers to itself; "
         "values are put in where they are used, so use two names"),
        ("$A=1${A}", "5: error: the definition of $A refers to itself; "
         "values are put in where they are used, so use two names"),
        ("$_PWD=1", "1: error: $_PWD is predefined; take another name"),
        ("a ${_ENV}", "3: error: '${_ENV}' is not the way to use ${_ENV}; write ${_ENV VARIABLE}"),
        ("~SEQ(i, 1 a", "1: error: the '(' of ~SEQ is not closed; write the ')'"),
        ("~SEQ(i) a", "1: error: 0 numbers in '~SEQ(i)'; write ~SEQ(NAME, START, STEP, END), "
         "~SEQ(NAME, START, END) or ~SEQ(NAME, END)"),
        ("~SEQ(i, x) a", "9: error: 'x' is not a number; write ~SEQ(NAME, START, STEP, END), "
         "~SEQ(NAME, START, END) or ~SEQ(NAME, END)"),
        ("~SEQ(1, 2) a", "6: error: '1' is not a name; write letters, digits and underscores"),
        ("~SEQ(i, 1, 0, 5) a", "1: error: from 1 in steps of 0 one never comes to 5; write "
         "~SEQ(NAME, START, STEP, END), ~SEQ(NAME, START, END) or ~SEQ(NAME, END)"),
        ("~SEQ(i, 9999999999) a", "1: error: '~SEQ(i, 9999999999)' repeats its line too often; "
         "at most 1000000 times"),
        ("~LST(a) x", "1: error: no values in '~LST(a)'; "
         "write ~LST(NAME, VALUE, ...) or ~LST({NAME, NAME}, {VALUE, VALUE}, ...)"),
        ("~LST({a,b}, {1}) x", "13: error: 1 values for 2 names; "
         "write ~LST(NAME, VALUE, ...) or ~LST({NAME, NAME}, {VALUE, VALUE}, ...)"),
        ("~LST({a,b}, 1) x", "13: error: '1' is not in braces; "
         "write ~LST(NAME, VALUE, ...) or ~LST({NAME, NAME}, {VALUE, VALUE}, ...)"),
    ],
)  # fmt: skip
def test_what_is_said(text: str, message: str) -> None:
    assert errors(text, world(f_conf="", **INCLUDES)) == [f"f.conf:1:{message}"]


def test_a_definition_that_leads_to_itself_is_one_error_where_it_does() -> None:
    text = "$A=$B x\n$B=\\\n1 \\\n$A\n~SEQ(i, 5) a $A\nb $A\nc"
    assert errors(text) == [
        "f.conf:4:1: error: the definition of $A refers to itself; "
        "values are put in where they are used, so use two names"
    ]
    assert _texts(text)[-1] == "c"


def test_a_name_that_is_not_replaced_is_named_once() -> None:
    assert errors("$N=1\n~SEQ(i, 3) a $N/24") == [
        "f.conf:2:14: warning: '$N' is not replaced here, as by keepalived; write '${N}'"
    ]


def test_positions_in_definitions_are_those_of_the_value() -> None:
    (line,), _ = read("$A=one two\n  x $A.$ y$A ${A}")
    seen = [(w.text, w.line, w.column, w.length, w.used and w.used[1:]) for w in line]
    assert seen == [
        ("x", 2, 3, 1, None),
        ("$A.$", 2, 5, 4, None),
        ("yone", 2, 10, 1, None),
        ("two", 1, 8, 3, (2, 5)),
        ("one", 1, 4, 3, (2, 5)),
        ("two", 1, 8, 3, (2, 5)),
    ]


def test_positions_in_included_files_and_bodies() -> None:
    text = "$B=\\\n a $i \\\n b\n~SEQ(i, 7, 7) $B\ninclude a.conf"
    (first, second, third), _ = read(text, world(a_conf="\n  word"))
    assert [(w.text, w.line, w.column) for w in first] == [("a", 2, 2), ("7", 2, 4)]
    assert first[0].used is not None
    assert first[0].used[1:] == (4, 15)
    assert (second[0].line, second[0].column) == (3, 2)
    assert (third[0].source.file, third[0].line, third[0].column) == ("a.conf", 2, 3)


def doubling(first: str) -> str:
    values = [f"$A{n + 1}=" + f"${{A{n}}}" * 9 for n in range(40)]
    return "\n".join([f"$A0={first}", *values, "a ${A40}"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (doubling("x" * 90), "with its definitions this line is too long"),
        (doubling(""), "produce too much text here"),
        ("~SEQ(a, 10000) ~SEQ(b, 10000) ~SEQ(c, 10000) x", "produce too much text here"),
        ("~SEQ(a, 10000) include a.conf", "produce too much text here"),
        ("$A=" + "x" * 70000, "this line is too long"),
    ],
)
def test_a_few_lines_that_ask_for_any_amount_are_refused(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definitions, "MOST_SUBSTITUTIONS", 2000)
    (said,) = errors(text, Surroundings(Files({"a.conf": b""}), "lb1"))
    assert message in said


@pytest.mark.parametrize(
    "text",
    [
        "~SEQ(i, 1) " * 200 + "a",
        "@lb1 " * 200 + "a",
        "".join(f"$A{n + 1}=$A{n}\n" for n in range(100)) + "$A100",
        "$A=@^x ${D}{A}\n$D=$\n$A",
    ],
)
def test_depth_has_a_bound(text: str) -> None:
    assert len(errors(text)) == 1


def test_a_chain_of_includes_has_a_bound() -> None:
    files = {f"{n}.conf": f"include {n + 1}.conf".encode() for n in range(100)}
    (said,) = errors("include 0.conf", Surroundings(Files(files)))
    assert "levels deep" in said
