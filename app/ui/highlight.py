"""Pygments' reading of code, as stretches of the tokens' colours.

Read in slices, since a long block takes longer than a frame. Knows nothing of documents.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Keyword, Literal, Name, Number, Operator, String, Token
from pygments.util import ClassNotFound

KEPT_BLOCKS = 64
LONGEST_CODE = 200_000  # letters; what is longer stays in one colour

_TOKENS = (
    (Comment, "code_comment"),
    (Keyword.Constant, "code_number"),
    (Keyword, "code_keyword"),
    (Operator.Word, "code_keyword"),
    (String, "code_string"),
    (Number, "code_number"),
    (Literal, "code_number"),
    (Name.Builtin, "code_builtin"),
    (Name.Function, "code_name"),
    (Name.Class, "code_name"),
    (Name.Decorator, "code_name"),
    (Name.Tag, "code_keyword"),
    (Name.Attribute, "code_name"),
    (Error, "code_error"),
)
_NAMES = {
    "c++": "C++",
    "cpp": "C++",
    "csharp": "C#",
    "css": "CSS",
    "html": "HTML",
    "javascript": "JavaScript",
    "js": "JavaScript",
    "json": "JSON",
    "md": "Markdown",
    "php": "PHP",
    "py": "Python",
    "sh": "Shell",
    "sql": "SQL",
    "text": "Text",
    "toml": "TOML",
    "ts": "TypeScript",
    "typescript": "TypeScript",
    "xml": "XML",
    "yaml": "YAML",
    "yml": "YAML",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """`length` letters of the code from `start` on, in the colour of `token`."""

    start: int
    length: int
    token: str


class Highlighter:
    """Gives lexers by the language's name, and remembers what was read last."""

    def __init__(self) -> None:
        self._lexers: dict[str, Lexer | None] = {}
        self._read: OrderedDict[tuple[str, str], tuple[Stretch, ...]] = OrderedDict()

    def warm_up(self, languages: tuple[str, ...] = ("python", "bash", "json")) -> None:
        """Load Pygments' tables: the first use of it takes longer than a frame."""
        for language in languages:
            for _ in self.stretches("x = 1  # one", language):
                pass

    def known(self, code: str, language: str) -> tuple[Stretch, ...] | None:
        """The stretches if this code was read completely before, else None."""
        stretches = self._read.get((language, code))
        if stretches is not None:
            self._read.move_to_end((language, code))
        return stretches

    def stretches(self, code: str, language: str) -> Iterator[Stretch]:
        """The coloured stretches from the beginning to the end; none for unknown languages."""
        lexer = self._lexer(language)
        if lexer is None or len(code) > LONGEST_CODE:
            return
        found = []
        for start, kind, text in lexer.get_tokens_unprocessed(code):
            token = colour_token(kind)
            if token and text.strip():
                stretch = Stretch(start, len(text), token)
                found.append(stretch)
                yield stretch
        self._read[language, code] = tuple(found)
        while len(self._read) > KEPT_BLOCKS:
            self._read.popitem(last=False)

    def _lexer(self, language: str) -> Lexer | None:
        if language not in self._lexers:
            try:
                self._lexers[language] = get_lexer_by_name(language)
            except ClassNotFound:
                self._lexers[language] = None
        return self._lexers[language]


def colour_token(kind: object) -> str:
    """The colour token for one of Pygments' token types; "" for plain text."""
    if kind is Token.Text:
        return ""
    return next((token for parent, token in _TOKENS if kind in parent), "")


def language_name(language: str) -> str:
    """What the head of a code block says: "py" is "Python"."""
    name = language.strip().lower()
    return _NAMES.get(name, name[:1].upper() + name[1:]) if name else "Text"
