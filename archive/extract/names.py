"""Who wrote an article, as its head says, and what of such a line is a name.  No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from archive.extract.elements import Elements, inner_text
from archive.extract.jsonld import MAX_LISTED, clean, text_of
from archive.extract.letters import bare
from archive.language import fold

MAX_NAME_CHARS = 80

_AUTHOR_META = (
    "article:author",
    "author",
    "dc.creator",
    "parsely-author",
    "sailthru.author",
    "articleauthor",
    "article:author_name",
    "og:article:author",
    "cxenseparse:author",
    "mrf:authors",
    "dcsext.author",
    "twitter:misc:written by",
)
_WRITTEN_BY = re.compile("written|yaz|verfasst|geschrieben|написано|автор|ecrit|escrito|scritto|жазган")
# 10 times the longest title of our sample pages: what is longer names nobody.
TEXT_LIMIT_CHARS = 2_000
MAX_MARKED, MAX_INSIDE = 20, 50  # elements that say author, and elements in them that may be the name


def read_authors(
    main: Mapping[str, Any],
    metas: Mapping[str, list[str]],
    things: list[dict[str, Any]],
    elements: Elements,
    site_names: Iterable[str],
) -> tuple[list[str], str]:
    """The first names that are not the site's own; those where there are no others."""
    found = [(names, source) for names, source in _named(main, metas, things, elements) if names]
    people = ((names, source) for names, source in found if is_somebody(names, site_names))
    return next(people, found[0] if found else ([], ""))


def is_somebody(names: Iterable[str], site_names: Iterable[str]) -> bool:
    """Whether names are of others than the site itself, with or without its town."""
    sites = {site for name in site_names if (site := bare(name))}
    return any(bare(name) not in sites and bare(name.split(",")[0]) not in sites for name in names)


def _named(
    main: Mapping[str, Any], metas: Mapping[str, list[str]], things: list[dict[str, Any]], elements: Elements
) -> Iterator[tuple[list[str], str]]:
    """Names and their source, the best first."""
    people = {thing["@id"]: text_of(thing.get("name")) for thing in things if isinstance(thing.get("@id"), str)}
    named = main.get("author") or main.get("creator")
    names = []
    for one in named[:MAX_LISTED] if isinstance(named, list) else [named]:
        listed = one.get("name") if isinstance(one, dict) else one
        for name in listed[:MAX_LISTED] if isinstance(listed, list) else [listed]:
            names.append(text_of(name) or (people.get(str(one.get("@id")), "") if isinstance(one, dict) else ""))
    yield clean_names(names), "json-ld"
    for name in _AUTHOR_META:
        yield clean_names(metas.get(name, ())), "opengraph"
    # What Yoast, the plug-in of most WordPress sites, tells Slack: "Written by" in the language of the site.
    for number in (1, 2, 3):
        if _WRITTEN_BY.match(fold(next(iter(metas.get(f"twitter:label{number}", ())), ""))):
            yield clean_names(metas.get(f"twitter:data{number}", ())), "opengraph"
    yield clean_names(_marked_authors(elements)), "microdata"


def _marked_authors(elements: Elements) -> list[str]:
    """What is marked up as author: the first, and those beside it; others are of other articles."""
    named = (one for one in elements.with_property("author") if one.tag != "meta")
    found = list(islice(named, MAX_MARKED))
    near = list(islice(found[0].iterancestors(), 3)) if found else []
    beside = [element for element in found if element is found[0] or near[-1] in islice(element.iterancestors(), 6)]
    names = []
    for element in beside:
        name = next((inner for inner in islice(element.iter(), MAX_INSIDE) if inner.get("itemprop") == "name"), element)
        names.append(inner_text(name, limit=TEXT_LIMIT_CHARS, between=" ") or name.get("content") or "")
    return names


_NAME_LABEL = re.compile(
    r"^(?:by|von|par|por|di|av|yazan|yazar|haber|muhabir|editör|kaynak|автор|текст|мақала авторы)\s*[:：]\s*"
    r"|^(?:\w+ )?by\s+",
    re.IGNORECASE,
)
_NO_AUTHOR = re.compile(
    r"(?:foto(?:ğraf)?|photos?|фото|сурет|görsel|video)\w*\s*[:：/]|.*(?:\b(?:19|20)\d\d\b|\d:\d\d)", re.I
)
# What somebody is, behind the name.
_ROLES = (
    "writer|editor|reporter|correspondent|journalist|columnist|producer|contributor|muhabiri?|editoru?|yazari?"
    "|redakteur(?:in)?|redaktion|korrespondent(?:in)?|корреспондент|журналист|редактор|обозреватель"
)
_ROLE = re.compile(rf"\b(?:{_ROLES})\b")
_BETWEEN_NAMES = re.compile(
    r"\s*[;|•]\s*|(?:\s*,\s+|\s*/\s*|\s+(?:ve|and|und|et|и|және|och|og|&|y|e)\s+)(?=\w+[\s.]+\w)"
    rf"|\s*,\s+(?=(?:{_ROLES})\b)",
    re.IGNORECASE,
)


def clean_names(names: Iterable[str]) -> list[str]:
    """Names of people or desks, without labels, roles, addresses and repetitions; several in one text apart."""
    cleaned: list[str] = []
    for name in names:
        name = _NAME_LABEL.sub("", clean(name)) if len(name) <= TEXT_LIMIT_CHARS else ""
        if not name or "://" in name or len(name) > 3 * MAX_NAME_CHARS:
            continue
        first, *others = _BETWEEN_NAMES.split(name)
        parts = [first, *(part for part in others if not _ROLE.search(fold(part)))]
        # "Haber Merkezi ve Spor" is one desk.
        whole = len(parts) > 1 and any(" " not in part.strip() and part[-1:] != "." for part in parts)
        cleaned += map(_trimmed, [name] if whole else parts)
    return list(
        dict.fromkeys(
            name
            for name in cleaned
            if 2 <= len(name) <= MAX_NAME_CHARS and "@" not in name and not _NO_AUTHOR.match(name)
        )
    )[:MAX_LISTED]


def _trimmed(name: str) -> str:
    """A name without punctuation round it; the last full stop of initials stays."""
    name = name.strip(" ,-–|")
    return name if re.search(r"\.\s?\w\.$", name) else name.rstrip(".")
