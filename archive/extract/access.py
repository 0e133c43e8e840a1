"""Whether an article is free to read or behind a paywall, as its page says.  After schema.org and OpenGraph.  No I/O.

Publishers tell search engines (`isAccessibleForFree`, also of a part of the page) and social networks
(`article:content_tier`). Where they tell neither, a line that asks for a subscription and a text that is cut short are
enough together, and not alone: everybody invites to subscribe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from archive.extract.body import Body
from archive.extract.elements import Elements, inner_text
from archive.extract.jsonld import ARTICLE_TYPE, MAX_LISTED, text_of, types_of
from archive.extract.metadata import Head
from archive.extract.runs import Run
from archive.language import fold
from archive.model import Access

ASKING_CHARS = 300  # a line that asks for money says little else
ENDS_SHORT = ("…", "...")

_ASKS = re.compile(
    r"(?:devami|tamami|haberin (?:devami|tamami)|yazinin devami|okumaya devam)\w* .{0,60}(?:abone|uye)"
    r"|abone(?:ler\w*| olan\w*) .{0,20}(?:ozel|okuyabilir)|(?:yalnizca|sadece) aboneler"
    r"|(?:subscribe|sign in|log in|register|become a (?:member|subscriber)) .{0,30}(?:to|and) (?:continue|keep|read"
    r"|unlock)"
    r"|(?:for|to) subscribers only|(?:exclusive|reserved) (?:for|to) (?:our )?subscribers|already a subscriber"
    r"|(?:доступ\w*|читать|продолжен\w*) .{0,40}(?:по подписке|подписчик)|только (?:для|по) подпис\w+"
    r"|оформите подписку"
    r"|жазылушылар\w* (?:ғана|гана|үшін)|тек жазылушы|weiterlesen mit|nur fur abonnenten|abonn\w+ .{0,30}weiterlesen"
    r"|reserve\w* aux abonnes|abonnez-vous pour|contenido (?:exclusivo|solo) para suscriptores|solo para suscriptores"
    r"|riservat\w+ agli abbonati"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a page tells of access; several may speak, the surest first."""

    access: Access | None = None
    source: str = ""
    agreeing: int = 0  # of the other sources
    against: int = 0


def read_access(head: Head, elements: Elements, runs: Sequence[Run], body: Body, *, is_cut: bool) -> Told:
    """What the page tells. `is_cut`: it carries more of the text for machines than it shows."""
    said = list(_said(head, elements))
    if not said:
        return Told(Access.PAYWALLED, "layout") if _asks_to_pay(runs, body, is_cut=is_cut) else Told()
    access, source = said[0]
    others = [other for other, _ in said[1:]]
    return Told(access, source, others.count(access), len(others) - others.count(access))


def _said(head: Head, elements: Elements) -> Iterator[tuple[Access, str]]:
    """Each source that speaks, once: JSON-LD, microdata, the tier for social networks."""
    articles = [thing for thing in head.things if any(ARTICLE_TYPE.search(name) for name in types_of(thing))]
    pages = [head.main, *articles, *(thing for thing in head.things if "WebPage" in types_of(thing))]
    if access := next((found for thing in pages[:MAX_LISTED] if (found := _of_thing(thing))), None):
        yield access, "json-ld"
    if access := next((found for found in map(_truth, _microdata(elements)) if found), None):
        yield access, "microdata"
    for tier in head.metas.get("article:content_tier", ())[:1]:
        # Metered is free for some articles a month: not for whoever reads on.
        if access := {"free": Access.FREE, "locked": Access.PAYWALLED, "metered": Access.PAYWALLED}.get(tier.lower()):
            yield access, "opengraph"


def _of_thing(thing: Mapping[str, Any]) -> Access | None:
    """What an object says of itself, or of a part of it that is not free."""
    parts = thing.get("hasPart")
    listed = (parts if isinstance(parts, list) else [parts])[:MAX_LISTED]
    of_parts = [_truth(text_of(part.get("isAccessibleForFree"))) for part in listed if isinstance(part, dict)]
    return Access.PAYWALLED if Access.PAYWALLED in of_parts else _truth(text_of(thing.get("isAccessibleForFree")))


def _truth(text: str) -> Access | None:
    """`true`, "True", "http://schema.org/False" …"""
    word = text[:200].rsplit("/", 1)[-1].strip().lower()
    return {"true": Access.FREE, "1": Access.FREE, "false": Access.PAYWALLED, "0": Access.PAYWALLED}.get(word)


def _microdata(elements: Elements) -> Iterator[str]:
    for element in islice(elements.with_property("isAccessibleForFree"), 3):
        yield str(element.get("content") or element.get("href") or inner_text(element, limit=100))


def _asks_to_pay(runs: Sequence[Run], body: Body, *, is_cut: bool) -> bool:
    """Whether the text is cut short and a line in it, or next to it, asks to subscribe before one reads on."""
    # The line itself may have been taken for the text's last.
    last = next((run for run in reversed(body.runs[-3:]) if not _asks(run)), None)
    if body.region is None or not (is_cut or (last and last.text.rstrip(" ]").endswith(ENDS_SHORT))):
        return False
    around = {body.region, *islice(body.region.iterancestors(), 2)}
    asking = (run for run in runs if not run.hidden and _asks(run))
    return any(not around.isdisjoint(run.path) for run in asking)


def _asks(run: Run) -> bool:
    return len(run.text) <= ASKING_CHARS and bool(_ASKS.search(fold(run.text)))
