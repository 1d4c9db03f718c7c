"""Grammars are read as llama.cpp reads them, and what is wrong is told with its place."""

from __future__ import annotations

import pytest
from llama_cpp import llama_grammar

from app.core.errors import GrammarError
from app.core.gbnf import ANY_CHARACTER, Terminal, read_grammar
from app.core.gbnf_check import check_grammar

EXAMPLES = sorted(name for name in vars(llama_grammar) if name.endswith("_GBNF"))


def letter(character: str) -> Terminal:
    """That character alone."""
    return Terminal(((ord(character), ord(character)),))


def test_rules_are_llama_cpps() -> None:
    """A literal is its characters; a quantifier makes rules that may end at once."""
    grammar = read_grammar('root ::= "ab"* x # why\nx ::= [^a-c\\n] | . {1,2} |')
    root, star, x, dots = (
        grammar.rules[0],
        grammar.rules[1],
        grammar.rules[2],
        grammar.rules[3],
    )

    assert grammar.names == {"root": 0, "x": 2}
    assert root == [[1, 2]]
    assert star == [[letter("a"), letter("b"), 1], []]
    assert x == [
        [Terminal(((97, 99), (10, 10)), is_negated=True)],
        [ANY_CHARACTER, 3],
        [],
    ]
    assert dots == [[ANY_CHARACTER], []]


def test_escapes_are_characters() -> None:
    """The same that llama.cpp knows."""
    grammar = read_grammar(r'root ::= "\x41\u00e9\U0001F99C\t\"\\" [\]\-]')
    (sequence,) = grammar.rules[0]

    assert sequence[:-1] == [letter(c) for c in 'Aé🦜\t"\\']
    assert sequence[-1] == Terminal(((93, 93), (45, 45)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_pass(name: str) -> None:
    """Those that llama-cpp-python carries: arithmetic, chess, C, JSON."""
    check_grammar(getattr(llama_grammar, name))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The grammar has no rule “root”, with which every reply begins."),
        ('root := "a"', "line 1, column 6: “::=” has to follow the name “root”."),
        ('root ::= "a', "line 1, column 10: this text has no closing quotation mark."),
        ('root ::= ("a"', "line 1, column 10: this bracket is never closed."),
        ('root ::= "a")', "line 1, column 13: “)” can't stand here."),
        ("root ::= [a-", "line 1, column 13: a character is missing."),
        ("root ::= []", "line 1, column 10: this class of characters is empty."),
        ('root ::= "\\q"', "column 11: “\\q” is no escape."),
        ('root ::= "\\x4"', "column 11: “\\x” needs 2 hexadecimal digits."),
        ('root ::= "a"\nroot2 ::= * "b"', "line 2, column 11: there is nothing to repeat."),
        ('root ::= "a"{5,2}', "column 13: the repetition ends before it begins."),
        ('root ::= "a"{x}', "a number is missing."),
        ("root ::= x", "line 1, column 10: no rule is called “x”."),
        ("root ::= <[2]>", "tokens can't be named by their ids."),
        ('root ::= "\x00"', "a character is missing."),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, sentence: str) -> None:
    """One sentence, with line and column."""
    with pytest.raises(GrammarError) as raised:
        check_grammar(text)

    assert str(raised.value).endswith(sentence)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('root ::= "a"{9999999}', "repetitions are too many"),
        ("root ::= " + "(" * 5000, "more than 400 deep"),
        ('root ::= "' + "a" * 1000 + '"{2000}', "becomes too large"),
        ("x" * 300_000, "characters long"),
        ('root ::= root "a" | "b"', "“root” begins with itself"),
        ('root ::= a root "x"\na ::= b\nb ::= ""', "“root” begins with itself"),
        ('root ::= (("a"*)*)*', "group in the grammar begins with itself"),
        ('root ::= r\nr ::= "a" r "b" | "a" r "c" | ""', "too many ways"),
        (
            "root ::= r0\nr60 ::= [a]\n"
            + "\n".join(f'r{i} ::= r{i + 1}? r{i + 1}? "x"' for i in range(60)),
            "too entangled",
        ),
    ],
)
def test_what_would_hang_the_engine_is_refused(text: str, reason: str) -> None:
    """Within a moment, and before llama.cpp sees it."""
    with pytest.raises(GrammarError, match=reason):
        check_grammar(text)
