"""What a site says of itself: robots.txt, and what its WordPress lists through the REST interface.  No I/O.

Sitemaps and feeds are read in sources.py. What is found here only decides what is fetched next: an article's own fields
come from its page alone, so of the interface's answers only addresses and dates are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape

from protego import Protego

from crawler.sources import (
    MAX_JSON_BYTES,
    MAX_JUNK_BYTES,
    Entry,
    absolute,
    number_in,
    read_time,
    same_host,
    with_query,
)

MAX_ROBOTS_BYTES = 500 * 1024  # RFC 9309 §2.5
MAX_ROBOTS_SITEMAPS = 1_000
MAX_DELAY_SECONDS = 86_400.0  # a longer Crawl-delay is a slip of the pen, or wants us to stay away: one fetch a day
MAX_API_PAGES = 2_000  # of a hundred articles each
MAX_API_ENTRIES = 1_000  # in one answer; WordPress gives a hundred at most
MAX_HEAD_BYTES = 1024 * 1024


class Robots:
    """A host's robots.txt (RFC 9309), for our product token."""

    def __init__(self, body: bytes, *, agent: str) -> None:
        if len(body) > MAX_ROBOTS_BYTES:  # whole lines: half of "Disallow: /ozel/" would forbid everything
            body = body[: max(body.rfind(b"\n", 0, MAX_ROBOTS_BYTES), body.rfind(b"\r", 0, MAX_ROBOTS_BYTES), 0)]
        text = body.decode("utf-8-sig", "replace")
        self._rules = Protego.parse(_AGENT_LINE.sub(lambda line: _group_line(line[1], agent), text))
        self._agent = agent

    def allows(self, url: str) -> bool:
        """Whether this URL may be fetched."""
        return bool(self._rules.can_fetch(url, self._agent))

    @property
    def delay(self) -> float | None:
        """Crawl-delay in seconds; None when it names none."""
        delay = self._rules.crawl_delay(self._agent)
        return None if delay is None else min(float(delay), MAX_DELAY_SECONDS)

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps it names, as written: some are relative."""
        return list(dict.fromkeys(self._rules.sitemaps))[:MAX_ROBOTS_SITEMAPS]


_AGENT_LINE = re.compile(r"^[ \t]*user-agent[ \t]*:[ \t]*([^\r\n#]*)", re.IGNORECASE | re.MULTILINE)


def _group_line(named: str, agent: str) -> str:
    """A User-agent line as Protego reads it rightly: for it "mura" is a name of muragat, and "muragat/1.0" is none."""
    token = re.match(r"\*|[\w-]*", named, re.ASCII)[0].lower()  # type: ignore[index]
    if not named.strip() or token == "*":
        return f"User-agent: {token}"
    return f"User-agent: {agent if token == agent.lower() else '(another)'}"


# ---------------------------------------------------------------- WordPress REST

_API_HEADER = re.compile(r"""<([^<>]{1,2000})>\s{0,9};[^,<]{0,200}\brel\s?=\s?["']?https://api\.w\.org/""")
_LINK_TAG = re.compile(rb"<link\s[^<>]{0,2000}>", re.IGNORECASE)
_HREF = re.compile(rb"""\shref\s?=\s?["']?([^"'\s<>]{1,2000})""", re.IGNORECASE)
_FIELDS = "per_page=100&page=1&_fields=link,date_gmt,modified_gmt"


def api_root(html: bytes, *, url: str, link: str = "") -> str | None:
    """Where the REST interface of a page's WordPress is, by its <link> or by its Link header; None when none is named.

    One on another host is none of this site's.
    """
    named = [match[1] for match in _API_HEADER.finditer(link[:MAX_JUNK_BYTES])]
    for tag in _LINK_TAG.finditer(html, 0, MAX_HEAD_BYTES):
        if b"https://api.w.org/" in tag[0] and (href := _HREF.search(tag[0])):
            named.append(unescape(href[1].decode("utf-8", "replace")))
    for each in named:
        root = absolute(each, url)
        if root and same_host(root, url) and ("?" not in root or re.search(r"[?&]rest_route=/$", root)):
            return root if "?" in root or root.endswith("/") else f"{root}/"
    return None


def api_index(root: str) -> str:
    """What the interface says of the site itself: namespaces, name and zone."""
    return _route(root, "", "_fields=name,namespaces,timezone_string,gmt_offset")


def api_start(root: str) -> list[str]:
    """Where the lists of all posts and all pages begin, to be followed to their ends.

    In the order in which they were made: what is added meanwhile stands on the last page and moves nothing from one
    page to another. By date, thousands that were imported in one second would change places between two requests.
    """
    return [_route(root, f"wp/v2/{kind}", f"{_FIELDS}&orderby=id&order=asc") for kind in ("posts", "pages")]


def api_poll(root: str) -> list[str]:
    """Where posts and pages that changed last begin; to be followed only while a page tells something new."""
    return [_route(root, f"wp/v2/{kind}", f"{_FIELDS}&orderby=modified&order=desc") for kind in ("posts", "pages")]


def is_api_poll(url: str) -> bool:
    """Whether this is a page of `api_poll`, whose next page is of use only when it named something new or changed."""
    return "&orderby=modified&" in url


def _route(root: str, route: str, query: str) -> str:
    return f"{root}{route}{'&' if '?' in root else '?'}{query}"


def read_api(body: bytes, *, url: str, headers: Mapping[str, str]) -> tuple[list[Entry], str | None]:
    """The entries of one page of a list of posts, and the next page; none of an error or of anything else.

    The next page is this one's address with another number, so an answer cannot lead away. That there is one is said by
    X-WP-TotalPages or, where a proxy took that away, by a page that is full.
    """
    posts = _posts(body)
    entries = [entry for post in posts[:MAX_API_ENTRIES] if (entry := _post(post, url))]
    total = next((value for name, value in headers.items() if name.lower() == "x-wp-totalpages"), "").strip()
    page = number_in(url, "page")
    known = re.fullmatch(r"[0-9]{1,9}", total)
    goes_on = page < int(total) if known else len(posts) >= number_in(url, "per_page")
    goes_on = goes_on and bool(entries) and page < MAX_API_PAGES
    return entries, with_query(url, "page", page + 1) if goes_on else None


_LIST = re.compile(rb"\[\s*[{\]]")


def _posts(body: bytes) -> list[object]:
    """The list in an answer, also behind the warnings of a plugin."""
    start = _LIST.search(body, 0, MAX_JUNK_BYTES)
    if start is None or len(body) > MAX_JSON_BYTES:
        return []
    try:
        posts = json.loads(body[start.start() :])
    except (ValueError, RecursionError):
        return []
    return posts if isinstance(posts, list) else []


def _post(post: object, url: str) -> Entry | None:
    if not isinstance(post, dict) or not (page := absolute(post.get("link"), url)):
        return None
    return Entry(page, read_time(post.get("date_gmt")), read_time(post.get("modified_gmt")))
