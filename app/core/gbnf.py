"""Reads a grammar in GBNF, as llama.cpp does, and says where it is wrong.

llama.cpp's own parser (src/llama-grammar.cpp) prints its complaint to the log and gives no place,
and some texts make it hang or run out of memory. This one makes the same rules from the same text,
without recursion, and refuses what llama.cpp must not be given: a repetition whose end lies before
its beginning, sizes beyond all use, tokens named by their ids. Whether the rules can be followed
within a reasonable time is `gbnf_check`'s question. Knows nothing of models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.core.errors import GrammarError

MOST_REPEATED = 2000
"""llama.cpp's MAX_REPETITION_THRESHOLD; a higher end of a repetition counts as none there."""
MOST_ELEMENTS = 200_000
MOST_CHARACTERS = 200_000
DEEPEST_NESTING = 400

_NAME = re.compile(r"[A-Za-z0-9-]+")
_NUMBER = re.compile(r"[0-9]+")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_QUANTIFIERS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True, slots=True)
class Terminal:
    """One character: any within `ranges` (inclusive code points), or any but those."""

    ranges: tuple[tuple[int, int], ...]
    is_negated: bool = False

    def accepts(self, code_point: int) -> bool:
        """Whether that character may stand here."""
        return any(low <= code_point <= high for low, high in self.ranges) != self.is_negated


ANY_CHARACTER = Terminal((), is_negated=True)
Element = Terminal | int
"""An int is the index of a rule."""
Rule = list[list[Element]]
"""Alternatives, each a sequence; an empty one matches nothing at all."""


@dataclass(slots=True)
class Grammar:
    """Rules by index; `names` are those that the text gives, the others were made for groups."""

    rules: list[Rule]
    names: dict[str, int]

    def name_of(self, rule: int) -> str:
        """The rule's name, or an empty text for a group's."""
        return next((name for name, index in self.names.items() if index == rule), "")


def read_grammar(text: str) -> Grammar:
    """The rules of `text`. Raises GrammarError with a sentence that names line and column."""
    if len(text) > MOST_CHARACTERS:
        raise GrammarError(
            f"The grammar is {len(text):,} characters long. {MOST_CHARACTERS:,} are the most."
        )
    return _Reader(text).read()


@dataclass(slots=True)
class _Level:
    """A rule's right side, or a group in it, that is being read."""

    rule: int
    opened_at: int
    rules_before: int = 0
    alternatives: Rule = field(default_factory=list)
    sequence: list[Element] = field(default_factory=list)
    item_start: int = 0  # where in `sequence` the item begins that a quantifier would repeat
    item_rules: int = 1  # how many rules it stands for, as llama.cpp counts them

    def begin_item(self, rules: int = 1) -> None:
        self.item_start = len(self.sequence)
        self.item_rules = rules

    def end_alternative(self) -> None:
        self.alternatives.append(self.sequence)
        self.sequence = []
        self.begin_item()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._names: dict[str, int] = {}
        self._used_at: dict[int, int] = {}
        self._rules: list[Rule | None] = []
        self._element_count = 0

    def read(self) -> Grammar:
        self._skip_space(over_lines=True)
        while self._at < len(self._text):
            self._read_rule()
        rules: list[Rule] = []
        for index, rule in enumerate(self._rules):
            if rule is None:
                name = next(n for n, i in self._names.items() if i == index)
                self._at = self._used_at[index]
                raise self._error(f"no rule is called “{name}”")
            rules.append(rule)
        return Grammar(rules, self._names)

    def _read_rule(self) -> None:
        name = self._match(_NAME, "a rule's name")
        index = self._index_of(name, self._at)
        self._skip_space()
        if not self._text.startswith("::=", self._at):
            raise self._error(f"“::=” has to follow the name “{name}”")
        self._at += 3
        self._skip_space(over_lines=True)
        self._read_right_side(index)
        if self._text[self._at : self._at + 1] not in ("", "\r", "\n"):
            raise self._error(f"“{self._text[self._at]}” can't stand here")
        self._skip_space(over_lines=True)

    def _read_right_side(self, index: int) -> None:
        levels = [_Level(index, self._at)]
        while True:
            level, sign = levels[-1], self._text[self._at : self._at + 1]
            if sign == "(":
                levels.append(self._open_group(len(levels)))
            elif sign == "|":
                level.end_alternative()
                self._step(over_lines=True)
            elif sign == ")" and len(levels) > 1:
                self._close_group(levels)
            elif not self._read_item(level, sign, is_nested=len(levels) > 1):
                break
        if len(levels) > 1:
            self._at = levels[-1].opened_at
            raise self._error("this bracket is never closed")
        levels[0].end_alternative()
        self._rules[index] = levels[0].alternatives

    def _open_group(self, depth: int) -> _Level:
        if depth >= DEEPEST_NESTING:
            raise self._error(f"brackets are more than {DEEPEST_NESTING} deep")
        opened_at, rules_before = self._at, len(self._rules)
        self._step(over_lines=True)
        return _Level(self._new_rule(), opened_at, rules_before)

    def _close_group(self, levels: list[_Level]) -> None:
        group = levels.pop()
        group.end_alternative()
        self._rules[group.rule] = group.alternatives
        outer = levels[-1]
        outer.begin_item(max(1, len(self._rules) - group.rules_before))
        self._add(outer, [group.rule])
        self._step(over_lines=len(levels) > 1)

    def _read_item(self, level: _Level, sign: str, *, is_nested: bool) -> bool:
        """One item or quantifier; False if there is none."""
        if sign == '"':
            level.begin_item()
            self._add(level, self._read_literal())
        elif sign == "[":
            level.begin_item()
            self._add(level, [self._read_class()])
        elif sign == ".":
            level.begin_item()
            self._add(level, [ANY_CHARACTER])
            self._at += 1
        elif sign in _QUANTIFIERS and sign:
            self._repeat(level, *_QUANTIFIERS[sign])
            self._at += 1
        elif sign == "{":
            self._repeat(level, *self._read_bounds())
        elif sign and _NAME.match(sign):
            used_at = self._at
            level.begin_item()
            self._add(level, [self._index_of(self._match(_NAME, "a name"), used_at)])
        elif sign in ("<", "!") and sign:
            raise self._error("tokens can't be named by their ids")
        else:
            return False
        self._skip_space(over_lines=is_nested)
        return True

    def _read_literal(self) -> list[Element]:
        began_at = self._at
        self._at += 1
        found: list[Element] = []
        while self._text[self._at : self._at + 1] != '"':
            if self._at >= len(self._text):
                self._at = began_at
                raise self._error("this text has no closing quotation mark")
            code_point = self._read_character()
            found.append(Terminal(((code_point, code_point),)))
        self._at += 1
        return found

    def _read_class(self) -> Terminal:
        began_at = self._at
        self._at += 1
        is_negated = self._text.startswith("^", self._at)
        self._at += is_negated
        ranges: list[tuple[int, int]] = []
        while not self._text.startswith("]", self._at):
            if self._at >= len(self._text):
                self._at = began_at
                raise self._error("this class of characters has no closing bracket")
            low = high = self._read_character()
            if self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at):
                self._at += 1
                high = self._read_character()
            ranges.append((low, high))
        if not ranges:
            self._at = began_at
            raise self._error("this class of characters is empty")
        self._at += 1
        return Terminal(tuple(ranges), is_negated)

    def _read_character(self) -> int:
        sign = self._text[self._at : self._at + 1]
        if sign != "\\":
            if not sign or sign == "\0":
                raise self._error("a character is missing")
            self._at += 1
            return ord(sign)
        escaped = self._text[self._at + 1 : self._at + 2]
        if escaped in _HEX_DIGITS:
            end = self._at + 2 + _HEX_DIGITS[escaped]
            digits = self._text[self._at + 2 : end]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{_HEX_DIGITS[escaped]}}}", digits):
                raise self._error(f"“\\{escaped}” needs {_HEX_DIGITS[escaped]} hexadecimal digits")
            self._at = end
            return int(digits, 16)
        if escaped not in _ESCAPES or not escaped:
            raise self._error(f"“\\{escaped}” is no escape")
        self._at += 2
        return ord(_ESCAPES[escaped])

    def _read_bounds(self) -> tuple[int, int | None]:
        began_at = self._at
        self._step(over_lines=False)
        low = self._read_number()
        high: int | None = low
        if self._text.startswith(",", self._at):
            self._step(over_lines=False)
            has_end = bool(_NUMBER.match(self._text, self._at))
            high = self._read_number() if has_end else None
        if not self._text.startswith("}", self._at):
            raise self._error("a repetition is written {2}, {2,} or {2,5}")
        self._at += 1
        if high is not None and high < low:
            self._at = began_at
            raise self._error("the repetition ends before it begins")
        return low, high

    def _read_number(self) -> int:
        digits = self._match(_NUMBER, "a number")
        self._skip_space()
        return min(int(digits[-9:]) if len(digits) < 10 else MOST_REPEATED + 1, MOST_REPEATED + 1)

    def _repeat(self, level: _Level, low: int, high: int | None) -> None:
        """llama.cpp's `handle_repetitions`: copies, then rules that may end at once."""
        item = level.sequence[level.item_start :]
        if not item:
            raise self._error("there is nothing to repeat")
        total = high or low or 1
        if max(low, high or 0, level.item_rules * total) > MOST_REPEATED:
            raise self._error(f"more than {MOST_REPEATED:,} repetitions are too many")
        if low == 0:
            del level.sequence[level.item_start :]
        else:
            self._count(len(item) * (low - 1))
            level.sequence += item * (low - 1)
        optional: int | None = None
        for _ in range(1 if high is None else high - low):
            self._count(len(item))
            index = self._new_rule()
            following = index if high is None else optional
            self._rules[index] = [[*item, *([] if following is None else [following])], []]
            optional = index
        if optional is not None:
            level.sequence.append(optional)
        level.item_rules *= total

    def _add(self, level: _Level, elements: list[Element]) -> None:
        self._count(len(elements))
        level.sequence += elements

    def _count(self, elements: int) -> None:
        self._element_count += elements
        if self._element_count > MOST_ELEMENTS:
            raise self._error("the grammar becomes too large here")

    def _new_rule(self) -> int:
        self._rules.append(None)
        return len(self._rules) - 1

    def _index_of(self, name: str, used_at: int) -> int:
        if name not in self._names:
            self._names[name] = self._new_rule()
            self._used_at[self._names[name]] = used_at
        return self._names[name]

    def _match(self, pattern: re.Pattern[str], wanted: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error(f"{wanted} is missing")
        self._at = found.end()
        return found.group()

    def _step(self, *, over_lines: bool) -> None:
        self._at += 1
        self._skip_space(over_lines=over_lines)

    def _skip_space(self, *, over_lines: bool = False) -> None:
        pattern = r"(?:[ \t\r\n]|#[^\r\n]*)*" if over_lines else r"(?:[ \t]|#[^\r\n]*)*"
        found = re.compile(pattern).match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _error(self, what: str) -> GrammarError:
        before = self._text[: self._at]
        line, column = before.count("\n") + 1, self._at - (before.rfind("\n") + 1) + 1
        return GrammarError(f"The grammar is wrong in line {line}, column {column}: {what}.")
