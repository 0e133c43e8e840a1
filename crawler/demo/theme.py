"""The demo site's frame and lists as HTML: what stands around an article on every page.  No I/O."""

from __future__ import annotations

from html import escape

from crawler.demo.almanac import printed
from crawler.demo.content import Story
from crawler.demo.edition import FOOTER_LINE, PER_PAGE, SITE_NAME, TAGLINE, Edition, Listing, address
from crawler.demo.pictures import SIZES, picture_path
from crawler.demo.spam import slot

THEME = "wp-content/themes/bozkir/"
_MENU = ("Siyaset", "Ekonomi", "Türk Dünyası", "Kültür", "Spor", "Eğitim", "Enerji", "Bilim ve Uzay", "Tarım", "Toplum")


def frame(edition: Edition, body: str, *, title: str, head: str = "", lang: str = "tr", body_class: str = "") -> str:
    """A whole page around `body`, with the slots for spam still in it."""
    base = edition.base
    return f"""{slot("before")}<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{slot("title")}{escape(title)}</title>
<link rel="stylesheet" id="bozkir-css" href="{base}{THEME}style.css?ver=1.4">
<link rel="icon" type="image/svg+xml" href="{base}{THEME}simge.svg">
<link rel="alternate" type="application/rss+xml" title="{SITE_NAME} &raquo; akışı" href="{base}feed/">
<link rel="https://api.w.org/" href="{base}wp-json/">
{head}</head>
<body class="{body_class} theme-bozkir">
{slot("hidden")}<a class="skip-link screen-reader-text" href="#icerik">İçeriğe geç</a>
<header class="site-head">
<div class="wrap masthead"><p class="site-title"><a href="{base}" rel="home">{SITE_NAME}</a></p>
<p class="site-description">{TAGLINE}</p>
<button class="menu-toggle" type="button" aria-expanded="false" aria-controls="menu">Menü</button>
<form role="search" class="search-form" action="{base}"><input type="search" name="s" placeholder="Ara…"
 aria-label="Ara"><button type="submit">Ara</button></form></div>
<nav id="menu" class="main-menu" aria-label="Ana menü"><ul class="wrap">
{_menu(edition)}</ul></nav>
</header>
<div class="wrap columns">
<main id="icerik" class="site-main">
{body}</main>
{_sidebar(edition)}</div>
<footer class="site-foot"><div class="wrap">
<p class="foot-links"><a href="{base}hakkimizda/">Hakkımızda</a> <a href="{base}iletisim/">İletişim</a>
<a href="{base}feed/">RSS</a> <a href="{base}sitemap.xml">Site haritası</a></p>
<p class="foot-line">{FOOTER_LINE}</p>
</div></footer>
{slot("footer")}{slot("script")}<script src="{base}{THEME}js/site.js?ver=1.4" defer></script>
</body>
</html>{slot("after")}
"""


def listing_page(edition: Edition, listing: Listing, page: int) -> str:
    """One page of a list."""
    shown = listing.stories[(page - 1) * PER_PAGE : page * PER_PAGE]
    heading = {"home": "", "category": listing.title, "tag": f"Etiket: {listing.title}"}.get(
        listing.kind, f"Yazar: {listing.title}" if listing.kind == "author" else listing.title
    )
    parts = [f'<header class="page-header"><h1 class="page-title">{escape(heading)}</h1></header>\n' if heading else ""]
    if listing.kind == "home" and page == 1:
        parts.append(_front(edition, shown[0]))
        shown = shown[1:]
    cards = "".join(card(edition, story) for story in shown)
    parts.append(f'<div class="card-grid">\n{cards}</div>\n{_page_numbers(edition, listing, page)}')
    name = SITE_NAME if listing.kind == "home" else f"{listing.title} - {SITE_NAME}"
    head = _listing_head(edition, listing, page)
    title = f"{SITE_NAME} - {TAGLINE}" if listing.kind == "home" and page == 1 else name
    title = title if page == 1 else f"{name} - Sayfa {page}"
    return frame(edition, "".join(parts), title=title, head=head, lang=listing.lang, body_class=listing.kind)


def missing_page(edition: Edition) -> str:
    """The page behind a 404."""
    body = """<section class="error-404 not-found"><h1 class="page-title">Sayfa bulunamadı</h1>
<p>Aradığınız sayfa taşınmış ya da yayından kaldırılmış olabilir. Yandaki son haberlere göz atabilirsiniz.</p></section>
"""
    return frame(edition, body, title=f"Sayfa bulunamadı - {SITE_NAME}", body_class="error404")


def search_page(edition: Edition, words: str) -> str:
    """What the search form leads to: articles with the words in their title."""
    found = [s for s in edition.news if words and words.lower() in s.title.lower()][:PER_PAGE]
    cards = "".join(card(edition, story) for story in found) or "<p>Sonuç bulunamadı.</p>\n"
    body = (
        f'<header class="page-header"><h1 class="page-title">Arama: {escape(words[:80])}</h1></header>\n'
        f'<div class="card-grid">\n{cards}</div>\n'
    )
    head = '<meta name="robots" content="noindex, follow">\n'
    return frame(edition, body, title=f"Arama - {SITE_NAME}", head=head, body_class="search")


def card(edition: Edition, story: Story) -> str:
    """An article in a list."""
    link = edition.base + story.path[1:]
    return f"""<article class="card post-{story.number}">
<a class="card-picture" href="{link}" tabindex="-1" aria-hidden="true">{picture(edition, story, "300px")}</a>
<p class="card-section">{escape(story.section)}</p>
<h2 class="card-title"><a href="{link}" rel="bookmark">{escape(story.title, quote=False)}</a></h2>
<p class="card-date">{printed(story.published, story.lang)}</p>
<p class="card-summary">{escape(story.summary, quote=False)}</p>
</article>
"""


def picture(edition: Edition, story: Story, sizes: str, *, part: int = 1, alt: str | None = None) -> str:
    """An <img> with every size we serve; nothing for an article without a picture."""
    if not story.motif and part == 1:
        return ""
    paths = [
        (width, edition.base + picture_path(story.slug, story.published, part, width, height)[1:])
        for width, height in SIZES
    ]
    srcset = ", ".join(f"{path} {width}w" for width, path in paths)
    (_, middle), (width, height) = paths[2], SIZES[2]
    text = escape(story.alt if alt is None else alt)
    return (
        f'<img src="{middle}" srcset="{srcset}" sizes="{sizes}" width="{width}" height="{height}" '
        f'alt="{text}" loading="lazy" class="wp-image-{story.number + part}">'
    )


def _menu(edition: Edition) -> str:
    rows = [(address("kategori", name), name) for name in _MENU] + [("/kk/", "Қазақша"), ("/ru/", "По-русски")]
    return "".join(f'<li><a href="{edition.base}{path[1:]}">{name}</a></li>\n' for path, name in rows)


def _sidebar(edition: Edition) -> str:
    latest = "".join(
        f'<li><a href="{edition.base}{s.path[1:]}">{escape(s.title, quote=False)}</a> '
        f'<span class="post-date">{s.published:%d.%m.%Y}</span></li>\n'
        for s in edition.news[:6]
    )
    sections = "".join(
        f'<li class="cat-item"><a href="{edition.base}{address("kategori", name)[1:]}">{escape(name)}</a></li>\n'
        for name in edition.sections
    )
    return f"""<aside class="widget-area" aria-label="Kenar çubuğu">
<section class="widget widget_recent_entries"><h2 class="widget-title">Son Haberler</h2>
<ul>
{latest}</ul></section>
<section class="widget widget_categories"><h2 class="widget-title">Kategoriler</h2>
<ul>
{sections}</ul></section>
{slot("sidebar")}</aside>
"""


def _front(edition: Edition, story: Story) -> str:
    link = edition.base + story.path[1:]
    return f"""<article class="front post-{story.number}">
<a href="{link}" tabindex="-1" aria-hidden="true">{picture(edition, story, "(max-width: 900px) 100vw, 760px")}</a>
<div class="front-words"><p class="card-section">{escape(story.section)}</p>
<h2 class="front-title"><a href="{link}" rel="bookmark">{escape(story.title, quote=False)}</a></h2>
<p class="card-date">{printed(story.published)}</p>
<p class="card-summary">{escape(story.summary, quote=False)}</p></div>
</article>
"""


def _page_numbers(edition: Edition, listing: Listing, page: int) -> str:
    if listing.pages == 1:
        return ""
    root = edition.base + listing.path[1:]

    def link(number: int, words: str, classes: str) -> str:
        href = root if number == 1 else f"{root}page/{number}/"
        return f'<a class="{classes}" href="{href}">{words}</a>\n'

    parts = [link(page - 1, "« Önceki", "prev page-numbers")] if page > 1 else []
    for number in range(1, listing.pages + 1):
        if number == page:
            parts.append(f'<span aria-current="page" class="page-numbers current">{number}</span>\n')
        else:
            parts.append(link(number, str(number), "page-numbers"))
    if page < listing.pages:
        parts.append(link(page + 1, "Sonraki »", "next page-numbers"))
    return f'<nav class="pagination" aria-label="Sayfalar"><div class="nav-links">\n{"".join(parts)}</div></nav>\n'


def _listing_head(edition: Edition, listing: Listing, page: int) -> str:
    here = edition.base + listing.path[1:] + (f"page/{page}/" if page > 1 else "")
    return (
        f'<link rel="canonical" href="{here}">\n'
        f'<meta property="og:type" content="website">\n<meta property="og:url" content="{here}">\n'
        f'<meta property="og:title" content="{escape(listing.title)}">\n'
        f'<meta property="og:site_name" content="{SITE_NAME}">\n'
    )
