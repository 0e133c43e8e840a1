"""What the demo site says to machines: robots.txt, sitemaps, the feed and WordPress's REST API.  No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape

from crawler.demo.almanac import rss_date
from crawler.demo.content import Story
from crawler.demo.edition import SITE_NAME, TAGLINE, Edition

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
FEED_LENGTH = 10
REST_PER_PAGE, REST_PER_PAGE_MAX = 10, 100  # as in WordPress


def robots(edition: Edition) -> str:
    """robots.txt (RFC 9309, with the usual extensions)."""
    return (
        f"User-agent: *\nCrawl-delay: 0\nDisallow: /wp-admin/\nDisallow: /*?s=\n\nSitemap: {edition.base}sitemap.xml\n"
    )


def sitemap_index(edition: Edition) -> str:
    """/sitemap.xml: the child sitemaps (sitemaps.org)."""
    rows = "".join(
        f"<sitemap><loc>{edition.base}{name}</loc><lastmod>{_newest(stories).isoformat()}</lastmod></sitemap>\n"
        for name, stories in _children(edition).items()
    )
    return f"{_XML}<sitemapindex {_SITEMAP}>\n{rows}</sitemapindex>\n"


def sitemap(edition: Edition, name: str) -> str | None:
    """One child sitemap; None when there is none of that name."""
    stories = _children(edition).get(name)
    if stories is None:
        return None
    rows = "".join(
        f"<url><loc>{edition.base}{s.path[1:]}</loc><lastmod>{s.modified.isoformat()}</lastmod></url>\n"
        for s in stories
    )
    return f"{_XML}<urlset {_SITEMAP}>\n{rows}</urlset>\n"


def feed(edition: Edition) -> str:
    """RSS 2.0 of the newest ten articles."""
    rows = "".join(_feed_row(edition, story) for story in edition.news[:FEED_LENGTH])
    return f"""{_XML}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
<title>{SITE_NAME}</title>
<atom:link href="{edition.base}feed/" rel="self" type="application/rss+xml"/>
<link>{edition.base}</link>
<description>{TAGLINE}</description>
<lastBuildDate>{rss_date(_newest(edition.news))}</lastBuildDate>
<language>tr</language>
{rows}</channel>
</rss>
"""


def rest_root(edition: Edition) -> str:
    """/wp-json/: what a site tells of itself."""
    return _json(
        {
            "name": SITE_NAME,
            "description": TAGLINE,
            "url": edition.base.rstrip("/"),
            "home": edition.base.rstrip("/"),
            "gmt_offset": "5",  # of today; the articles before 2024-03-01 were written at +6
            "timezone_string": "Asia/Almaty",
            "namespaces": ["wp/v2"],
            "authentication": [],
            "routes": {
                "/wp/v2/posts": {
                    "namespace": "wp/v2",
                    "methods": ["GET"],
                    "_links": {"self": [{"href": f"{edition.base}wp-json/wp/v2/posts"}]},
                }
            },
        }
    )


def rest_posts(edition: Edition, query: Mapping[str, str]) -> tuple[int, str, dict[str, str]]:
    """Status, JSON and headers of /wp-json/wp/v2/posts; reads page, per_page, orderby, order and modified_after."""
    page, size = _number(query.get("page"), 1), _number(query.get("per_page"), REST_PER_PAGE)
    if not (1 <= size <= REST_PER_PAGE_MAX and page >= 1):
        return 400, _rest_error("rest_invalid_param", "Geçersiz parametre(ler)"), {}
    stories = list(edition.news)
    if since := _moment(query.get("modified_after")):
        stories = [s for s in stories if s.modified > since]
    by_change = query.get("orderby") == "modified"
    stories.sort(
        key=lambda s: (s.modified if by_change else s.published, s.number), reverse=query.get("order") != "asc"
    )
    pages = -(-len(stories) // size)
    if page > max(1, pages):
        return 400, _rest_error("rest_post_invalid_page_number", "İstenen sayfa numarası mevcut olandan büyük."), {}
    shown = [_rest_post(edition, s) for s in stories[(page - 1) * size : page * size]]
    return 200, _json(shown), {"X-WP-Total": str(len(stories)), "X-WP-TotalPages": str(pages)}


def rest_missing() -> str:
    """The body of a 404 under /wp-json/."""
    return _rest_error("rest_no_route", "İstenen adres ve yöntemle eşleşen bir yol bulunamadı.", status=404)


def _children(edition: Edition) -> dict[str, tuple[Story, ...]]:
    return {
        "post-sitemap.xml": edition.news,
        "post-sitemap2.xml": edition.foreign,
        "page-sitemap.xml": edition.fixed_pages,
    }


def _newest(stories: Iterable[Story]) -> datetime:
    return max(story.modified for story in stories)


def _feed_row(edition: Edition, story: Story) -> str:
    link = edition.base + story.path[1:]
    tags = "".join(f"<category>{escape(name)}</category>\n" for name in (story.section, *story.tags))
    return f"""<item>
<title>{escape(story.title)}</title>
<link>{link}</link>
<dc:creator>{escape(story.author)}</dc:creator>
<pubDate>{rss_date(story.published.astimezone(UTC))}</pubDate>
{tags}<guid isPermaLink="false">{edition.base}?p={story.number}</guid>
<description>{escape(story.summary)}</description>
</item>
"""


def _rest_post(edition: Edition, story: Story) -> dict[str, object]:
    def local(moment: datetime) -> str:
        return moment.replace(tzinfo=None).isoformat()

    return {
        "id": story.number,
        "date": local(story.published),
        "date_gmt": local(story.published.astimezone(UTC)),
        "modified": local(story.modified),
        "modified_gmt": local(story.modified.astimezone(UTC)),
        "slug": story.slug,
        "status": "publish",
        "type": "post",
        "link": edition.base + story.path[1:],
        "title": {"rendered": escape(story.title, quote=False)},
        "excerpt": {"rendered": f"<p>{escape(story.summary, quote=False)}</p>\n", "protected": False},
    }


def _rest_error(code: str, message: str, *, status: int = 400) -> str:
    return _json({"code": code, "message": message, "data": {"status": status}})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
