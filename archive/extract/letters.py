"""Texts made alike for comparing: what two places of a page print differently and mean the same.  No I/O."""

from __future__ import annotations

import re
from functools import lru_cache

from archive.language import fold

# The same lines are compared by one module after another; whole texts only once or twice.
LINE_LIMIT_CHARS = 500

# What Latin-1 has for control characters, sites mean as windows-1252 has it (HTML §13.2.5.80): \x92 is ’.
_C1 = {code: bytes([code]).decode("cp1252", "ignore") or " " for code in range(0x80, 0xA0)}
_HAS_C1 = re.compile(rb"\xc2[\x80-\x9f]")

_NO_LETTERS, _SPACES_AND_SIGNS = re.compile(r"[\W_]+"), re.compile(r"\W+")


def bare(text: str) -> str:
    """Letters and digits alone, folded."""
    return _bare_line(text) if len(text) <= LINE_LIMIT_CHARS else _NO_LETTERS.sub("", fold(text))


def as_meant(text: str) -> str:
    """`text` with the letters that its control characters of Latin-1 stand for; no terminal obeys what is left."""
    # As bytes: among letters of any script the pattern is looked for five times as fast.
    return text.translate(_C1) if _HAS_C1.search(text.encode("utf-8", "surrogatepass")) else text


def letters_of(text: str) -> str:
    """A text as it is written, without white space and punctuation."""
    return _SPACES_AND_SIGNS.sub("", text)


@lru_cache(maxsize=8_192)
def _bare_line(line: str) -> str:
    return _NO_LETTERS.sub("", fold(line))
