"""What on a page is the site's rather than the article's, by tag, role, class name and style.  No I/O.

Unguarded, class names harm good pages (.941 → .880 token F1 in the measurements of 2026-11). So never more than a fifth
of the text goes with one element, and never the title: so guarded they help old pages (.752 → .778).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from lxml import etree
from lxml.html import HtmlElement

from archive.extract.prose import is_prose
from archive.extract.runs import Run, is_hidden

PRUNE_SHARE = 0.2

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|respond|disqus|yorum(?:lar)?|related|share|sharing|social|sidebar"
    r"|widget|newsletter|promo|breadcrumbs?"
    r"|pagination|pager|navigation|navbar|menu|cookies?|banner|advert(?:isement)?|ads?|popup|modal"
    r"|recommend(?:ed|ation|ations)?|outbrain|taboola|most-?read|popular"
    r"|sponsor(?:ed)?|subscribe|subscription|paywall|author-?box|toolbar|login|teaser|footer"
    r"|visually-?hidden|sr-?only|screen-?reader(?:-text|-only)?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_TAGS = frozenset(("nav", "aside", "footer", "form", "dialog", "menu"))
_ROLES = frozenset(("navigation", "complementary", "contentinfo", "search", "dialog", "menu", "banner", "alertdialog"))
_KEPT_TAGS = frozenset(("body", "html", "main", "article"))
COMMENT_NAMES = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|comment-?list|comments-?area|disqus_thread|yorumlar)(?:$|[\s_-])",
    re.IGNORECASE,
)
# One step: a union of five would be sorted in quadratic time.
_SIGNS_OF_COMMENTS = (
    "descendant::*[self::form or self::textarea or self::time or starts-with(@id, 'comment-')"
    " or contains(@class, 'comment')]"
)


def prune(root: HtmlElement, runs: Sequence[Run], title: Run | None) -> set[HtmlElement]:
    """The elements that are the site's rather than the article's, none with much text or the title inside."""
    weights: Counter[HtmlElement] = Counter()
    total = 0
    for run in runs:
        if not run.hidden and is_prose(run):
            total += len(run.text)
            for element in run.path:
                weights[element] += len(run.text)
    kept = set() if title is None else set(title.path)
    kept |= with_ancestors(root.iter("h1"))
    round_comments: set[HtmlElement] | None = None
    pruned: set[HtmlElement] = set()
    for element in root.iter(etree.Element):
        tag = element.tag
        names_site, names_comments = told_by(element)
        # A paragraph may be named after the paywall it stands behind.
        is_sites = (names_site and tag != "p") or tag in _TAGS or element.get("role") in _ROLES or is_hidden(element)
        # Comments may outweigh a short article, so the guard is another: a form, dates or authors inside.
        is_comments = names_comments and title is not None and tag not in ("a", "span")
        if not (is_sites or is_comments) or element in kept or tag in _KEPT_TAGS:
            continue
        if is_comments and round_comments is None:
            found = (sign.getparent() for sign in root.xpath(_SIGNS_OF_COMMENTS))
            round_comments = with_ancestors(parent for parent in found if parent is not None)
        is_light = weights[element] <= PRUNE_SHARE * total
        if (is_comments and element in (round_comments or ())) or (is_sites and is_light):
            pruned.add(element)
    return pruned


def with_ancestors(elements: Iterable[HtmlElement]) -> set[HtmlElement]:
    """These elements and all they stand in, each looked at once."""
    found: set[HtmlElement] = set()
    for element in elements:
        above: HtmlElement | None = element
        while above is not None and above not in found:
            found.add(above)
            above = above.getparent()
    return found


def told_by(element: HtmlElement) -> tuple[bool, bool]:
    """Whether the classes or the id of an element name something of the site, and readers' comments."""
    classes, name = element.get("class"), element.get("id")
    of_site, of_comments = _told(classes) if classes else (False, False)
    if name and not (of_site and of_comments):
        also_site, also_comments = _told(name)
        return of_site or also_site, of_comments or also_comments
    return of_site, of_comments


@lru_cache(maxsize=20_000)
def _told(names: str) -> tuple[bool, bool]:
    return bool(_NAMES.search(names)), bool(COMMENT_NAMES.search(names))
