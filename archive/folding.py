"""Letters made alike for comparing, and lower case by the rules of a language.  No I/O."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

LINE_LIMIT_CHARS = 1_000  # what is longer is not remembered


def fold(text: str) -> str:
    """`text` for comparing: lower case, İ I ı i all "i", no Latin accents, ё as е, one kind of apostrophe.

    Kazakh's own Cyrillic letters and й stay what they are: without them other words would be written.
    """
    if text.isascii():
        return text.lower().replace("`", "'")
    return _fold_line(text) if len(text) <= LINE_LIMIT_CHARS else _fold(text)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(FOLDED).lower()


# Of one page, each line is compared with this and that. To look up each letter takes longer than most comparisons.
_fold_line = lru_cache(maxsize=1_024)(_fold)


def _folding_table() -> dict[int, str | None]:
    """Code point → what `fold` writes for it, where `str.lower` alone would not."""
    table: dict[int, str | None] = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if base.isascii() and base.isalpha():
            table[code] = base
    table |= dict.fromkeys(range(0x300, 0x370))  # accents on their own: the dot that "İ".lower() leaves, and others
    table |= dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))  # invisible, and in the middle of words
    for letters, plain in (("ı", "i"), ("øØ", "o"), ("łŁ", "l"), ("đĐ", "d"), ("əƏ", "e"), ("ёЁ", "е"), ("ßẞ", "ss"),
                           ("æÆ", "ae"), ("œŒ", "oe"), ("’‘ʼʻ`´′ʹ＇", "'")):  # fmt: skip
        table |= dict.fromkeys(map(ord, letters), plain)
    return table


FOLDED = _folding_table()

# Languages whose I is the capital of ı.
_DOTLESS = frozenset({"tr", "az", "kk-latin"})


def lower(text: str, language: str | None) -> str:
    """`text` in lower case by the rules of its language: in Turkish I becomes ı, and İ becomes i."""
    if language in _DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()
