"""Articles that say the same at another address, moved, repeated or syndicated: rows of `duplicates`.

Of each article's text a sketch is kept: the least hash in each of 24 classes of its three-word runs. Articles that
agree in three classes in a row (a band) are held against each other in full; so a new article is compared with a few,
however many there are. Which pairs are found depends on the articles alone, not on the order in which they came.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from struct import pack, unpack
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from sqlite_utils import Database

from archive.hidden import SHOWN, refuse
from archive.language import fold
from archive.surt import urlkey

# Of three-word runs, the share that both have. Different articles of data/news share .17 at most, those of the lab,
# which is made of few sentences, .43; one agency's report in two papers shares .73 (tests/test_duplicates.py).
SIMILAR = 0.6
SHORT_WORDS = 50  # a shorter text has too few runs to tell: its twin has the same title and the same words
FEWEST_WORDS = 5  # "Foto galeri" is no text
NUMBERS = 0.5  # of its numbers a copy has at least so many: the next day's exchange rates are no copy of this day's
FEWEST_NUMBERS = 3
# A band that more articles share is the site's form letter: it makes no pair.
MOST_ALIKE = 30
MOST_LETTERS = 200_000  # of a text that are compared
_CLASSES, _BAND = 24, 3
_AGREEING = 10  # classes in which sketches agree, before texts are compared; .6 of 24 are 14, by chance 97 in 100 more


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Another address of an article."""

    url: str
    title: str
    kind: str  # "moved to", "moved from", "repeated" (same site) or "syndicated" (another site)
    similarity: float  # 0..1: of the three-word runs, those that both have
    site: str | None
    published_at: str | None  # UTC, ISO 8601
    first_seen_at: str
    gone_at: str | None


def duplicates(db: Database, url: str) -> list[Duplicate]:
    """Where else the article at a URL stands: where it moved first, then the most alike. Raises HiddenError."""
    refuse(db, url)
    rows = db.execute(
        "SELECT o.url, o.title, d.kind, d.similarity, o.site, o.published_at, o.first_seen_at, o.gone_at"
        " FROM articles a JOIN duplicates d ON d.article = a.id JOIN articles o ON o.id = d.other"
        f" WHERE a.urlkey = ? AND o.{SHOWN}"
        " ORDER BY d.kind NOT LIKE 'moved%', d.similarity DESC, o.first_seen_at, o.urlkey",
        [urlkey(url)],
    )
    return [Duplicate(**dict(zip(Duplicate.__dataclass_fields__, row, strict=True))) for row in rows]


def derive_duplicates(db: Database, touched: Iterable[int]) -> None:
    """Link these articles, by their ids, with all that say the same, whether they are new, changed or gone."""
    articles = _Articles(db)
    ids = sorted(set(touched))
    changed = Counter[int]()  # band → how many more articles have it than before
    for identity in ids:
        changed.update(_keep_sketch(db, identity, articles.get(identity)))
    sharing = {band: _sharing(db, band, MOST_ALIKE + max(more, 0)) for band, more in changed.items()}
    todo = dict.fromkeys(chain(ids, _crossing(changed, sharing)))
    for identity in todo:
        _unlink(db, identity)
    rows = dict[tuple[int, int], tuple[int, int, float, str]]()
    for identity in todo:
        for other in _alike(db, identity, articles, sharing):
            if (identity, other) not in rows:
                for row in _pair(db, identity, other, articles):
                    rows[row[:2]] = row
    if rows:
        insert = "INSERT INTO duplicates (article, other, similarity, kind) VALUES (?, ?, ?, ?)"
        db.conn.executemany(insert, rows.values())


# ---------------------------------------------------------------- sketches


def sketch(title: str, text: str) -> bytes:
    """What a text is found by: four bytes for each class, eight for a short text, none for what is no text."""
    text = text[:MOST_LETTERS]
    words = _plain(text).split()
    least = [_EMPTY] * _CLASSES
    if len(words) >= SHORT_WORDS:
        # Of all runs those that begin with a word of four or seven letters: a fifth of them, wherever they stand.
        for first, second, third in zip(words, words[1:], words[2:], strict=False):
            if len(first) in _BEGIN:
                value = zlib.crc32(f"{first} {second} {third}".encode())
                place = value % _CLASSES
                if value < least[place]:
                    least[place] = value
    if min(least) == _EMPTY:
        short = _short(title, text)
        return blake2b(short.encode(), digest_size=8).digest() if short else b""
    return pack(f">{_CLASSES}L", *_filled(least))


_EMPTY = 1 << 32
_BEGIN = frozenset((4, 7))


def _plain(text: str) -> str:
    """In lower case, with one kind of quotation marks: what papers change in a report. Folding takes ten times that."""
    for mark in "‘’":
        text = text.replace(mark, "'")
    for mark in "“”„«»":
        text = text.replace(mark, '"')
    return text.lower()


def _filled(least: list[int]) -> list[int]:
    """The classes without a run take over what the next one has, so that short texts agree in them, too."""
    full = [place for place, value in enumerate(least) if value != _EMPTY]
    filled = list(least)
    for place, value in enumerate(least):
        if value == _EMPTY:
            following = next((other for other in full if other > place), full[0])
            away = (following - place) % _CLASSES
            filled[place] = (least[following] + away * 0x9E3779B1) % _EMPTY
    return filled


def _short(title: str, text: str) -> str:
    words = _words(text)
    return " ".join(_words(title)) + "\n" + " ".join(words) if len(words) >= FEWEST_WORDS else ""


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text[:MOST_LETTERS]))


def _bands(kept: bytes) -> list[int]:
    """The keys under which a sketch is found; 63 bits."""
    step = _BAND * 4
    parts = [bytes([place]) + kept[place : place + step] for place in range(0, len(kept), step)]
    return [int.from_bytes(blake2b(part, digest_size=8).digest(), "big") >> 1 for part in parts]


def _keep_sketch(db: Database, identity: int, said: _Said | None) -> dict[int, int]:
    """Keep an article's sketch and bands: each band that it did not have with +1, that it has no longer with -1."""
    new = sketch(said.title, said.text) if said else b""
    row = db.conn.execute("SELECT sketch FROM sketches WHERE article = ?", [identity]).fetchone()
    old: bytes = row[0] if row else b""
    if old == new:
        return {}
    before, after = set(_bands(old)), set(_bands(new))
    if old:
        db.conn.execute("DELETE FROM sketches WHERE article = ?", [identity])
        gone = [(band, identity) for band in before - after]
        db.conn.executemany("DELETE FROM bands WHERE band = ? AND article = ?", gone)
    if new:
        db.conn.execute("INSERT INTO sketches (article, sketch) VALUES (?, ?)", [identity, new])
        come = [(band, identity) for band in after - before]
        db.conn.executemany("INSERT INTO bands (band, article) VALUES (?, ?)", come)
    return {**dict.fromkeys(after - before, 1), **dict.fromkeys(before - after, -1)}


def _sharing(db: Database, band: int, most: int = MOST_ALIKE) -> list[int]:
    """The articles that have a band; of more than `most`, one more than that."""
    return [row[0] for row in db.conn.execute("SELECT article FROM bands WHERE band = ? LIMIT ?", [band, most + 1])]


def _crossing(changed: Mapping[int, int], sharing: Mapping[int, list[int]]) -> list[int]:
    """The articles of bands that count from now on, or no longer, because fewer or more articles share them."""
    crossing = set[int]()
    for band, more in changed.items():
        now = len(sharing[band])
        if (now > MOST_ALIKE) != (now - more > MOST_ALIKE):
            crossing.update(sharing[band])
    return sorted(crossing)


# ---------------------------------------------------------------- pairs


class _Said(NamedTuple):
    """What is compared of an article."""

    title: str
    text: str
    key: str
    url: str
    site: str | None
    first_seen_at: str
    gone_at: str | None


class _Articles:
    """Articles, and what their texts are made of, each read once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._said: dict[int, _Said | None] = {}
        self._sketches: dict[int, bytes] = {}
        self._runs: dict[int, frozenset[tuple[str, ...]]] = {}

    def get(self, identity: int) -> _Said | None:
        """None for one that is no article (any more)."""
        if identity not in self._said:
            row = self._db.conn.execute(
                "SELECT title, text, urlkey, url, site, first_seen_at, gone_at FROM articles WHERE id = ?", [identity]
            ).fetchone()
            self._said[identity] = _Said(*row) if row else None
        return self._said[identity]

    def sketch(self, identity: int) -> bytes:
        """As kept; nothing for what is no text."""
        if identity not in self._sketches:
            row = self._db.conn.execute("SELECT sketch FROM sketches WHERE article = ?", [identity]).fetchone()
            self._sketches[identity] = row[0] if row else b""
        return self._sketches[identity]

    def runs(self, identity: int, said: _Said) -> frozenset[tuple[str, ...]]:
        """The three-word runs of a text, folded."""
        if identity not in self._runs:
            words = _words(said.text)
            self._runs[identity] = frozenset(zip(words, words[1:], words[2:], strict=False))
        return self._runs[identity]


def _alike(db: Database, identity: int, articles: _Articles, sharing: dict[int, list[int]]) -> list[int]:
    """The articles whose sketches are so much alike that their texts are worth comparing."""
    kept = articles.sketch(identity)
    found = set[int]()
    for band in _bands(kept):
        if band not in sharing:
            sharing[band] = _sharing(db, band)
        if 1 < len(sharing[band]) <= MOST_ALIKE:
            found.update(sharing[band])
    found.discard(identity)
    return sorted(other for other in found if _agree(kept, articles.sketch(other)))


def _agree(one: bytes, other: bytes) -> bool:
    if len(one) != len(other) or len(one) < _CLASSES * 4:
        return one == other
    form = f">{_CLASSES}L"
    pairs = zip(unpack(form, one), unpack(form, other), strict=True)
    return len([mine for mine, its in pairs if mine == its]) >= _AGREEING


def _pair(db: Database, one: int, other: int, articles: _Articles) -> list[tuple[int, int, float, str]]:
    """Both rows of two articles that say the same; none, where they do not."""
    here, there = articles.get(one), articles.get(other)
    if here is None or there is None:
        return []
    if len(articles.sketch(one)) < _CLASSES * 4:
        alike = float(_short(here.title, here.text) == _short(there.title, there.text))
    else:
        mine, its = articles.runs(one, here), articles.runs(other, there)
        alike = len(mine & its) / max(len(mine | its), 1)
    if alike < SIMILAR:
        return []
    leads, comes = _redirects(db, here, there), _redirects(db, there, here)
    if not leads and not comes and not _same_numbers(here.text, there.text):
        return []
    kinds = _kinds(here, there, leads=leads, comes=comes)
    return [(one, other, round(alike, 3), kinds[0]), (other, one, round(alike, 3), kinds[1])]


def _same_numbers(one: str, other: str) -> bool:
    first, second = (Counter(re.findall(r"\d+", text[:MOST_LETTERS])) for text in (one, other))
    whole = (first | second).total()
    return whole < FEWEST_NUMBERS or (first & second).total() >= NUMBERS * whole


def _redirects(db: Database, here: _Said, there: _Said) -> bool:
    """Whether the one address was seen to send its readers to the other."""
    rows = db.conn.execute(
        "SELECT url, location FROM captures WHERE urlkey = ? AND location IS NOT NULL AND status BETWEEN 300 AND 399",
        [here.key],
    )
    return any(_target(url, location) == there.key for url, location in rows)


def _target(url: str, location: str) -> str | None:
    try:
        return urlkey(urljoin(url, location))
    except ValueError:
        return None


_MOVED = ("moved to", "moved from")


def _kinds(here: _Said, there: _Said, *, leads: bool, comes: bool) -> tuple[str, str]:
    """What the other is to the one, and the one to the other."""
    if leads != comes:
        return _MOVED if leads else (_MOVED[1], _MOVED[0])
    same_site = _host(here.url) == _host(there.url) or (here.site is not None and here.site == there.site)
    if not same_site:
        return "syndicated", "syndicated"
    # The one is gone, and the other was not seen before it.
    if bool(here.gone_at) != bool(there.gone_at) and here.first_seen_at != there.first_seen_at:
        older_is_gone = bool(here.gone_at) == (here.first_seen_at < there.first_seen_at)
        if older_is_gone:
            return _MOVED if here.gone_at else (_MOVED[1], _MOVED[0])
    return "repeated", "repeated"


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower().removeprefix("www.")


def _unlink(db: Database, identity: int) -> None:
    others = db.conn.execute("SELECT other FROM duplicates WHERE article = ?", [identity]).fetchall()
    if others:
        db.conn.execute("DELETE FROM duplicates WHERE article = ?", [identity])
        back = [(other, identity) for (other,) in others]
        db.conn.executemany("DELETE FROM duplicates WHERE article = ? AND other = ?", back)
