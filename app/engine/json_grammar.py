"""A JSON schema as a grammar, by llama-cpp-python's own converter.

The converter writes every repetition out, so a large number in a schema would fill the memory: such
schemas are refused before. Knows nothing of samplers.
"""

from __future__ import annotations

import json
import re

from llama_cpp.llama_grammar import json_schema_to_gbnf

from app.core.errors import GrammarError

MOST_REPEATED = 300
_MOST_CHARACTERS = 100_000
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
_BOUNDS = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")


def grammar_of_schema(schema: str) -> str:
    """The GBNF that holds a reply to `schema`. Raises GrammarError with a sentence."""
    if len(schema) > _MOST_CHARACTERS:
        raise GrammarError(
            f"The JSON schema is {len(schema):,} characters long. "
            f"{_MOST_CHARACTERS:,} are the most."
        )
    try:
        tree = json.loads(schema)
        _check_counts(tree, "")
        return str(json_schema_to_gbnf(schema))
    except json.JSONDecodeError as error:
        raise GrammarError(
            f"The JSON schema is no JSON in line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise GrammarError("The JSON schema is nested too deeply.") from error
    except GrammarError:
        raise
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What the converter does with a schema that it doesn't know; its words name the place.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise GrammarError(f"The JSON schema can't be made into a grammar: {reason}.") from error


def _check_counts(tree: object, path: str) -> None:
    if not path and not isinstance(tree, dict):
        raise GrammarError("The JSON schema has to be an object, in braces.")
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            _check_counts(item, f"{path}/{index}")
    if not isinstance(tree, dict):
        return
    for key, value in tree.items():
        place = f"{path}/{key}"
        if key in _COUNTS and isinstance(value, (int, float)) and not 0 <= value <= MOST_REPEATED:
            raise GrammarError(
                f"The JSON schema has {value:,} at {place}. {MOST_REPEATED} is the most there."
            )
        if key == "pattern" and isinstance(value, str):
            _check_pattern(value, place)
        if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            raise GrammarError(f"The JSON schema refers to another document at {place}.")
        _check_counts(value, place)


def _check_pattern(pattern: str, place: str) -> None:
    for bounds in _BOUNDS.finditer(pattern):
        for digits in bounds.groups():
            if len(digits) > 3 or int(digits or 0) > MOST_REPEATED:
                raise GrammarError(
                    f"The JSON schema repeats more than {MOST_REPEATED} times at {place}."
                )
