"""Texts made alike for comparing: what two places of a page print differently and mean the same.  No I/O."""

from __future__ import annotations

import re
from functools import lru_cache

from archive.language import fold

# The same lines are compared by one module after another; whole texts only once or twice.
LINE_LIMIT_CHARS = 500

_NO_LETTERS, _SPACES_AND_SIGNS = re.compile(r"[\W_]+"), re.compile(r"\W+")


def bare(text: str) -> str:
    """Letters and digits alone, folded."""
    return _bare_line(text) if len(text) <= LINE_LIMIT_CHARS else _NO_LETTERS.sub("", fold(text))


def letters_of(text: str) -> str:
    """A text as it is written, without white space and punctuation."""
    return _SPACES_AND_SIGNS.sub("", text)


@lru_cache(maxsize=8_192)
def _bare_line(line: str) -> str:
    return _NO_LETTERS.sub("", fold(line))
