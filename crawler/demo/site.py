"""The demo site as a function: state, target and how often the page was viewed → answer.  No sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from crawler.demo import machine
from crawler.demo.article_page import article_page
from crawler.demo.edition import Edition
from crawler.demo.pictures import SIZES, draw
from crawler.demo.spam import CONTACT_SPAM, HOME_SPAM, fill
from crawler.demo.theme import THEME, listing_page, missing_page, search_page

STATIC = Path(__file__).parent / "static"
# The day the theme's files were uploaded; a checkout's file times would differ from machine to machine.
_THEME_UPLOADED = datetime(2017, 5, 1, 4, 0, tzinfo=UTC)
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff": "font/woff",
    ".png": "image/png",
}
_HTML = "text/html; charset=UTF-8"
_UPLOAD = re.compile(r"/wp-content/uploads/(\d{4}/\d{2})/([a-z0-9-]{1,120}?)(?:-(\d{3,4})x(\d{3}))?\.png")
_PAGED = re.compile(r"(/.*?)(?:page/(\d{1,4})/)")
_CONTINUED = re.compile(r"(/.+/)(\d{1,2})/")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server sends, before gzip and chunking."""

    status: int
    body: bytes = b""
    content_type: str = _HTML
    headers: dict[str, str] = field(default_factory=dict)
    modified: datetime | None = None  # of a file: then it has validators
    chunked: bool = False

    @property
    def etag(self) -> str | None:
        """Of a file; pages have none, as in WordPress."""
        return f'"{sha256(self.body).hexdigest()[:20]}"' if self.modified else None


def answer(edition: Edition, target: str, views: int = 0) -> Answer:
    """The answer to a GET of `target` (path and query) that is the `views`th view of this page."""
    parts = urlsplit(target)
    path, query = unquote(parts.path), dict(parse_qsl(parts.query))
    if path == "/" and (redirected := _by_number(edition, query)):
        return redirected
    if path == "/" and "s" in query:
        return _html(search_page(edition, query["s"]))
    for find in (_file, _upload, _for_machines):
        if found := find(edition, path, query):
            return found
    if path.startswith("/wp-admin/"):
        return Answer(403, b"Forbidden\n", "text/plain; charset=UTF-8")
    return _page(edition, path, query, views) or _with_slash(edition, path) or _missing(edition)


def _page(edition: Edition, path: str, query: dict[str, str], views: int) -> Answer | None:
    first, page = path, 1
    if match := _PAGED.fullmatch(path):
        first, page = match[1], int(match[2])
        if page == 1:
            return _moved(edition, first)
    if listing := edition.listings.get(first):
        if not 1 <= page <= listing.pages:
            return None
        spam = HOME_SPAM if path == "/" else ()
        return _html(fill(listing_page(edition, listing, page), spam), chunked=True)
    if path not in edition.by_path and (match := _CONTINUED.fullmatch(path)):
        first, page = match[1], int(match[2])
    story = edition.by_path.get(first)
    if story is None or not 1 <= page <= len(story.pages) or (first != path and page == 1):
        return None
    if "share" in query:  # as Jetpack does: the link to share leads away
        there = f"https://paylas.example/{query['share']}?u={edition.base}{story.path[1:]}"
        return Answer(302, headers={"Location": re.sub(r"[^\x21-\x7e]", "", there)})
    html = article_page(edition, story, page, views=_first_count(story.number) + views if story.counted else None)
    if story.look == "archive":
        return Answer(200, fill(html, story.spam).encode("cp1254"), "text/html")
    return _html(fill(html, CONTACT_SPAM if story.slug == "iletisim" else story.spam))


def _first_count(number: int) -> int:
    """What a page's counter showed before anybody asked us."""
    return 300 + number * 37 % 4_000


def _html(page: str, *, chunked: bool = False) -> Answer:
    return Answer(200, page.encode(), chunked=chunked)


def _missing(edition: Edition) -> Answer:
    return Answer(404, fill(missing_page(edition), ()).encode())


def _moved(edition: Edition, path: str) -> Answer:
    return Answer(301, headers={"Location": edition.base + path[1:]})


def _by_number(edition: Edition, query: dict[str, str]) -> Answer | None:
    number = query.get("p", "")
    if not number:
        return None
    story = edition.by_number.get(int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else None
    return _moved(edition, story.path) if story else _missing(edition)


def _with_slash(edition: Edition, path: str) -> Answer | None:
    """WordPress sends a page's address without its last slash to the one with it."""
    if path.endswith("/") or not (found := _page(edition, path + "/", {}, 0)):
        return None
    return _moved(edition, path + "/") if found.status == 200 else found


def _for_machines(edition: Edition, path: str, query: dict[str, str]) -> Answer | None:
    xml, as_json = "application/xml; charset=UTF-8", "application/json; charset=UTF-8"
    if path == "/robots.txt":
        return Answer(200, machine.robots(edition).encode(), "text/plain; charset=UTF-8")
    if path == "/sitemap.xml":
        return Answer(200, machine.sitemap_index(edition).encode(), xml)
    if found := machine.sitemap(edition, path[1:]):
        return Answer(200, found.encode(), xml)
    if path == "/feed/":
        return Answer(200, machine.feed(edition).encode(), "application/rss+xml; charset=UTF-8")
    if path == "/wp-json/":
        return Answer(200, machine.rest_root(edition).encode(), as_json)
    if path.rstrip("/") == "/wp-json/wp/v2/posts":
        status, body, headers = machine.rest_posts(edition, query)
        return Answer(status, body.encode(), as_json, headers)
    if path.startswith("/wp-json/"):
        return Answer(404, machine.rest_missing().encode(), as_json)
    if path in ("/wp-json", "/feed"):
        return _moved(edition, path + "/")
    return None


def _file(_edition: Edition, path: str, _query: dict[str, str]) -> Answer | None:
    """A file of the theme."""
    name = path.removeprefix(f"/{THEME}")
    if name == path or name not in _static_names():
        return None
    content_type = _TYPES[Path(name).suffix]
    if content_type.startswith("text/"):
        content_type += "; charset=UTF-8"
    return Answer(200, (STATIC / name).read_bytes(), content_type, _cached(), _THEME_UPLOADED)


def _upload(edition: Edition, path: str, _query: dict[str, str]) -> Answer | None:
    """A picture of an article, drawn when it is first asked for."""
    if not (match := _UPLOAD.fullmatch(path)):
        return None
    month, name, width, height = match.groups()
    size = (int(width), int(height)) if width else SIZES[0]
    motif, uploaded = _pictures(edition).get(f"{month}/{name}", ("", _THEME_UPLOADED))
    if not motif or size not in SIZES or (width and size == SIZES[0]):
        return None
    return Answer(200, draw(motif, name, *size), "image/png", _cached(), uploaded)


@lru_cache(maxsize=8)
def _pictures(edition: Edition) -> dict[str, tuple[str, datetime]]:
    """`2017/10/SLUG-2` → motif and time of upload. A picture stays when its article is deleted, as in WordPress."""
    pictures = {}
    for story in {*edition.stories, *Edition(edition.base, 1).stories}:
        inside = [node.texts[0] for page in story.pages for node in page if node.kind == "picture"]
        for part, motif in enumerate((story.motif, *inside), start=1):
            name = story.slug if part == 1 else f"{story.slug}-{part}"
            pictures[f"{story.published:%Y/%m}/{name}"] = (motif, story.published.astimezone(UTC))
    return pictures


@lru_cache(maxsize=1)
def _static_names() -> frozenset[str]:
    files = (path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    return frozenset(path.relative_to(STATIC).as_posix() for path in files)


def _cached() -> dict[str, str]:
    return {"Cache-Control": "max-age=604800"}
