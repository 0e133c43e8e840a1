"""What a page lacks that should be an article: the ground on which `muragat alarms` stands.  No I/O.

A site's new look does not break extraction with an error: pages turn into "no text", or lose their date. Counted over
weeks that shows, so each page that is an article, or has the address of one, says what was not found on it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from archive.config import Site
from archive.model import Extracted, PageKind

# What these pages are is known from what they show, whatever their address.
_KNOWN = frozenset((PageKind.HOME, PageKind.GONE, PageKind.REPLACED, PageKind.ATTACHMENT))
_FOUND = frozenset((PageKind.ARTICLE, PageKind.CONTINUATION))
_OTHER_PATH = re.compile(
    r"/(?:kategori|category|etiket|tags?|konu|author|yazar|arama|search|arsiv|archives?|rubrika?|avtor|metka|page|feed)/"
    r"|/(?:19|20)\d\d(?:/\d\d?){0,2}/?$|/comment-page-\d+/?$",
    re.IGNORECASE,
)


def lacking(read: Extracted, url: str, site: Site | None) -> tuple[str, ...] | None:
    """Of "article", "text" and "date" what was not found; None for a page that need not be an article."""
    if read.kind in _FOUND:
        article = read.article
        if article is None:
            return ("article",)
        missing = () if article.blocks else ("text",)
        # The second page of an article prints no date.
        dated = article.published_at or read.kind is PageKind.CONTINUATION
        return missing if dated else (*missing, "date")
    if read.kind in _KNOWN or not has_article_address(url, site):
        return None
    return ("article",)


def has_article_address(url: str, site: Site | None) -> bool:
    """Whether an address is one of an article: as the profile's patterns say; without them, by its look."""
    if site and site.crawl.article:
        return any(re.search(pattern, url) for pattern in site.crawl.article)
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    path = unquote(parts.path)
    if parts.query or _OTHER_PATH.search(path):
        return False
    last = path.rstrip("/").rpartition("/")[2]
    return len(re.findall(r"[-_]", last)) >= 2 or bool(re.search(r"\d{3}", last))
