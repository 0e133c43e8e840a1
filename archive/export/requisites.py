"""What a page needs to be shown: addresses of pictures, styles, scripts and fonts, out of HTML and CSS.  No I/O.

Read with expressions that pass over each byte a bounded number of times: the pages are hostile. What a script loads is
not known; links to other pages are no requisites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import islice
from urllib.parse import urljoin, urlsplit

_TAG = re.compile(
    r"<(img|script|link|source|video|audio|track|iframe|frame|embed|object|input|image|use|body|table|td|base)"
    r"(?=[\s/])([^<>]{0,20000})",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([a-z][a-z:-]{0,30})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_CSS_URL = re.compile(r"(?:url\(|@import)\s{0,9}(?:&quot;|&#0?3[49];|[\"'])?([^\"'()<>\s]{1,2000})", re.IGNORECASE)
_ONE = frozenset({"src", "poster", "data", "background", "data-src", "data-lazy-src", "data-original", "data-bg"})
_SETS = frozenset({"srcset", "imagesrcset", "data-srcset", "data-lazy-srcset"})
_SHOWN_LINKS = frozenset(
    {"stylesheet", "icon", "apple-touch-icon", "preload", "modulepreload", "manifest", "mask-icon"}
)
LIMIT = 2_000  # addresses of one page: more are no page's need


def requisites(text: str, *, url: str, is_css: bool) -> list[str]:
    """Absolute web addresses, each once, in the order of the text."""
    found = dict[str, None]()
    base = url
    written = _in_css(text) if is_css else _in_html(text)
    for kind, address in islice(written, 10 * LIMIT):
        try:
            absolute = urljoin(base, address)
            parts = urlsplit(absolute)
        except ValueError:
            continue
        if kind == "base":
            base = absolute
        elif parts.scheme in ("http", "https") and parts.netloc:
            found.setdefault(parts._replace(fragment="").geturl())
        if len(found) >= LIMIT:
            break
    return list(found)


def _in_css(text: str) -> Iterator[tuple[str, str]]:
    for match in _CSS_URL.finditer(text):
        yield "css", unescape(match[1]).strip("\"' ;")


def _in_html(text: str) -> Iterator[tuple[str, str]]:
    for tag in _TAG.finditer(text):
        name = tag[1].lower()
        attributes = {
            match[1].lower(): unescape(match[2] or match[3] or match[4] or "").strip()
            for match in _ATTRIBUTE.finditer(tag[2])
        }
        rel = set(attributes.get("rel", "").lower().split())
        if name == "base" and "href" in attributes:
            yield "base", attributes["href"]
        if name in ("image", "use") or (name == "link" and rel & _SHOWN_LINKS):
            yield from ((name, attributes[key]) for key in ("href", "xlink:href") if attributes.get(key))
        for key, value in attributes.items():
            if key in _ONE and value:
                yield name, value
            elif key in _SETS:
                yield from ((name, part.split()[0]) for part in value.split(",") if part.split())
    yield from _in_css(text)
