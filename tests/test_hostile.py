"""Pages made to hurt, and pages broken at random: each is read in bounded time and memory, and gives one answer.

Every page is read in a child process with a limit on its memory, so that a parser that crashes, or takes all there is,
is a failed test and no more. `MURAGAT_FUZZ_SECONDS` says how long pages are broken at random; what was found comes back
with the `MURAGAT_TEST_SEED` that is printed.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import IO

import msgspec
import pytest
from archives import capture
from test_extract import PAGES, SHIPPED

from archive.config import CrawlRules, Layout, Learned, ReadRules, Site
from archive.extract import extract
from archive.model import Extracted, Payload
from crawler.demo.edition import Edition
from crawler.demo.site import answer

# Of the processor, on a machine with nobody else on it; with others on it the same work counts for up to twice that.
LIMIT_SECONDS, NOISE = 2.0, 2.0
MEMORY_BYTES = 1_000_000_000  # at its highest, with the interpreter and the libraries (120 MB)
KILLED_SECONDS = 30  # of the processor: who needs more is stopped
MOST_FINDINGS = 1_000

FUZZ_SECONDS = float(os.environ.get("MURAGAT_FUZZ_SECONDS") or 60)
SEED = int(os.environ.get("MURAGAT_TEST_SEED") or time.time_ns() % 1_000_000)

VERBOSE = bool(os.environ.get("MURAGAT_VERBOSE"))
RUN_CHARS = 100_000

CAPTURED_AT = datetime(2024, 3, 22, 10, tzinfo=UTC)
URL = "https://kazakistan.kz/almatida-kopru-acildi/"
# A profile with a selector for everything.
LAID_OUT = Site(
    title="Bozkır",
    crawl=CrawlRules(seeds=(), hosts=()),
    read=ReadRules(zone="Asia/Almaty", footer=("Bozkır Haber",), boilerplate=("Paylaş",)),
    layout=(
        Layout(
            article="div",
            title="h1",
            date=".date",
            authors="a, b",
            section=".section",
            tags="a",
            body="div div",
            drop=("div div div", "nav"),
        ),
    ),
    learned=Learned(
        version=1,
        on=date(2024, 3, 1),
        pages=100,
        places=tuple(f"div.a{n} .b{n} > p" for n in range(60)),
        lists=("section div div div div p", *(f"ul.a{n} li" for n in range(59))),
        lines=tuple(f"Satır {n}" for n in range(300)),
    ),
)
PROSE = "Almatı’da yeni köprü bugün törenle açıldı, trafik akşam saatlerinde rahatladı. "


@dataclass(frozen=True)
class Trap:
    """One page made to hurt."""

    body: bytes
    content_type: str = "text/html"
    content_encoding: str = ""
    url: str = URL


def page(inner: str = "", *, head: str = "", before: str = "", after: str = "", body: str = "<body>") -> Trap:
    """A genuine article with something in its head or body, so that every step of reading it is taken."""
    text = (
        f"{before}<!doctype html><html lang=tr><head><title>Almatı’da köprü açıldı – Kazakistan.kz</title>{head}</head>"
        f"{body}<div><h1>Almatı’da köprü açıldı</h1><p class=date>22 Mart 2024 14:05</p><p>{PROSE * 3}</p>"
        f"<div>{inner}</div><p>{PROSE * 3}</p></div></body></html>{after}"
    )
    return Trap(text.encode("utf-8", "surrogatepass"))


def json_ld(written: str) -> Trap:
    return page(head=f'<script type="application/ld+json">{written}</script>')


def nested(tags: str, times: int = 100_000, *, text: str = "", closed: bool = False) -> str:
    """`tags` opened again and again, with a text in each, closed or not."""
    opened = "".join(f"<{tag}>{text}" for tag in tags.split(","))
    ends = "".join(f"</{tag.split()[0]}>" for tag in reversed(tags.split(","))) if closed else ""
    return opened * times + PROSE + ends * times


MB = 1_000_000
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
LETTERS_OF_OUR_PATTERNS = {
    "spaces": " ",
    "newlines": "\n",
    "dots": ".",
    "ellipses": "…",
    "digits": "7",
    "quotes": '"',
    "hyphens": "-",
    "letters": "a",
    "capitals": "A",
    "words": "a ",
    "bars": "|",
    "dashes": " – ",
    "colons": ":",
    "slashes": "/",
    "brackets": "[[",
    "amounts": "1 ",
    "clocks": "12:30 ",
    "dates": "22.03.2024 ",
    "sentences": "Bir. ",
    "hosts": "a-b.",
    "at": "@",
    "tl": "9 tl ",
    "giris": "giris ",
    "bonus": "bonus",
    "rabotch": "рабоч",
    "site": "официальн",
    "casino": "casino ",
    "ampersands": "&",
    "escapes": "\\u0041",
    "commas": ", ",
    "and": " ve ",
    "zero-width": "\u200b",
    "rtl": "\u202e",
    "accents": "\u0301",
    "dotted": "İ",
    "by": "by: ",
    "underlines": "_",
    "tabs": "\t",
    "feeds": "\f",
    "parens": "(",
}
PLACES: dict[str, Callable[[str], Trap]] = {
    "paragraph": lambda text: page(f"<p>{text}</p>"),
    "paragraphs": lambda text: page("".join(f"<p>{text[at : at + 4_000]}" for at in range(0, len(text), 4_000))),
    "lines": lambda text: page("".join(f"<p>{text[at : at + 120]}" for at in range(0, min(len(text), 600_000), 120))),
    "links": lambda text: page("".join(f"<a href='http://{n}.example'>{text[:50]}</a>" for n in range(4_000))),
    "captions": lambda text: page(
        "".join(f"<figure><img src=/{n}.jpg><figcaption>({text[:4_900]}!</figcaption></figure>" for n in range(90))
    ),
    "comments": lambda text: page(
        f"<div class=comment><b class='x-{text[:900]}'>{text[:80]}</b><p>{text[:900]}</p></div>" * 900
    ),
    "head": lambda text: page(
        head=f"<meta property='og:title' content='{text}'><meta name=description content='{text}'>"
        f"<meta name=author content='{text}'><meta property='article:published_time' content='{text}'>"
        f"<meta property='article:tag' content='{text}'><meta name='news_keywords' content='{text}'>"
    ),
    "title": lambda text: Trap(f"<html><title>{text}</title><h1>{text}</h1><p>{PROSE * 5}".encode()),
    "json-ld": lambda text: json_ld(
        json.dumps({"@type": "NewsArticle", **dict.fromkeys(JSON_KEYS, text), "articleBody": text * 2})
    ),
    "attributes": lambda text: page(
        f"<p>{PROSE}</p>" * 3_000, body=f"<body class='caption {text}' id='{text}' style='{text}' rel='{text}'><div>"
    ),
    "outside": lambda text: page(before=text, after=text + "</html>" + text),
    "script": lambda text: page(f"<script>document.write('{text}')</script>" * 4),
    "selfmade-tag": lambda text: page(f"<{text}>{PROSE}</{text}>"),
    "raw": lambda text: Trap(text.encode()),
}
JSON_KEYS = ("headline", "description", "author", "datePublished", "image", "articleSection", "keywords", "url")

TRAPS: dict[str, Callable[[], Trap]] = {
    # Size
    "50 MB of paragraphs": lambda: page(f"<p>{PROSE}</p>" * (50 * MB // 90)),
    "50 MB of one text": lambda: page(PROSE * (50 * MB // 80)),
    "50 MB of letters without a tag": lambda: Trap(b"a" * 50 * MB),
    "50 MB of nothing, packed": lambda: replace(Trap(gzip.compress(b"\0" * 50 * MB)), content_encoding="gzip"),
    "50 MB of paragraphs, packed": lambda: replace(
        Trap(gzip.compress(page(f"<p>{PROSE}</p>" * (50 * MB // 90)).body)), content_encoding="gzip"
    ),
    "packed and cut": lambda: replace(Trap(gzip.compress(page(PROSE * 1_000).body)[:-50]), content_encoding="gzip"),
    "packed in a way nobody knows": lambda: replace(page(), content_encoding="snappy"),
    "packed a hundred times": lambda: replace(page(), content_encoding=",".join(["gzip"] * 100)),
    "empty": lambda: Trap(b""),
    "one <": lambda: Trap(b"<"),
    # Many
    "100,000 paragraphs of one word": lambda: page("<p>söz</p>" * 100_000),
    "5,900 paragraphs": lambda: page(f"<p>{PROSE}</p>" * 5_900),
    "40,000 empty elements": lambda: page("<i></i>" * 40_000),
    "40,000 empty blocks": lambda: page("<div></div>" * 40_000),
    "1,600,000 elements": lambda: page("<p>" * 1_600_000),
    "1,000,000 line breaks": lambda: page("<br>" * 1_000_000),
    "400,000 lines": lambda: page("söz<br>" * 400_000),
    "100,000 list items": lambda: page("<ul>" + "<li>" + "<li>söz bir iki" * 100_000 + "</ul>"),
    "100,000 links": lambda: page("<a href=http://bahis.example/>güncel giriş</a> " * 100_000),
    "20,000 injected paragraphs": lambda: page(
        "".join(f"<p><a href=http://b{n}.example/>casino güncel giriş {n}</a></p>" for n in range(20_000))
    ),
    "12,000 comments": lambda: page(
        "".join(
            f"<div id=comment-{n}><b class=fn>Ali</b><i>{n} x 2024 y</i><p>söz {n}</p></div>" for n in range(12_000)
        )
    ),
    "100,000 images": lambda: page("<figure><img src=a.jpg><figcaption>söz</figcaption></figure>" * 60_000),
    "one caption of 1 MB for 10,000 images": lambda: page(
        f"<figure>{'<img src=http://a.example/1.jpg>' * 10_000}<figcaption>{PROSE * 12_000}</figcaption></figure>"
    ),
    "a table of 100,000 cells": lambda: page("<table>" + "<tr><td>1<td>söz" * 50_000 + "</table>"),
    "20,000 tables": lambda: page("<table><tr><td>1<td>2<tr><td>3<td>4</table>" * 20_000),
    "100,000 headings": lambda: page("<h1>söz – bir – iki</h1>" * 100_000),
    "100,000 headings in links": lambda: page("<h2><a href=/x>Bir haberin uzun başlığı</a></h2>" * 100_000),
    "100,000 metas": lambda: page(head="".join(f"<meta name=author content='Ad Soyad{n}'>" for n in range(100_000))),
    "100,000 tags": lambda: page("".join(f"<a rel=tag href=/{n}>etiket {n}</a>" for n in range(100_000))),
    "100,000 times": lambda: page("<time itemprop=datePublished datetime=2024-13-45>x</time>" * 80_000),
    "100,000 JSON-LDs": lambda: page(head='<script type="application/ld+json">{"@type":"Person"}</script>' * 100_000),
    "80,000 writing scripts": lambda: page("<script>document.write('<b>casino</b>')</script>" * 80_000),
    "50,000 password fields": lambda: page("<form>" + "<input type=password><input type=text>" * 50_000 + "</form>"),
    "50,000 forms": lambda: page("<form><input type=password><input type=text></form>" * 50_000),
    "100,000 ends": lambda: page(after="x</html>" * 100_000),
    "20 ends before open scripts": lambda: page(after=("</html>" + "<script" * 2_900) * 20),
    "20 ends before open comments": lambda: page(after=("</html>" + "<!--" * 5_000) * 20),
    "open tags before the doctype": lambda: page(before="<style " * 600),
    "20 ends before open instructions": lambda: page(after=("</html>" + "<?x>" * 5_000) * 20),
    "100,000 doctypes": lambda: page("<!doctype html>" * 100_000),
    "50,000 spans with dates": lambda: page("<span>3 x 2024 y</span> " * 50_000),
    "date lines that nobody reads": lambda: page(
        "".join(f"<p>{''.join(f'<b>{n}{m} foo {n}</b>' for m in range(24))}</p>" for n in range(1_000, 1_100))
    ),
    # Deep
    **{
        f"nested {tags.split()[0]}": lambda tags=tags: page(nested(tags))  # type: ignore[misc]
        for tags in (
            *("div", "b", "i,b", "ul,li", "table,tr,td", "blockquote", "font", "x-a", "p,div", "a", "svg", "select"),
            *("form", "button", "h1", "article", "span", "object", "noscript", "template", "math", "label", "li", "dl"),
            *("figure,figcaption", "section class=comments", "aside", "nav", "pre", "center", "frameset", "title"),
        )
    },
    "nested and closed": lambda: page(nested("div", closed=True)),
    "nested with text": lambda: page(nested("div", text="bir söz ")),
    "90 deep with text": lambda: page(nested("div", 90, text=PROSE * 5, closed=True)),
    "90 deep, twice": lambda: page(
        nested("div", 90, text=f"<p>{PROSE}</p>") + nested("div", 90) + f"<p>{PROSE}</p>" * 5_000
    ),
    "a title deep down and prose elsewhere": lambda: Trap(
        (
            "<html><body>" + "<div>" * 90 + f"<h1>Bir haber</h1>{'</div>' * 90}{'<div>' * 90}" + f"<p>{PROSE}" * 5_000
        ).encode()
    ),
    "comments in comments": lambda: page(nested("div class=comment", 90) + f"<p>{PROSE}" * 5_000),
    "comments in comments without a form": lambda: page(nested("div id=comments", 90) + "<i></i>" * 40_000),
    "captions in captions": lambda: page(nested("div class=caption", 90) + f"<p>{PROSE}" * 5_000),
    "captions round much": lambda: page(nested("div class=caption", 5) + "<p>söz<i></i><i></i></p>" * 15_000),
    "inline round blocks": lambda: page(nested("span", 90, text=f"söz {PROSE}") + f"<p>{PROSE}</p>" * 5_000),
    "links round blocks": lambda: page(nested("a href=/yazar/x", 90, text="söz") + f"<p>{PROSE}</p>" * 5_000),
    "tables in tables": lambda: page(nested("table,tr,td", 30) + f"<p>{PROSE}</p>" * 5_000),
    "cells in cells": lambda: page("<table>" + nested("td,div", 45, text=PROSE * 20) + PROSE * 10_000),
    "fields in forms in forms": lambda: page(nested("form,div", 45, text="<input type=password>") + "<p>x" * 30_000),
    "footers in footers": lambda: page(nested("footer,div", 45) + "<h1>x</h1>" + "<p>söz" * 20_000),
    "h1 deep down, often": lambda: page(nested("div", 90) + "<h1>x</h1>" * 40_000),
    "divs to be dropped in divs": lambda: page(nested("div", 90, text="x") + "<i>x</i>" * 40_000),
    "microdata that holds itself": lambda: page(
        nested("div itemscope itemprop='author datePublished' itemref=a id=a", 90, text="söz") + PROSE * 20_000
    ),
    # Long
    "a tag name of 1 MB": lambda: page(f"<{'a' * MB}>{PROSE}"),
    "an attribute value of 1 MB": lambda: page(f"<p class='{'caption ' * (MB // 8)}'>{PROSE}</p>" * 4),
    "an attribute name of 1 MB": lambda: page(f"<p {'a' * MB}=x>{PROSE}"),
    "a class of 1 MB round everything": lambda: page(
        f"<p>{PROSE}</p>" * 5_000, body=f"<body class='{'comment-' * (MB // 8)}'>"
    ),
    "100,000 attributes": lambda: page(f"<p>{PROSE}</p>", body="<body " + " ".join(f"a{n}=1" for n in range(100_000))),
    "100,000 attributes round everything": lambda: page(
        f"<p>{PROSE}</p>" * 5_000, body="<body " + " ".join(f"a{n}=1" for n in range(100_000)) + ">"
    ),
    "50 tags of 20,000 attributes": lambda: page(("<p " + " ".join(f"a{n}" for n in range(20_000)) + ">söz") * 40),
    "100,000 attributes between slashes": lambda: page("<p/" + "/".join(f"a{n}" for n in range(100_000)) + ">söz"),
    "80,000 attributes with angles": lambda: page("<p " + " ".join(f"a{n}<" for n in range(80_000)) + ">söz"),
    "2,000 tags of 490 attributes": lambda: page(("<p " + " ".join(f"a{n}" for n in range(490)) + ">söz") * 2_000),
    "endless attributes": lambda: page("<p " + "a='b' " * 800_000),
    "a style of 1 MB": lambda: page(f"<p style='{'display ' * (MB // 8)}'>{PROSE}</p>"),
    "an address of 1 MB": lambda: page(f"<a href='http://{'a.' * (MB // 2)}'>{PROSE}</a><img src='/{'a-' * MB}'>"),
    "an address of 1 MB in a line": lambda: page(f"<p>casino bonus http://{'a.' * (MB // 2)}</p>"),
    "a comment that never ends": lambda: page("<!--" + PROSE * 60_000),
    "comments that never end": lambda: page("<!--" * MB),
    "CDATA": lambda: page("<![CDATA[" * 500_000 + "]]>"),
    "a script that never ends": lambda: page("<script>" + "document.write('casino');" * 200_000),
    "scripts that never end": lambda: page("<script>" * 600_000),
    "a textarea that never ends": lambda: page("<textarea>" + PROSE * 60_000),
    "a title that never ends": lambda: page(head="<title>" + PROSE * 60_000),
    "plaintext": lambda: page("<plaintext>" + "<p>x" * MB),
    "quotes that never end": lambda: page("<p class=\"x '" * 300_000),
    "only <": lambda: Trap(b"<" * 5 * MB),
    "only < in a page": lambda: page("<" * 5 * MB),
    "only >": lambda: page(">" * 5 * MB),
    "only </": lambda: page("</" * 2 * MB),
    "only </p>": lambda: page("</p>" * MB),
    "only <!": lambda: page("<!" * MB),
    "only <?": lambda: page("<?" * MB),
    "ends of what never began": lambda: page("</b></i></td></table></div>" * 100_000),
    # Entities
    "an entity bomb": lambda: Trap(
        f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY e0 "{PROSE}">{ENTITIES}]><html><p>&e11;</p></html>'.encode()
    ),
    "1,000,000 entities": lambda: page("&amp;" * MB),
    "entities of entities": lambda: page("&" + "amp;" * MB, head=f"<meta name=author content='&{'amp;' * MB}'>"),
    "an entity of 1,000,000 digits": lambda: page(
        f"&#{'9' * MB};", head=f"<meta property='og:title' content='&amp;#{'9' * MB};'>"
    ),
    "entities that are no letters": lambda: page("&#0;&#1;&#xD800;&#xDFFF;&#xFFFF;&#x110000;&#-1;" * 50_000),
    "entities without an end": lambda: page("&notanentity" * 300_000),
    # Bytes
    "5 MB of null bytes": lambda: Trap(b"<html>" + b"\0" * 5 * MB),
    "null bytes between letters": lambda: Trap(page(f"<p>{PROSE}</p>" * 20_000).body.replace(b"a", b"a\0")),
    "UTF-16 without a mark": lambda: Trap(page(PROSE * 10_000).body.decode().encode("utf-16-le")),
    "UTF-16 with half a letter": lambda: Trap(b"\xff\xfe" + page(PROSE).body.decode().encode("utf-16-le")[:-1]),
    "UTF-16 with halves of pairs": lambda: Trap(b"\xff\xfe" + b"\x00\xd8" * MB),
    "marks of two encodings": lambda: Trap(b"\xef\xbb\xbf\xff\xfe" + page(PROSE).body),
    "every byte there is": lambda: Trap(b"<html><p>" + bytes(range(256)) * 10_000),
    "mixed encodings": lambda: Trap(
        page().body + (PROSE.encode("cp1254") + "Привет мир ".encode("cp1251") + PROSE.encode("utf-16-be")) * 10_000
    ),
    "surrogates written as UTF-8": lambda: page("\ud800\udfff" * 100_000),
    "noise": lambda: Trap(b"<html><body>" + random.Random(1).randbytes(5 * MB)),
    "noise of angles": lambda: Trap(bytes(random.Random(2).choices(b"<>/abp \"'=&;!-", k=2 * MB))),
    "200 encodings": lambda: Trap(b"<meta charset=utf-8>" * 200 + b"\xe9 " * (2 * MB)),
    "200 other encodings": lambda: Trap(
        b"".join(b"<meta charset=cp1252 x=%d>" % n for n in range(200)) + b"\xfd " * 2 * MB
    ),
    **{
        f"it says {name}": lambda name=name: Trap(  # type: ignore[misc]
            page(PROSE * 5_000 + "+2AA- \\ud800 &#xd800;").body.decode("utf-8", "replace").encode("cp1254", "replace"),
            f"text/html; charset={name}",
        )
        for name in (
            *("utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "charmap", "utf-16"),
            *(
                "utf-32",
                "utf-16-be",
                "hz",
                "iso-2022-jp",
                "big5",
                "gb18030",
                "euc-kr",
                "cp037",
                "mbcs",
                "rot13",
                "zlib",
            ),
            *("utf_8_sig", "johab", "shift_jisx0213", "../../x", "aliases", "a" * 100_000),
        )
    },
    # JSON-LD
    "deep JSON-LD": lambda: json_ld("[" * 100_000),
    "deep and closed JSON-LD": lambda: json_ld('{"a":' * 900 + "1" + "}" * 900),
    **{
        f"deep JSON-LD in {key}": lambda key=key: json_ld(  # type: ignore[misc]
            f'{{"@type": "NewsArticle", "headline": "x", "{key}": ' + "[" * 900 + "]" * 900 + "}"
        )
        for key in ("@type", "image", "author", "mainEntityOfPage", "keywords", "publisher")
    },
    "broad JSON-LD": lambda: json_ld(json.dumps([{"@type": ["NewsArticle"] * 50, "url": "//[" * 9}] * 9_000)),
    "one JSON-LD of 5 MB": lambda: json_ld(json.dumps({"@type": "NewsArticle", "articleBody": PROSE * 60_000})),
    "JSON-LD of 400,000 lines": lambda: json_ld(json.dumps({"@type": "NewsArticle", "articleBody": "söz\n" * 200_000})),
    "JSON-LD of 100,000 authors": lambda: json_ld(
        json.dumps({"@type": "NewsArticle", "author": [f"Ad Soyad{n}" for n in range(50_000)]})
    ),
    "JSON-LD of 100,000 keywords": lambda: json_ld(json.dumps({"@type": "Article", "keywords": ["söz"] * 90_000})),
    "JSON-LD of 100,000 pictures": lambda: json_ld(json.dumps({"@type": "Article", "image": ["http://[x"] * 60_000})),
    "JSON-LD of digits": lambda: json_ld('{"@type":"NewsArticle","headline":' + "9" * 500_000 + "}"),
    "JSON-LD of no numbers": lambda: json_ld('{"@type":"NewsArticle","headline":NaN,"datePublished":-1e999}'),
    "JSON-LD of half letters": lambda: json_ld(
        r'{"@type":"NewsArticle","headline":"\ud800 x","author":"\udc00 y\u0000"}'
    ),
    "JSON-LD of strange addresses": lambda: json_ld(
        '{"@type":"NewsArticle","url":"http://a／b","@id":"//[::1","image":"http://[x","mainEntityOfPage":"//\u2100"}'
    ),
    "JSON-LD whose parts have no type": lambda: json_ld(
        '{"@type":[{"a":1},null,5,["NewsArticle"],"NewsArticle"],"headline":{"@value":{"@value":[]}},"author":[[["x"]]],'
        '"keywords":[{},[],null,{"name":[]}],"image":{"url":{"url":1}},"datePublished":["x",{}],"articleBody":[1]}'
    ),
    # Addresses and scripts
    "addresses that are none": lambda: page(
        "<a href='http://[x'>söz</a><img src='http://[x'><a href='//a／b'>b</a><a href='http://a:b/'>c</a>" * 20,
        head="<link rel=canonical href='http://[x'><meta property='og:url' content='//[::1'>"
        "<meta property='og:image' content='http://[x'><base href='http://[x'>",
    ),
    "an odd address of its own": lambda: replace(page("<a href=x>y</a><img src=z>"), url="http://[::1/x-y-z/"),
    "a long address of its own": lambda: replace(page(PROSE), url="http://a.example/" + "a" * 60_000),
    "an address of its own of slashes": lambda: replace(page(PROSE), url="http://a.example" + "/a" * 30_000),
    "a script with half letters": lambda: page(
        r"<script>document.write('<b>casino \ud83d\ude00 \ud800 x</b><a href=\"http://casino-x.example\">')</script>"
    ),
    # Direction
    "text from right to left": lambda: page(("\u202e" + PROSE + "\u2066\u2067\u200f") * 5_000),
    "accents upon accents": lambda: page("<p>" + "a" + "\u0301" * MB),
}
# Long runs of what our patterns repeat, in all places where they look.
RUNS: dict[str, Callable[[], Trap]] = {
    f"{name} in {place}": lambda make=make, text=text: make(text * (RUN_CHARS // len(text)))  # type: ignore[misc]
    for place, make in PLACES.items()
    for name, text in LETTERS_OF_OUR_PATTERNS.items()
}


@dataclass(frozen=True)
class Answer:
    """What came of reading one page."""

    error: str  # a traceback, or what is wrong with the answer; "" when nothing is
    seconds: float = 0.0  # of the processor
    peak_bytes: int = 0


class Reader:
    """A process that reads pages by their name in the tables, each in a child of its own with limits."""

    def __enter__(self) -> Reader:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def read(self, name: str) -> list[str]:
        """What is wrong with how a page was read, in words: a trap without a profile and with one for everything."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        answers = [Answer(**fields) for fields in json.loads(self._process.stdout.readline())]
        if VERBOSE:
            print(name, *(f"{one.seconds:.2f} s {one.peak_bytes // MB} MB" for one in answers))
        return [complaint for one in answers for complaint in complaints(one)]


def complaints(answer: Answer) -> list[str]:
    """What is wrong with an answer, in words."""
    found = [answer.error] if answer.error else []
    found += [f"{answer.seconds:.1f} s"] if answer.seconds > NOISE * LIMIT_SECONDS else []
    return found + ([f"{answer.peak_bytes // MB} MB"] if answer.peak_bytes > MEMORY_BYTES else [])


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as started:
        yield started


@pytest.mark.parametrize("name", TRAPS)
def test_a_page_made_to_hurt_is_read_within_bounds(reader: Reader, name: str) -> None:
    assert reader.read(name) == []


@pytest.mark.parametrize("place", PLACES)
def test_runs_of_what_our_patterns_repeat_are_read_within_bounds(reader: Reader, place: str) -> None:
    found = {name: reader.read(f"{name} in {place}") for name in LETTERS_OF_OUR_PATTERNS}
    assert {name: listed for name, listed in found.items() if listed} == {}


def test_pages_broken_at_random_are_read_within_bounds(tmp_path: Path) -> None:
    """Bytes changed, pieces cut, doubled, moved and joined with those of other pages."""
    command = [sys.executable, __file__, "fuzz", str(SEED), str(FUZZ_SECONDS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    read = [int(line) for line in lines if line.isdigit()]
    found = [line for line in lines if not line.isdigit()]
    print(f"MURAGAT_TEST_SEED={SEED}: {len(read)} pages")
    if done.returncode:
        found.append(f"ended with {done.returncode} at page {read[-1] if read else 0}")
    for number in {int(line.split()[1]) for line in found if line.startswith("page ")} | (
        {read[-1]} if found else set()
    ):
        (tmp_path / f"{SEED}-{number}.html").write_bytes(broken(SEED, number)[0].body)
    assert not found, f"MURAGAT_TEST_SEED={SEED}; the pages are in {tmp_path}\n" + "\n".join(found)
    assert read


# ---------------------------------------------------------------- breaking pages


@cache
def genuine_pages() -> tuple[bytes, ...]:
    """The pages of tests/pages and of the demo site in both its states."""
    pages = [path.read_bytes() for path in sorted(PAGES.glob("*/page.html"))]
    for state in (1, 2):
        edition = Edition("http://127.0.0.1/", state)
        for path in (*edition.listings, *edition.by_path):
            pages.append(answer(edition, path).body)
    return tuple(dict.fromkeys(pages))


FRAGMENTS = (
    *(b"<", b">", b"<!--", b"-->", b"]]>", b"<![CDATA[", b"<script>", b"</script>", b"</html>", b"</body>", b"<body>"),
    *(b"<table>", b"<td>", b"</div>", b"<p>", b"<br><br>", b"<title>", b"<!doctype html>", b"<?xml ?>", b"&#xD800;"),
    *(
        b"\0",
        b"\xff",
        b"\xfe",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xe2\x80\xae",
        b'"',
        b"'",
        b"=",
        b"&amp;#55296;",
        b"\\ud800",
    ),
    *(b"<template>", b"<svg>", b"<plaintext>", b"<select>", b"<a href='http://[x'>", b"<img src='//a\xef\xbc\x8fb'>"),
    *(
        b"2024-02-30",
        b"99:99",
        b"casino g\xc3\xbcncel giri\xc5\x9f http://bahis.example",
        b"<h1>",
        b"<base href='//['>",
    ),
)
TYPES = ("text/html", "text/html; charset=utf-8", "text/html; charset=windows-1254", "text/html; charset=utf-16", "")
URLS = (URL, "https://kazakistan.kz/", "http://a.example/2017/10/06/x-y-z/2/", "http://a.example/kategori/x/?page=3")


def broken(seed: int, number: int) -> tuple[Trap, Site | None]:
    """The page of this number, always the same, and the profile to read it with."""
    chance = random.Random(f"{seed}-{number}")
    body = chance.choice(genuine_pages())
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        body = chance.choice(WAYS)(body, chance)[:MB]
    trap = Trap(body, chance.choice(TYPES), url=chance.choice(URLS))
    return trap, chance.choice((None, SHIPPED, LAID_OUT))


def flip(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 10, 200)) if body else 0):
        changed[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(body: bytes, chance: random.Random) -> bytes:
    begin, end = piece_of(body, chance)
    return chance.choice((body[:begin], body[end:], body[:begin] + body[end:]))


def double(body: bytes, chance: random.Random) -> bytes:
    begin, end = piece_of(body, chance)
    return body[:end] + body[begin:end] * chance.choice((1, 3, 100)) + body[end:]


def splice(body: bytes, chance: random.Random) -> bytes:
    other = chance.choice(genuine_pages())
    begin, end = piece_of(other, chance)
    at = chance.randint(0, len(body))
    return body[:at] + other[begin:end] + body[at:]


def insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(body))
    return body[:at] + chance.choice(FRAGMENTS) * chance.choice((1, 2, 50)) + body[at:]


def shuffle_tags(body: bytes, chance: random.Random) -> bytes:
    parts = re.split(rb"(<[^<>]*>)", body)
    moved = chance.sample(range(1, len(parts), 2), min(len(parts) // 2, chance.choice((2, 10, 1_000))))
    for one, other in zip(moved, reversed(moved), strict=True):
        parts[one], parts[other] = parts[other], parts[one]
    return b"".join(parts)


def recode(body: bytes, chance: random.Random) -> bytes:
    text = body.decode(chance.choice(("utf-8", "cp1254", "cp1251")), "replace")
    return text.encode(chance.choice(("cp1254", "utf-16-le", "utf-8", "utf-8-sig", "koi8-r")), "replace")


def change_number(body: bytes, chance: random.Random) -> bytes:
    """A number (of a date, a size, an address) becomes another."""
    found = list(re.finditer(rb"\d+", body))
    if not found:
        return body
    one = chance.choice(found)
    number = chance.choice((b"0", b"-1", b"99", b"31", b"9999", b"10000", b"9" * 5_000, b"1e999", b"2024-02-31"))
    return body[: one.start()] + number + body[one.end() :]


WAYS = (flip, cut, double, splice, insert, insert, shuffle_tags, recode, change_number, change_number)


def piece_of(body: bytes, chance: random.Random) -> tuple[int, int]:
    begin = chance.randint(0, len(body))
    return begin, min(len(body), begin + chance.choice((1, 30, 500, 5_000, 50_000)))


# ---------------------------------------------------------------- the process that reads


def read_once(trap: Trap, site: Site | None) -> Answer:
    """One page read here and now."""
    taken = replace(capture(trap.url, CAPTURED_AT), content_type=trap.content_type)
    payload = Payload(body=trap.body, content_type=trap.content_type, content_encoding=trap.content_encoding)
    started, error, before = time.process_time(), "", resident_bytes()
    try:
        error = wrong_with(extract(payload, taken, site))
    except Exception:
        error = traceback.format_exc()
    seconds = time.process_time() - started
    # A forked process begins with all that the tests before it left in memory.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Answer(error, seconds, max(0, peak - before))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def wrong_with(read: Extracted) -> str:
    """Why nobody could keep this answer; "" when it can be kept."""
    written = msgspec.json.encode(read)  # raises where a text holds half a letter
    if not read.reason or len(read.reason) > 1_000:
        return f"no reason, or a very long one: {read.reason[:100]!r}"
    if len(read.findings) > MOST_FINDINGS:
        return f"{len(read.findings)} findings"
    return "a null byte in a text" if b"\\u0000" in written else ""


def in_child(work: Callable[[IO[str]], None]) -> tuple[str, int]:
    """What `work` writes in a child process with limits, and how that ended."""
    receiving, sending = os.pipe()
    if not (child := os.fork()):
        status = 1
        try:
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES,) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (KILLED_SECONDS,) * 2)
            with os.fdopen(sending, "w") as out:
                work(out)
            status = 0
        finally:
            os._exit(status)
    os.close(sending)
    with os.fdopen(receiving) as come:
        written = come.read()
    return written, os.waitpid(child, 0)[1]


def serve() -> None:
    """Read the pages that are named on stdin."""
    read_once(page(), None)  # what is loaded once is no page's doing
    read_once(page("<p>3 x 2024</p>"), LAID_OUT)
    for line in sys.stdin:
        name, answers = line.removesuffix("\n"), []
        trap = TRAPS[name]() if name in TRAPS else RUNS[name]()
        for site in (None, LAID_OUT) if name in TRAPS else (None,):
            written, status = in_child(partial(answer_to, trap, site))
            answers.append(json.loads(written) if not status else {"error": f"the process ended with {status}"})
        print(json.dumps(answers), flush=True)


def answer_to(trap: Trap, site: Site | None, out: IO[str]) -> None:
    json.dump(vars(read_once(trap, site)), out)


def fuzz(seed: int, seconds: float) -> None:
    """Break pages and read them for so long; each number is printed before its page is read."""
    read_once(page("<p>3 x 2024</p>"), LAID_OUT)
    resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY_BYTES, 4 * MEMORY_BYTES))
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until or not number:
        print(number, flush=True)
        trap, site = broken(seed, number)
        for complaint in complaints(read_once(trap, site)):
            print(f"page {number}: {complaint}", flush=True)
        number += 1


if __name__ == "__main__":
    if sys.argv[1] == "fuzz":
        fuzz(int(sys.argv[2]), float(sys.argv[3]))
    else:
        serve()
