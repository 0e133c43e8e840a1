"""What the demo site's articles of the new look say to machines in their <head>.  No I/O."""

from __future__ import annotations

import json
from html import escape

from crawler.demo.content import Story
from crawler.demo.edition import SITE_NAME, Edition
from crawler.demo.pictures import picture_path
from crawler.demo.spam import slot

_LOCALE = {"tr": "tr_TR", "kk": "kk_KZ", "ru": "ru_RU"}


def metadata(edition: Edition, story: Story, page: int) -> str:
    """canonical, description, OpenGraph and JSON-LD, as an SEO plugin writes them."""
    first = edition.base + story.path[1:]
    here = first if page == 1 else f"{first}{page}/"
    image = edition.base + picture_path(story.slug, story.published, 1)[1:] if story.motif else ""
    properties = {
        "og:locale": _LOCALE[story.lang],
        "og:type": "article",
        "og:title": story.title,
        "og:description": story.summary,
        "og:url": here,
        "og:site_name": SITE_NAME,
        "og:image": image,
        "article:published_time": story.published.isoformat(),
        "article:modified_time": story.modified.isoformat(),
        "article:section": story.section,
    }
    if story.look == "page":
        properties = {key: value for key, value in properties.items() if not key.startswith("article:")}
        properties["og:type"] = "website"
    lines = [
        f'<meta property="{key}" content="{slot("title") if key == "og:title" else ""}{escape(value)}">\n'
        for key, value in properties.items()
        if value
    ]
    lines += [f'<meta property="article:tag" content="{escape(tag)}">\n' for tag in story.tags]
    graph = "" if story.look == "page" else _json_ld(story, here=here, image=image)
    return (
        f'<link rel="canonical" href="{here}">\n<link rel="shortlink" href="{edition.base}?p={story.number}">\n'
        f'<meta name="description" content="{escape(story.summary)}">\n{"".join(lines)}{graph}'
    )


def _json_ld(story: Story, *, here: str, image: str) -> str:
    graph = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": here,
        "headline": story.title,
        "datePublished": story.published.isoformat(),
        "dateModified": story.modified.isoformat(),
        "author": [{"@type": "Person", "name": story.author}],
        "publisher": {"@type": "NewsMediaOrganization", "name": SITE_NAME},
        "articleSection": story.section,
        "keywords": list(story.tags),
        "inLanguage": story.lang,
        "image": [image] if image else [],
    }
    written = json.dumps(graph, ensure_ascii=False).replace("</", "<\\/")  # "</" must not close the script element
    return f'<script type="application/ld+json">{written}</script>\n'
