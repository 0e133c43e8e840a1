"""The demo site's articles as HTML, in the markup of their day: new look, old look, old static page.  No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from crawler.demo.almanac import printed, printed_day
from crawler.demo.article_head import metadata
from crawler.demo.content import Story
from crawler.demo.edition import SITE_NAME, Edition, address
from crawler.demo.markup import Node, inline_html
from crawler.demo.spam import slot
from crawler.demo.theme import frame, picture

_BY = {"tr": "Haber", "kk": "Автор", "ru": "Автор"}


def article_page(edition: Edition, story: Story, page: int = 1, *, views: int | None = None) -> str:
    """One page of an article; `views` is printed when it is not None."""
    if story.look == "archive":
        return _archive_page(edition, story)
    if story.look == "page":
        body = f'<article class="page type-page"><h1 class="entry-title">{escape(story.title, quote=False)}</h1>\n'
        body += f'<div class="entry-content">\n{_content(edition, story, page)}</div></article>\n'
        return frame(edition, body, title=f"{story.title} - {SITE_NAME}", head=metadata(edition, story, page))
    old = story.look == "old"
    body = (_old_article if old else _new_article)(edition, story, page, views)
    # The old theme had no plugin for metadata: its pages say nothing beyond <title> and the printed date.
    head = "" if old else metadata(edition, story, page)
    title = story.title + (f" - Sayfa {page}" if page > 1 else "")
    title = f"{title} | {SITE_NAME}" if old else f"{title} - {SITE_NAME}"
    return frame(edition, body, title=title, head=head, lang=story.lang, body_class=f"single postid-{story.number}")


def _new_article(edition: Edition, story: Story, page: int, views: int | None) -> str:
    base, lead = edition.base, ""
    if page == 1 and story.lead:
        lead = f'<p class="entry-lead">{inline_html(story.lead, base)}</p>\n'
    counter = "" if views is None else f' <span class="post-views">{views:,} okunma</span>'.replace(",", ".")
    changed = ""
    if story.modified != story.published:
        changed = f' <span class="entry-updated">Güncelleme: {printed(story.modified, story.lang)}</span>'
    featured = ""
    if page == 1 and story.motif:
        image = picture(edition, story, "(max-width: 900px) 100vw, 760px")
        featured = _figure(image, story.caption, "post-thumbnail")
    return f"""{_breadcrumb(edition, story)}<article id="post-{story.number}" class="post type-post hentry">
<header class="entry-header">
<h1 class="entry-title">{escape(story.title, quote=False)}</h1>
{lead}<p class="entry-meta"><time class="entry-date published" datetime="{story.published.isoformat()}">\
{printed(story.published, story.lang)}</time>{changed} \
<span class="byline">{_author(edition, story)}</span>{counter}</p>
{_share(edition, story)}</header>
{featured}<div class="entry-content">
{_content(edition, story, page)}{_page_links(edition, story, page)}</div>
{_tags(edition, story)}</article>
{_related(edition, story)}{_post_navigation(edition, story)}{_comments(edition, story)}"""


def _old_article(edition: Edition, story: Story, page: int, views: int | None) -> str:
    lead = f'<p class="ozet"><b>{inline_html(story.lead, edition.base)}</b></p>\n' if story.lead and page == 1 else ""
    counter = "" if views is None else f" | {views:,} okunma".replace(",", ".")
    image = picture(edition, story, "620px") if story.motif and page == 1 else ""
    if image and story.caption:
        image = (
            '<div class="wp-caption aligncenter">'
            f'{image}<p class="wp-caption-text">{inline_html(story.caption, edition.base)}</p></div>\n'
        )
    section = ""
    if story.section:
        link = edition.base + address("kategori", story.section)[1:]
        section = f' | <a href="{link}" rel="category tag">{escape(story.section)}</a>'
    return f"""<div class="old-post" id="post-{story.number}">
<h1 class="old-title">{escape(story.title, quote=False)}</h1>
<div class="old-info">{printed(story.published, story.lang)} | {_BY[story.lang]}: {_author(edition, story)}\
{section}{counter}</div>
{lead}{image}<div class="old-body">
{_content(edition, story, page)}{_page_links(edition, story, page)}</div>
{_share(edition, story)}{_tags(edition, story)}</div>
{_related(edition, story)}{_post_navigation(edition, story)}{_comments(edition, story)}"""


def _content(edition: Edition, story: Story, page: int) -> str:
    """The body, with the slots for spam that stands inside an article."""
    out, paragraphs = [], 0
    part = 1 + sum(node.kind == "picture" for earlier in story.pages[: page - 1] for node in earlier)
    for node in story.pages[page - 1]:
        part += node.kind == "picture"
        html = _node_html(edition, story, node, part)
        if node.kind == "paragraph":
            paragraphs += 1
            if paragraphs == 1:
                html = html.replace(". ", ". " + slot("link"), 1)
            if paragraphs == 2:
                html += slot("body")
        out.append(html)
    return "".join(out) + slot("offscreen")


def _node_html(edition: Edition, story: Story, node: Node, part: int) -> str:
    base, old = edition.base, story.look == "old"
    texts = [inline_html(text, base) for text in node.texts]
    match node.kind:
        case "paragraph":
            return f"<p>{'<br>'.join(texts)}</p>\n"
        case "heading":
            return f"<h3>{texts[0]}</h3>\n" if old else f'<h2 class="wp-block-heading">{texts[0]}</h2>\n'
        case "quote":
            opening = "<blockquote>" if old else '<blockquote class="wp-block-quote">'
            return f"{opening}<p>{texts[0]}</p></blockquote>\n"
        case "bullets" | "numbers":
            tag = "ul" if node.kind == "bullets" else "ol"
            return f"<{tag}>{''.join(f'<li>{text}</li>' for text in texts)}</{tag}>\n"
        case "table":
            return _table(texts, node.columns)
        case "picture":
            image = picture(edition, story, "(max-width: 900px) 100vw, 760px", part=part, alt=node.texts[1])
            return _figure(image, node.texts[2], "wp-block-image size-large")
        case _:
            other = edition.by_slug.get(node.texts[0])
            if other is None:  # the article it pointed to is gone
                return ""
            return (
                f'<div class="read-also"><span>İlginizi çekebilir</span> <a href="{base}{other.path[1:]}">'
                f"{escape(other.title, quote=False)}</a></div>\n"
            )


def _table(cells: Sequence[str], columns: int) -> str:
    rows = [cells[at : at + columns] for at in range(0, len(cells), columns)]
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:])
    return (
        f'<figure class="wp-block-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></figure>\n'
    )


def _figure(image: str, caption: str, classes: str) -> str:
    words = f'<figcaption class="wp-element-caption">{escape(caption, quote=False)}</figcaption>' if caption else ""
    return f'<figure class="{classes}">{image}{words}</figure>\n'


def _breadcrumb(edition: Edition, story: Story) -> str:
    middle, href = story.section, edition.base + address("kategori", story.section)[1:]
    if story.lang != "tr":
        middle, href = {"kk": "Қазақша", "ru": "По-русски"}[story.lang], f"{edition.base}{story.lang}/"
    return (
        f'<nav class="breadcrumb" aria-label="İçerik yolu"><a href="{edition.base}">Ana sayfa</a> › '
        f'<a href="{href}" rel="category tag">{escape(middle)}</a> › '
        f"<span>{escape(story.title, quote=False)}</span></nav>\n"
    )


def _author(edition: Edition, story: Story) -> str:
    if story.lang != "tr":
        return escape(story.author)
    link = edition.base + address("yazar", story.author)[1:]
    return f'<a class="url fn n" href="{link}" rel="author">{escape(story.author)}</a>'


def _share(edition: Edition, story: Story) -> str:
    link = edition.base + story.path[1:]
    items = "".join(
        f'<li><a rel="nofollow noopener" class="share-{key}" href="{link}?share={key}">{name}</a></li>'
        for key, name in (("facebook", "Facebook"), ("x", "X"), ("telegram", "Telegram"))
    )
    return f'<div class="share-row"><span>Paylaş:</span><ul>{items}</ul></div>\n'


def _tags(edition: Edition, story: Story) -> str:
    if not story.tags or story.lang != "tr":
        return ""
    links = " ".join(
        f'<a href="{edition.base}{address("etiket", tag)[1:]}" rel="tag">{escape(tag)}</a>' for tag in story.tags
    )
    return f'<p class="tags-links">Etiketler: {links}</p>\n'


def _page_links(edition: Edition, story: Story, page: int) -> str:
    if len(story.pages) == 1:
        return ""
    root = edition.base + story.path[1:]
    numbers = "".join(
        f' <span class="post-page-numbers current" aria-current="page">{n}</span>'
        if n == page
        else f' <a href="{root}{f"{n}/" if n > 1 else ""}" class="post-page-numbers">{n}</a>'
        for n in range(1, len(story.pages) + 1)
    )
    return f'<div class="page-links">Sayfalar:{numbers}</div>\n'


def _related(edition: Edition, story: Story) -> str:
    others = "".join(
        f"<li>{picture(edition, s, '300px')}"
        f'<a href="{edition.base}{s.path[1:]}">{escape(s.title, quote=False)}</a></li>\n'
        for s in edition.related(story)
    )
    if not others:
        return ""
    return f'<section class="related-news"><h2>İlgili Haberler</h2>\n<ul>\n{others}</ul></section>\n'


def _post_navigation(edition: Edition, story: Story) -> str:
    before, after = edition.neighbours(story)
    links = [
        f'<a href="{edition.base}{s.path[1:]}" rel="{rel}"><span>{words}</span> {escape(s.title, quote=False)}</a>\n'
        for s, rel, words in ((before, "prev", "Önceki haber:"), (after, "next", "Sonraki haber:"))
        if s
    ]
    return f'<nav class="post-navigation" aria-label="Haberler">\n{"".join(links)}</nav>\n' if links else ""


def _comments(edition: Edition, story: Story) -> str:
    rows = "".join(
        f'<li class="comment"><article class="comment-body"><footer class="comment-meta"><b class="fn">{escape(c.name)}'
        f"</b> <span>{printed(c.written)}</span></footer>"
        f'<div class="comment-content"><p>{escape(c.text, quote=False)}</p></div></article></li>\n'
        for c in story.comments
    )
    heading = f'<h2 class="comments-title">{len(story.comments)} yorum</h2>\n' if rows else ""
    return f"""<section id="comments" class="comments-area">
{heading}<ol class="comment-list">
{rows}{slot("comment")}</ol>
<div id="respond" class="comment-respond"><h3 class="comment-reply-title">Bir yanıt yazın</h3>
<form action="{edition.base}wp-comments-post.php" method="post" class="comment-form">
<p class="comment-notes">E-posta hesabınız yayımlanmayacak. Gerekli alanlar * ile işaretlenmişlerdir</p>
<p><textarea name="comment" rows="5" placeholder="Yorum yazın..." required></textarea></p>
<p><input name="author" placeholder="Ad *"> <input name="email" type="email" placeholder="E-posta *"></p>
<p><button type="submit">Yorum gönder</button></p>
<input type="hidden" name="comment_post_ID" value="{story.number}"></form></div>
</section>
"""


def _archive_page(edition: Edition, story: Story) -> str:
    """A page of the site before WordPress: tables, font tags, and its charset only in a meta tag."""
    texts = [inline_html(" ".join(node.texts), edition.base) for node in story.pages[0]]
    body = "".join(f'<p><font face="Verdana" size="2">{text}</font></p>\n' for text in texts)
    return f"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<html><head>
<meta http-equiv="Content-Type" content="text/html; charset=windows-1254">
<title>{escape(story.title, quote=False)}</title>
</head>
<body bgcolor="#FFFFFF" text="#222222" link="#003399">
<table width="760" border="0" cellpadding="6" cellspacing="0" align="center">
<tr bgcolor="#00AFCA"><td colspan="2"><font face="Verdana" size="5" color="#FFFFFF"><b>Bozkır Haber</b></font></td></tr>
<tr valign="top"><td width="150" bgcolor="#EFEFEF"><font face="Verdana" size="1">
<a href="/">Ana sayfa</a><br><a href="/hakkimizda/">Hakkımızda</a><br><a href="/iletisim/">İletişim</a></font></td>
<td>
<font face="Verdana" size="4"><b>{escape(story.title, quote=False)}</b></font><br>
<font face="Verdana" size="1" color="#777777">{printed_day(story.published)}</font>
{body}</td></tr>
<tr bgcolor="#EFEFEF"><td colspan="2" align="center">
<font face="Verdana" size="1">© {story.published.year} Bozkır Haber</font></td></tr>
</table>
</body></html>
"""
