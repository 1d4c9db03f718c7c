"""Whether llama.cpp can follow a grammar: it must neither recurse for ever nor branch without end.

llama.cpp follows all readings of a text at once, each a stack of places in the rules. It looks for
left recursion only through alternatives that are empty as they stand, in a way that can take
exponentially long, and nothing limits how many stacks there are. A grammar that would hang the
engine is refused here beforehand, with a sentence. Knows nothing of models.
"""

from __future__ import annotations

from collections import Counter

from app.core.errors import GrammarError
from app.core.gbnf import Element, Grammar, Rule, Terminal, read_grammar

ROOT = "root"

_MOST_VISITS = 2_000_000  # of llama.cpp's search for left recursion, which forgets where it was
_DEEPEST_CHAIN = 4000  # that search recurses: a small native frame for each
_MOST_STACKS = 2000  # readings of one beginning; JSON has a dozen
_MOST_STEPS = 300_000  # of the trial below; it is a second's work at the most
_TRIAL_CHARACTERS = 24  # longer than nearly all tokens
_TRIAL_CHOICES = 6


def check_grammar(text: str) -> None:
    """Raise GrammarError, with a sentence that says where, if `text` can't be used."""
    grammar = read_grammar(text)
    if ROOT not in grammar.names:
        raise GrammarError(f"The grammar has no rule “{ROOT}”, with which every reply begins.")
    _check_recursion(grammar)
    _Trial(grammar).run()


def _check_recursion(grammar: Grammar) -> None:
    """Visits the rules that can stand at a rule's beginning, each after those that it leads to."""
    empty = _empty_rules(grammar.rules)
    leads_to = [_first_rules(rule, empty) for rule in grammar.rules]
    visits: dict[int, int] = {}
    depths: dict[int, int] = {}
    open_rules: set[int] = set()
    for start in range(len(grammar.rules)):
        todo = [start]
        while todo:
            rule = todo[-1]
            if rule in visits:
                todo.pop()
            elif rule not in open_rules:
                open_rules.add(rule)
                _refuse_recursion(grammar, open_rules, leads_to[rule])
                todo += [other for other in leads_to[rule] if other not in visits]
            else:
                todo.pop()
                open_rules.discard(rule)
                visits[rule] = 1 + sum(visits[other] for other in leads_to[rule])
                depths[rule] = 1 + max((depths[other] for other in leads_to[rule]), default=0)
    if sum(visits.values()) > _MOST_VISITS or max(depths.values()) > _DEEPEST_CHAIN:
        raise GrammarError("The grammar is too entangled. Give it fewer rules that may be empty.")


def _refuse_recursion(grammar: Grammar, open_rules: set[int], others: list[int]) -> None:
    for other in others:
        if other in open_rules:
            name = grammar.name_of(other)
            where = f"The grammar's rule “{name}”" if name else "A group in the grammar"
            raise GrammarError(
                f"{where} begins with itself. Put what comes before the repetition first."
            )


def _empty_rules(rules: list[Rule]) -> set[int]:
    """The rules that can match nothing at all, also by way of others."""
    empty: set[int] = set()
    while True:
        found = {
            index
            for index, rule in enumerate(rules)
            if index not in empty
            and any(all(not isinstance(e, Terminal) and e in empty for e in a) for a in rule)
        }
        if not found:
            return empty
        empty |= found


def _first_rules(rule: Rule, empty: set[int]) -> list[int]:
    first: list[int] = []
    for alternative in rule:
        for element in alternative:
            if isinstance(element, Terminal):
                break
            first.append(element)
            if element not in empty:
                break
    return first


_Place = tuple[int, int, int]  # rule, alternative, element


class _Trial:
    """Follows the grammar a few characters far, always where most readings stay possible.

    Stacks share their tails: a stack is the number of a node, a node a place and the stack below.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._root = grammar.names[ROOT]
        self._nodes: list[tuple[_Place, int]] = [((-1, 0, 0), 0)]  # 0 is the empty stack
        self._number_of: dict[tuple[_Place, int], int] = {}
        self._steps = 0

    def run(self) -> None:
        """Raises GrammarError where the readings become too many."""
        stacks = self._open([self._push(self._root, choice, 0) for choice in self._choices()])
        for _ in range(_TRIAL_CHARACTERS):
            following = [self._follow(stacks, c) for c in self._likely_characters(stacks)]
            stacks = max(following, key=len, default=set())
            if not stacks or self._steps > _MOST_STEPS:
                return

    def _choices(self) -> range:
        return range(len(self._rules[self._root]))

    def _likely_characters(self, stacks: set[int]) -> list[int]:
        tops = Counter(top for stack in stacks if isinstance(top := self._top(stack), Terminal))
        return list(dict.fromkeys(_example(t) for t, _ in tops.most_common(_TRIAL_CHOICES)))

    def _follow(self, stacks: set[int], code_point: int) -> set[int]:
        matched = []
        for stack in stacks:
            top = self._top(stack)
            if isinstance(top, Terminal) and top.accepts(code_point):
                matched.append(self._after(stack))
        return self._open(matched)

    def _open(self, stacks: list[int]) -> set[int]:
        """Replace rules on top by what they begin with, until characters are on top."""
        seen: set[int] = set()
        opened: set[int] = set()
        while stacks:
            stack = stacks.pop()
            if stack in seen:
                continue
            seen.add(stack)
            top = self._top(stack)
            if top is None or isinstance(top, Terminal):
                opened.add(stack)
            else:
                below = self._after(stack)
                stacks += [self._push(top, i, below) for i in range(len(self._rules[top]))]
            if len(opened) > _MOST_STACKS or len(seen) > 10 * _MOST_STACKS:
                raise GrammarError(
                    "The grammar can read the same text in too many ways. Make its rules differ "
                    "at their beginnings."
                )
        self._steps += len(seen)
        return opened

    def _push(self, rule: int, alternative: int, below: int) -> int:
        if not self._rules[rule][alternative]:
            return below
        return self._node((rule, alternative, 0), below)

    def _after(self, stack: int) -> int:
        (rule, alternative, element), below = self._nodes[stack]
        if element + 1 == len(self._rules[rule][alternative]):
            return below
        return self._node((rule, alternative, element + 1), below)

    def _node(self, place: _Place, below: int) -> int:
        key = (place, below)
        if key not in self._number_of:
            self._number_of[key] = len(self._nodes)
            self._nodes.append(key)
        return self._number_of[key]

    def _top(self, stack: int) -> Element | None:
        if stack == 0:
            return None
        (rule, alternative, element), _ = self._nodes[stack]
        return self._rules[rule][alternative][element]


def _example(terminal: Terminal) -> int:
    """A character that `terminal` accepts, if an ordinary one does."""
    ordinary = (ord(c) for c in "a0 {x\n")
    first = terminal.ranges[0][0] if terminal.ranges else ord("a")
    candidates = (first, *ordinary) if not terminal.is_negated else (*ordinary, 0x4E00)
    return next((c for c in candidates if terminal.accepts(c)), first)
