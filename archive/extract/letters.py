"""Texts made alike for comparing: what two places of a page print differently and mean the same.  No I/O."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

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


T = TypeVar("T")

# Halves of letters, which JSON can name and no database keeps; what steers a terminal.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LARGEST = 2**63 - 1  # number that a row holds


def fit_for_rows(value: T) -> T:
    """What a page says, in whatever it is kept, without what no row can hold and no terminal should get."""
    fit: Any = value
    if isinstance(value, str):
        fit = _UNFIT.sub("", value) if _UNFIT.search(value) else value
    elif isinstance(value, tuple):
        parts = tuple(map(fit_for_rows, value))
        fit = parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    elif isinstance(value, dict):
        found = {fit_for_rows(name): fit_for_rows(part) for name, part in value.items()}
        fit = found if found != value else value
    elif isinstance(value, int):
        fit = value if abs(value) <= _LARGEST else _LARGEST
    elif is_dataclass(value) and not isinstance(value, type):
        parts_of = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: new for name, old in parts_of.items() if (new := fit_for_rows(old)) is not old}
        fit = replace(value, **changed) if changed else value
    return fit  # type: ignore[no-any-return]


def letters_of(text: str) -> str:
    """A text as it is written, without white space and punctuation."""
    return _SPACES_AND_SIGNS.sub("", text)


@lru_cache(maxsize=8_192)
def _bare_line(line: str) -> str:
    return _NO_LETTERS.sub("", fold(line))
