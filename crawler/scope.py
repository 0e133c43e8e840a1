"""Which URLs a site's crawl follows, and the rule against each that it does not.  No I/O.

Each refusal has the name of its rule, so that it can be counted and listed. What only the pages of a whole crawl show,
a calendar without end, is for `crawler/traps.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from archive.config import CrawlRules
from archive.surt import urlkey
from crawler.links import clean
from crawler.resolver import is_private
from crawler.urls import DOCUMENT, HEAVY, fold, fold_host, looks_like_article, looks_like_listing

_is_private = lru_cache(maxsize=4096)(is_private)

MAX_PATH_SEGMENTS = 12

# What no archive wants of a news site, by the part of the URL that shows it.
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("share or reply link", re.compile(r"[?&](?:share|replytocom|like_comment|print|yazdir|nb)=")),
    ("search or filter", re.compile(r"[?&](?:s|orderby|order|filter\w*|add-to-cart)=", re.I)),
    (
        "back office",
        re.compile(r"/(?:wp-admin|wp-login\.php|xmlrpc\.php|wp-comments-post\.php|wp-trackback\.php|cgi-bin)\b"),
    ),
    ("interface", re.compile(r"/wp-json/|[?&]rest_route=|/oembed/|/trackback/?$|[?&]format=xml")),
    ("feed of a page", re.compile(r"/(?:feed|rss|rss2|atom)(?:/(?:rss2?|atom|rdf))?/?$")),
)


class Scope:
    """What one site's crawl follows."""

    def __init__(self, rules: CrawlRules) -> None:
        self._origin = rules.origin.lower().rstrip("/")
        self._hosts = frozenset(fold_host(entry.partition("/")[0]) for entry in rules.hosts if not _is_surt(entry))
        self._prefixes = tuple(map(_surt_prefix, rules.hosts))
        self._by_host_alone = not any(_is_surt(entry) or entry.partition("/")[2] for entry in rules.hosts)
        self._allowed_private = frozenset(rules.allow_private)
        self._skip = _compile(rules.skip)
        self._article, self._listing = _compile(rules.article), _compile(rules.listing)
        self._documents = rules.documents
        self._max_depth = rules.max_depth
        self._seeds = frozenset(self.canonical(seed) for seed in filter(None, map(clean, rules.seeds)))

    def canonical(self, url: str) -> str:
        """A clean URL as this site knows it: http, https, with and without www. are one, under `crawl.origin`."""
        return fold(url, self._origin) if self._origin else url

    def refuse(self, url: str, *, depth: int, requisite: bool = False, source: bool = False) -> str | None:
        """The rule against following a clean URL; None when it is followed.

        A requisite may lie on another host; a source (sitemap, feed, robots.txt) need not look like a page.
        """
        parts = urlsplit(url)
        if self.canonical(url) in self._seeds:
            return None
        if (
            _is_private(parts.hostname or "")
            and self._with_port(parts.scheme, parts.netloc) not in self._allowed_private
        ):
            return "private address"
        if not requisite and (rule := self._off_site(url, parts.netloc, source=source)):
            return rule
        if _finds(self._skip, url):
            return "skip rule of the profile"
        if source or requisite:
            return None
        if HEAVY.search(parts.path):
            return "audio, video or archive file"
        if not self._documents and DOCUMENT.search(parts.path):
            return "PDF or office file"
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        for name, pattern in _RULES:
            if pattern.search(path):
                return name
        return _refuse_path(parts.path) or ("too deep" if depth > self._max_depth else None)

    def _off_site(self, url: str, netloc: str, *, source: bool) -> str | None:
        """By host, and where the profile has a path or a SURT, by prefix; a source may lie anywhere on the host."""
        on_host = fold_host(netloc) in self._hosts
        if self._by_host_alone or (on_host and source):
            return None if on_host else "off-site"
        if self._has_prefix(urlkey(url)):
            return None
        return "outside the site's path" if on_host else "off-site"

    def _has_prefix(self, key: str) -> bool:
        """Whether a SURT begins with a prefix and the prefix ends where a part of the SURT does."""
        rests = (key[len(prefix) - 1 :] for prefix in self._prefixes if key.startswith(prefix))
        return any(rest[0] in ",/" or rest[1:2] in ("", "/", "?", ")", ",") for rest in rests)

    def is_own(self, host: str) -> bool:
        """Whether a host, as `host:port` where its port is not the usual one, is one of the site's own."""
        return fold_host(host) in self._hosts or self._has_prefix(urlkey(f"http://{host}/"))

    def is_listing(self, url: str) -> bool:
        """Whether a URL is a list of articles: by the profile's patterns, else by well-known forms."""
        if _finds(self._listing, url):
            return True
        return not _finds(self._article, url) and looks_like_listing(url)

    def is_article(self, url: str) -> bool:
        """Whether a URL is an article's: by the profile's patterns, and where it has none, by well-known forms."""
        if self._article:
            return _finds(self._article, url)
        return not _finds(self._listing, url) and looks_like_article(url)

    @staticmethod
    def _with_port(scheme: str, netloc: str) -> str:
        return netloc if re.search(r":\d+$", netloc) else f"{netloc}:{443 if scheme == 'https' else 80}"


def _is_surt(entry: str) -> bool:
    return "," in entry or ")" in entry


def _surt_prefix(entry: str) -> str:
    """An entry of the profile's hosts as the beginning of SURTs: `org,example)/haber` for `www.example.org/haber/`."""
    if _is_surt(entry):
        return entry.lower()
    scheme = "https" if entry.partition("/")[0].endswith(":443") else "http"
    return urlkey(f"{scheme}://{entry}")


def _refuse_path(path: str) -> str | None:
    """The rule against paths that grow: a relative link on a page that answers under any address never ends."""
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) > MAX_PATH_SEGMENTS:
        return "path of too many parts"
    # Numbers may: /2010/10/10/page/10/.
    words = Counter(segment for segment in segments if not segment.isdigit())
    return "repeated path" if words and max(words.values()) >= 3 else None


def _compile(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


def _finds(patterns: tuple[re.Pattern[str], ...], url: str) -> bool:
    return any(pattern.search(url) for pattern in patterns)
