"""What many pages of one site have in common: lines, and places that hold nothing of an article's own.  No I/O.

A page alone does not tell whether "Son haberler" or a paragraph on cookies is the article's; the same words on other
pages do. Headlines of other posts change from page to page, so the places they stand in are learned too. Text that
stands on one page only is an article's own: it is never learned away, nor is a place that holds any.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import ceil

from lxml.html import HtmlElement

from archive.config import Site
from archive.extract.article import extract
from archive.extract.letters import bare
from archive.extract.page import read_page
from archive.extract.prose import is_prose
from archive.extract.runs import Run, lines_of, read_runs
from archive.model import Article, BlockKind, Capture, Payload

MIN_PAGES = 5  # fewer say little of what a site's pages have in common
FEW_PAGES = 12  # of so few, two pages are many
# A line counts from this many pages on and this share of them: a paragraph that two follow-up stories quote is theirs.
LINE_PAGES, LINE_SHARE = 3, 0.08
# Cells, items and subheads recur in articles of one kind ("Tarih", "Kaynak", "Sonuç").
INNER_SHARE = 0.2
MENU_SHARE = 0.5  # of the pages that have a link outside the article, for it to be more than the headline of a day
PLACE_PAGES, PLACE_SHARE = 3, 0.04
PROSE_SHARE = 0.5  # of a place's pages on which it holds sentences; of another, those would be new
LOST_SHARE = 0.01  # of a place's pages on which it may hold a text of its own: misread pages, and no more
SAME_SHARE = 0.5  # of a place's letters: the site's on other pages too, or links
LABEL_SHARE, TITLES_SHARE = 0.8, 0.3  # of a list's pages with one label, or of its links with words of another page
TAKEN_SHARE = 0.2  # of a labelled list's pages on which `extract` may have let it in
NEW_SHARE = 0.3  # of a place's texts that must stand in none of the places taken before
STEM_CHARS = 50  # letters by which a cut teaser is known as the beginning of a paragraph
KEY_CHARS = 120
MAX_RUNS, MAX_CHARS = 1_500, 200_000  # of a page; the fullest of our sample pages have 1,416 and 55,987
LINE_LIMIT_CHARS = 500  # a longer one would be learned with its place
MAX_PLACES, MAX_LINES = 60, 300
MAX_NAMES, OUTER_PLACES = 4, 20  # classes of one element that are looked at; selectors where too many hold one text
EXAMPLE_CHARS, EXAMPLES = 60, 2

_NAME = re.compile(r"[A-Za-z_][\w-]{0,60}", re.ASCII)
_NUMBERED = re.compile(r"\d{3}|[-_]\d\d+$")  # of one post or picture, or by its place among others
_SITE_TAGS = frozenset(("nav", "aside", "footer", "form", "header"))
_PLAIN_VALUE = re.compile(r"[\w%#-]{1,20}", re.ASCII)
_INNER = frozenset((BlockKind.CELL, BlockKind.ITEM, BlockKind.HEADING, BlockKind.CAPTION, BlockKind.QUOTE))


@dataclass(frozen=True, slots=True)
class Piece:
    """One run of text of a page, without its page."""

    key: str  # its letters, those of a long one shortened
    text: str  # as printed, cut
    is_link: bool  # more than half of it is
    is_prose: bool
    in_body: bool  # `extract` took it for the article's
    is_title: bool
    is_inner: bool  # a cell, item, subhead, caption or quote
    places: tuple[str, ...]  # selectors of the elements it stands in

    @property
    def stem(self) -> str:
        """Its first letters."""
        return self.key[:STEM_CHARS]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one page shows, as far as learning needs it."""

    article: frozenset[str]  # what it is known by: pages with one of these in common show one article
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A line or place that is the site's own."""

    text: str  # the line as printed, or the place's selector
    pages: int  # that have it
    in_body: int  # of these: it was taken for the article's
    examples: tuple[str, ...] = ()  # of what stands in a place


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found on some pages of a site."""

    pages: int  # articles that were compared
    places: tuple[Repeat, ...] = ()  # with text that is the site's
    lists: tuple[Repeat, ...] = ()  # places with links, labels and names alone
    lines: tuple[Repeat, ...] = ()


def sight(payload: Payload, capture: Capture, site: Site | None) -> Sighting | None:
    """One page as learning sees it: read without what was learned before. None for what is no HTML."""
    page = read_page(payload, capture)
    if page is None:
        return None
    extracted = extract(payload, capture, site.unlearned if site else None)
    article = extracted.article
    own = _OnPage(article, [bare(finding.excerpt) for finding in extracted.findings])
    root = page.tree.find("body")
    chars, pieces = 0, list[Piece]()
    for run in read_runs(page.tree if root is None else root, page.elements.hidden)[:MAX_RUNS]:
        chars += len(run.text)
        if chars > MAX_CHARS:
            break
        if piece := own.piece(run):
            pieces.append(piece)
    return Sighting(_known_by(capture, article, pieces), tuple(pieces))


def _known_by(capture: Capture, article: Article | None, pieces: Sequence[Piece]) -> frozenset[str]:
    """The address; canonical address and title; title and opening. Some sites name the front page as canonical."""
    known, title = [f"url {capture.urlkey}"], bare(article.title) if article else ""
    if article and title and article.canonical:
        known.append(f"canonical {article.canonical} {title}")
    opening = next((piece.stem for piece in pieces if piece.in_body and piece.is_prose), "")
    if title and opening:
        known.append(f"opening {title} {opening}")
    return frozenset(known)


class _OnPage:
    """What the runs of one page are held against."""

    def __init__(self, article: Article | None, injected: Sequence[str]) -> None:
        self.title = bare(article.title) if article else ""
        self.body = {bare(block.text) for block in article.blocks} if article else set()
        self.injected = injected
        self.places: dict[HtmlElement, tuple[str, ...]] = {}

    def piece(self, run: Run) -> Piece | None:
        """A run without its page; None for injected text and for what has no letters."""
        letters = bare(run.text)
        if not letters or self.is_injected(letters):
            return None
        return Piece(
            key=letters if len(letters) <= KEY_CHARS else letters[:STEM_CHARS] + sha256(letters.encode()).hexdigest(),
            text=" ".join(run.text[: LINE_LIMIT_CHARS + 1].split()),
            is_link=run.link_share >= 0.5,
            is_prose=is_prose(run),
            in_body=letters in self.body or any(bare(line) in self.body for line in lines_of(run)),
            is_title=letters == self.title or run.node.tag == "h1",
            is_inner=run.kind in _INNER,
            places=self.places_of(run.node),
        )

    def is_injected(self, letters: str) -> bool:
        """Whether these letters were found to be somebody else's."""
        begin = letters[:KEY_CHARS]
        return any(excerpt == begin or (len(begin) >= 12 and begin in excerpt) for excerpt in self.injected)

    def places_of(self, element: HtmlElement) -> tuple[str, ...]:
        """The selectors that name an element or what it stands in, the outermost first."""
        if element not in self.places:
            above = element.getparent()
            outer = self.places_of(above) if above is not None and above.tag != "html" else ()
            found = () if element.tag in ("body", "html") else map(sys.intern, _selectors(element))
            names = tuple(dict.fromkeys((*outer, *found)))
            self.places[element] = (
                names if len(names) <= MAX_PLACES else (*names[:OUTER_PLACES], *names[-OUTER_PLACES:])
            )
        return self.places[element]


def _selectors(element: HtmlElement) -> Iterator[str]:
    """The ways to name an element that would name its like on other pages."""
    tag = element.tag
    own = list(_names(element))
    yield from own
    classes = [name.partition(".")[2] for name in own if "." in name]
    if len(classes) > 1:
        yield f"{tag}.{'.'.join(sorted(classes))}"
    if tag in _SITE_TAGS:
        yield str(tag)
    for attribute in ("role", "width", "bgcolor"):  # all that old pages have
        if _PLAIN_VALUE.fullmatch(value := element.get(attribute) or ""):
            yield f'{tag}[{attribute}="{value}"]'
    above = element.getparent()
    if not own and above is not None:
        yield from (f"{name} > {tag}" for name in _names(above))


def _names(element: HtmlElement) -> Iterator[str]:
    identity = element.get("id") or ""
    if _NAME.fullmatch(identity) and not _NUMBERED.search(identity):
        yield f"#{identity}"
    for name in (element.get("class") or "").split()[:MAX_NAMES]:
        if _NAME.fullmatch(name) and not _NUMBERED.search(name):
            yield f"{element.tag}.{name}"


def find_repeats(sightings: Iterable[Sighting]) -> Repeats:
    """What the pages have in common. An article counts once, whatever captures, addresses or wordings it has."""
    pages = list(_different(sightings))
    if len(pages) < MIN_PAGES:
        return Repeats(len(pages))
    return _Search(pages).repeats()


def _different(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    seen = set[str]()
    for sighting in sightings:
        if not seen & sighting.article:
            yield sighting
        seen |= sighting.article


@dataclass(slots=True)
class _Place:
    """What stands in one place, over all pages."""

    pages: int = 0
    own: int = 0  # pages on which it holds an article's own text, or its title
    in_body: int = 0
    prose: int = 0  # pages on which it holds sentences
    chars: int = 0
    sites: int = 0  # characters that are the site's on many pages
    linked: int = 0  # others that are links
    links: int = 0
    known_links: int = 0  # with the words of another page
    taken_links: int = 0  # pages on which others were taken for the article's
    labels: Counter[str] = field(default_factory=Counter)  # text → pages on which it stands here
    covers: dict[int, int] = field(default_factory=dict)  # page → its pieces, a bit each


class _Search:
    """The pages of a site, each text counted."""

    def __init__(self, pages: Sequence[Sighting]) -> None:
        self.pages = pages
        self.texts = Counter(key for page in pages for key in {piece.key for piece in page.pieces})
        self.stems = Counter(stem for page in pages for stem in {piece.stem for piece in page.pieces})
        # The only ones that may be a place's label: to count all texts for all they stand in takes gigabytes.
        begun = Counter(text for page in pages for text in {piece.text[:EXAMPLE_CHARS] for piece in page.pieces})
        self.place_pages = max(PLACE_PAGES, ceil(PLACE_SHARE * len(pages)))
        self.site_pages = max(2, ceil(PLACE_SHARE * len(pages)))
        self.labels = {text for text, count in begun.items() if count >= LABEL_SHARE * self.place_pages}

    def repeats(self) -> Repeats:
        """What the pages have in common."""
        found = self.places()
        places = [name for name, place in found.items() if place.prose >= max(PLACE_PAGES, PROSE_SHARE * place.pages)]
        lists = [name for name in found if name not in places]
        return Repeats(
            len(self.pages),
            tuple(self.repeat(name, found[name]) for name in places),
            tuple(self.repeat(name, found[name]) for name in lists),
            tuple(self.lines(set(places), set(lists))),
        )

    def places(self) -> dict[str, _Place]:
        """The places that hold nothing of an article's own, the fullest first, none inside another."""
        often = Counter(name for page in self.pages for name in {x for piece in page.pieces for x in piece.places})
        found: defaultdict[str, _Place] = defaultdict(_Place)
        left = {name for name, pages in often.items() if pages >= self.place_pages}
        for number, page in enumerate(self.pages):
            self.add(found, number, page, left)
            # What holds articles' own texts, and stands round much, need not be looked at to the end.
            for lost in [name for name, place in found.items() if place.own > LOST_SHARE * often[name]]:
                del found[lost]
                left.discard(lost)
        good = {name: place for name, place in found.items() if self.is_the_sites(place)}
        return {name: good[name] for name in _outermost(good)}

    def add(self, found: defaultdict[str, _Place], number: int, page: Sighting, names: set[str]) -> None:
        """Count one page's texts for those of the places that they stand in."""
        inside: defaultdict[str, list[tuple[int, Piece]]] = defaultdict(list)
        for position, piece in enumerate(page.pieces):
            for name in piece.places:
                if name in names:
                    inside[name].append((position, piece))
        for name, pieces in inside.items():
            place = found[name]
            place.pages += 1
            place.own += any(self.is_own(piece) for _, piece in pieces)
            place.in_body += any(piece.in_body for _, piece in pieces)
            place.prose += any(piece.is_prose for _, piece in pieces)
            place.taken_links += any(
                piece.in_body and piece.is_link and self.stems[piece.stem] < 2 for _, piece in pieces
            )
            place.labels.update(self.labels & {piece.text[:EXAMPLE_CHARS] for _, piece in pieces})
            place.covers[number] = sum(1 << position for position, _ in pieces)
            for _, piece in pieces:
                self.weigh(place, piece)

    def weigh(self, place: _Place, piece: Piece) -> None:
        """Add one text to what a place holds."""
        place.chars += len(piece.text)
        if self.texts[piece.key] >= self.site_pages:
            place.sites += len(piece.text)
        elif piece.is_link:
            place.linked += len(piece.text)
        if piece.is_link:
            place.links += 1
            place.known_links += self.stems[piece.stem] >= 2

    def is_own(self, piece: Piece) -> bool:
        """Whether a text is an article's own: it reads like one or was taken for one, and few other pages have it."""
        if self.texts[piece.key] >= self.site_pages:
            return False
        if piece.is_link:
            return piece.is_title
        # A teaser is on its own page too; what was taken for the article's is not given up for that.
        return piece.is_title or piece.in_body or (piece.is_prose and self.stems[piece.stem] < 2)

    def is_the_sites(self, place: _Place) -> bool:
        """Whether nothing of an article's own stands in a place, and something that is not."""
        if place.pages < self.place_pages or place.own > LOST_SHARE * place.pages:
            return False
        if place.sites >= SAME_SHARE * place.chars:
            return True
        # A list that an author made is links, too: it has neither one label on all pages nor the site's own headlines.
        is_taken = place.taken_links > TAKEN_SHARE * place.pages
        has_label = not is_taken and max(place.labels.values(), default=0) >= LABEL_SHARE * place.pages
        is_known = place.known_links >= TITLES_SHARE * place.links
        return place.sites + place.linked >= SAME_SHARE * place.chars and (has_label or is_known)

    def repeat(self, name: str, place: _Place) -> Repeat:
        """A place as it is told to a person."""
        number = min(place.covers)
        first = [
            piece.text[:EXAMPLE_CHARS]
            for position, piece in enumerate(self.pages[number].pieces)
            if place.covers[number] >> position & 1
        ]
        return Repeat(name, place.pages, place.in_body, tuple(first[:EXAMPLES]))

    def lines(self, places: set[str], lists: set[str]) -> list[Repeat]:
        """The texts of many pages that no place takes already; those taken for an article's first."""
        found = dict[str, list[Piece]]()
        for page in self.pages:
            left = [
                p for p in page.pieces if places.isdisjoint(p.places) and (p.is_prose or lists.isdisjoint(p.places))
            ]
            for piece in {piece.key: piece for piece in left if self.texts[piece.key] >= 2}.values():
                found.setdefault(piece.key, []).append(piece)
        repeats = [
            Repeat(pieces[0].text, len(pieces), sum(piece.in_body for piece in pieces))
            for pieces in found.values()
            if self.is_the_sites_line(pieces)
        ]
        return sorted(repeats, key=lambda line: (-line.in_body, -line.pages, line.text))[:MAX_LINES]

    def is_the_sites_line(self, pieces: Sequence[Piece]) -> bool:
        """Whether a text of several pages is none of an article's."""
        text, count = pieces[0].text, len(self.pages)
        if len(text) > LINE_LIMIT_CHARS or any(piece.is_title for piece in pieces) or not re.search(r"[^\W\d_]", text):
            return False
        in_body = any(piece.in_body for piece in pieces)
        if pieces[0].is_link and not in_body and len(pieces) < MENU_SHARE * count:
            return False  # the headline of a day
        if count <= FEW_PAGES:
            return len(pieces) >= (LINE_PAGES if in_body else 2)
        share = INNER_SHARE if in_body and any(piece.is_inner for piece in pieces) else LINE_SHARE
        return len(pieces) >= max(LINE_PAGES, ceil(share * count))


def _outermost(places: dict[str, _Place]) -> list[str]:
    """Of places that hold the same, the widest with the shortest name; no place that adds little to those before it."""
    taken = list[str]()
    held: defaultdict[int, int] = defaultdict(int)
    sizes = {name: sum(bits.bit_count() for bits in place.covers.values()) for name, place in places.items()}
    for name in sorted(places, key=lambda name: (-sizes[name], not name.startswith("#"), len(name), name)):
        new = sum((bits & ~held[number]).bit_count() for number, bits in places[name].covers.items())
        if new < max(PLACE_PAGES, NEW_SHARE * sizes[name]):
            continue
        taken.append(name)
        for number, bits in places[name].covers.items():
            held[number] |= bits
        if len(taken) == MAX_PLACES:
            break
    return taken
