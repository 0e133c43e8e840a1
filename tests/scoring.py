"""How well article rows match a gold: counts, exact fields, token F1, and what leaked that should not.  No I/O.

Body text is compared as a multiset of lower-cased `\\w+` tokens against the gold's core blocks; a gold's optional
blocks (captions, credits, pull quotes) may be there or not, and cost nothing either way.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

_WORD = re.compile(r"\w+")

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")

GOLD_ARTICLE_KINDS = ("post", "foreign", "legacy")


def token_f1(text: str, gold_text: str, *, optional: Iterable[str] = ()) -> float:
    """F1 of the words of `text` against those of `gold_text`; words of `optional` texts are no error."""
    got, want = tokens(text), tokens(gold_text)
    spare = tokens(" ".join(optional))
    # What the gold does not ask for but allows is taken out before counting.
    got -= (got - want) & spare
    if not got or not want:
        return float(not got and not want)
    common = sum((got & want).values())
    return 2 * common / (sum(got.values()) + sum(want.values()))


def tokens(text: str) -> Counter[str]:
    """The words of a text, lower-cased, with how often each comes."""
    return Counter(_WORD.findall(unicodedata.normalize("NFC", text).lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came out against what should have."""

    articles_expected: int
    found: int
    missed: tuple[str, ...]  # URLs of gold articles without a row
    extra: tuple[str, ...]  # URLs of rows that are no gold article
    duplicates: tuple[str, ...]  # URLs of gold articles with a second row
    title_exact: float  # shares of the articles found
    date_exact: float  # to the minute
    mean_f1: float
    block_recall: float  # share of the gold's core blocks found in the text, in order
    spam_leaked: tuple[str, ...]  # "URL: string" of each injected string in a title, lead or text
    comments_leaked: tuple[str, ...]  # the same for readers' comments

    def print_table(self, say: Callable[[str], object] = print) -> None:
        """One line per figure, and the first few URLs behind each count."""
        for field in fields(self):
            figure = getattr(self, field.name)
            if isinstance(figure, tuple):
                shown = "".join(f"\n{'':22}{line}" for line in figure[:5])
                say(f"{field.name:<20} {len(figure):>7}{shown}")
            else:
                say(
                    f"{field.name:<20} {figure:>7.4f}" if isinstance(figure, float) else f"{field.name:<20} {figure:>7}"
                )


def is_gold_article(entry: Mapping[str, Any]) -> bool:
    """Whether the gold expects an article row: a public text, not one behind a password."""
    public = bool(entry.get("public", True)) and not entry.get("password") and entry.get("change") != "deleted"
    return public and entry["kind"] in GOLD_ARTICLE_KINDS


def score_articles(rows: Iterable[object], gold: Sequence[Mapping[str, Any]]) -> Figures:
    """Article rows (objects or mappings with url, title, published_at, text, lead) against gold entries."""
    known = {_address(entry["url"]): entry for entry in gold if is_gold_article(entry)}
    # Where spam took the whole text, a row is neither asked for nor wrong: it depends on what the capture showed.
    optional = {url for url, entry in known.items() if (entry.get("spam") or {}).get("variant") == "replaced"}
    expected = {url: entry for url, entry in known.items() if url not in optional}
    by_url: dict[str, list[object]] = {}
    for row in rows:
        by_url.setdefault(_address(str(_get(row, "url"))), []).append(row)
    pairs = [(entry, by_url[url][0]) for url, entry in expected.items() if url in by_url]
    return Figures(
        articles_expected=len(expected),
        found=len(pairs),
        missed=tuple(url for url in expected if url not in by_url),
        extra=tuple(url for url in by_url if url not in known),
        duplicates=tuple(url for url in by_url if url in expected and len(by_url[url]) > 1),
        title_exact=_mean(_fold(_get(row, "title")) == _fold(entry["title"]) for entry, row in pairs),
        date_exact=_mean(_minute(_get(row, "published_at")) == _minute(entry["published"]) for entry, row in pairs),
        mean_f1=_mean(body_f1(_text(row), entry["body"]) for entry, row in pairs),
        block_recall=_mean(block_recall(_text(row), entry["body"]) for entry, row in pairs),
        spam_leaked=tuple(
            f"{entry['url']}: {text}"
            for entry, row in pairs
            for text in leaked(_everything(row), (entry.get("spam") or {}).get("strings", ()), entry)
        ),
        comments_leaked=tuple(
            f"{entry['url']}: {text}"
            for entry, row in pairs
            for text in leaked(_everything(row), [c["text"] for c in entry.get("comments") or ()], entry)
        ),
    )


def body_f1(text: str, body: Sequence[Mapping[str, Any]]) -> float:
    """Token F1 of a text against a gold body's core blocks."""
    core = "\n".join(block["text"] for block in body if block["role"] == "core")
    return token_f1(text, core, optional=[block["text"] for block in body if block["role"] != "core"])


def block_recall(text: str, body: Sequence[Mapping[str, Any]]) -> float:
    """Share of the gold's core blocks whose words stand in the text, each after the one before."""
    folded, position, found = " ".join(_WORD.findall(text.lower())), 0, 0
    core = [" ".join(_WORD.findall(block["text"].lower())) for block in body if block["role"] == "core"]
    for block in core:
        at = folded.find(block, position)
        if at >= 0:
            found, position = found + 1, at + len(block)
    return found / len(core) if core else 1.0


def leaked(text: str, strings: Iterable[str], entry: Mapping[str, Any]) -> list[str]:
    """The strings that stand in a text although the gold's own blocks do not say them."""
    own = _fold(" ".join([entry["title"], *(block["text"] for block in entry["body"])]))
    shown = _fold(text)
    return [string for string in strings if _fold(string) in shown and _fold(string) not in own]


def _get(row: object, name: str) -> Any:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def _text(row: object) -> str:
    return str(_get(row, "text") or "")


def _everything(row: object) -> str:
    return "\n".join(str(_get(row, name) or "") for name in ("title", "lead", "text"))


def _address(url: str) -> str:
    return unquote(url).split("#")[0]


def _fold(text: object) -> str:
    """NFC, white space folded, and quotes straight: WordPress prints ’ for the ' that its database and gold hold."""
    return " ".join(unicodedata.normalize("NFC", str(text or "")).translate(_STRAIGHT).split())


def _minute(moment: object) -> str | None:
    if not moment:
        return None
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _mean(values: Iterable[float]) -> float:
    listed = [float(value) for value in values]
    return sum(listed) / len(listed) if listed else 0.0
