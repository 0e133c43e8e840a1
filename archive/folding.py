"""Letters made alike for comparing, and lower case by the rules of a language.  No I/O."""

from __future__ import annotations

import re
import unicodedata


def fold(text: str) -> str:
    """`text` for comparing: lower case, İ I ı i all "i", no Latin accents, ё as е, one kind of apostrophe.

    Kazakh's own Cyrillic letters and й stay what they are: without them other words would be written.
    """
    if text.isascii():
        return text.lower().replace("`", "'")
    return _FOLDABLE.sub(_folded, unicodedata.normalize("NFC", text)).lower()


def _folded(letter: re.Match[str]) -> str:
    return FOLDED[ord(letter[0])] or ""


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
# Found first and looked up then: `str.translate` looks each letter up, and takes three times as long.
_FOLDABLE = re.compile("[" + "".join(map(chr, FOLDED)) + "]")

# Languages whose I is the capital of ı.
_DOTLESS = frozenset({"tr", "az", "kk-latin"})


def lower(text: str, language: str | None) -> str:
    """`text` in lower case by the rules of its language: in Turkish I becomes ı, and İ becomes i."""
    if language in _DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()
