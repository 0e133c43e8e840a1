"""Bytes → a page: decoded, cut at the document's own borders, parsed once.  After WHATWG Encoding.  No I/O.

What stands before the doctype or after `</html>` is no part of the document and is where injected text likes to be; a
parser would move it into the body, so it is cut off from the raw text first and kept beside the tree.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice

import lxml.html
from lxml import etree

from archive.model import Capture, Payload, UnknownCodingError

# 20 times the mean page of our samples (240 KB); what comes after is counters and scripts.
HTML_LIMIT_BYTES = 5_000_000
# More text than this outside the document is a document with a stray `</html>`, not an injection.
OUTSIDE_LIMIT_CHARS = 4_000
MARKUP_LIMIT_CHARS = 20_000  # of it are looked at
MAX_ENDS = 20  # of `</html>`

HTML_TYPES = ("text/html", "application/xhtml+xml")
_SNIFF = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Labels that browsers read as their Windows superset (WHATWG Encoding §4.2).
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-5": "iso8859-5",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
_START = re.compile(r"<!doctype\b|<html\b|<head\b", re.IGNORECASE)
_END = re.compile(r"</html\s*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!--.*?-->|<\?.*?\?>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_WRAPPER = re.compile(
    r"</?(?:div|span|font|center|section|b|i|u|em|strong|table|tbody|tr|td|ul|blockquote)\b[^<>]{0,2000}>", re.I
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML document as its capture holds it."""

    url: str
    tree: lxml.html.HtmlElement  # ours alone: pruning changes it
    encoding: str
    before: str  # visible text before the doctype, white space folded
    after: str  # visible text after </html>
    outside: tuple[str, ...]  # addresses linked before or after


def read_page(payload: Payload, capture: Capture) -> Page | None:
    """The document in a payload; None when it holds no HTML."""
    try:
        body = payload.decoded(HTML_LIMIT_BYTES)
    except UnknownCodingError:
        return None
    if not is_html(payload.content_type or capture.content_type, body):
        return None
    text, encoding = decode(body, payload.content_type)
    before, document, after = _borders(_NOT_XML.sub(" ", text))
    tree = _parse(document)
    if tree is None:
        return None
    links = tuple(
        re.findall(r"href\s*=\s*[\"']?([^\"'\s>]{1,500})", before[:MARKUP_LIMIT_CHARS] + after[:MARKUP_LIMIT_CHARS])
    )
    return Page(capture.url, tree, encoding, _visible(before), _visible(after), links)


def is_html(content_type: str, body: bytes) -> bool:
    """Whether a payload is HTML: by its type, or by its first bytes where the type says nothing."""
    media_type = content_type.split(";")[0].strip().lower()
    if media_type in HTML_TYPES:
        return bool(body.strip())
    return media_type in ("", "text/plain", "application/octet-stream", "unknown/unknown") and bool(
        _SNIFF.search(body[:1024])
    )


def decode(body: bytes, content_type: str) -> tuple[str, str]:
    """The text of a page and the encoding it was read with.

    Labels lie in both directions, so valid UTF-8 with multi-byte letters wins over any label: it is never by chance.
    """
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(encoding, "replace"), encoding
    if _is_utf8(body):
        return body.decode("utf-8", "replace"), "utf-8"
    for label in _labels(body, content_type):
        named = _python_name(label)
        # A page that is not UTF-8 but says so is detected, unless it only ends in half a letter or has a few bad bytes.
        if named == "utf-8" and not _is_mostly_utf8(body):
            continue
        if named and not (named == "cp1252" and _detect(body) != "cp1252"):
            return body.decode(named, "replace"), named
    encoding = _detect(body)
    return body.decode(encoding, "replace"), encoding


def _labels(body: bytes, content_type: str) -> list[str]:
    labels = _CHARSET.findall(content_type)
    return labels + [label.decode("ascii", "replace") for label in _META_CHARSET.findall(body[:4096])]


def _python_name(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
        "".encode(name)  # codecs such as "rot13" or "zip" are no text encodings
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return _SUPERSETS.get(name, name)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A body cut inside its last letter is still UTF-8.
        return error.start >= len(body) - 3 and error.start > 0 and not body[: error.start].isascii()
    return True


def _is_mostly_utf8(body: bytes) -> bool:
    text = body.decode("utf-8", "replace")
    return text.count("\ufffd") * 20 < sum(1 for letter in text if letter > "\x7f")


def _detect(body: bytes) -> str:
    """An 8-bit encoding by the look of its high bytes: words of them are Cyrillic, single ones Turkish or Western."""
    high = Counter(byte for byte in body if byte >= 0x80)
    if not high:
        return "utf-8"
    pairs = len(re.findall(rb"[\x80-\xff]{2}", body)) * 2
    if pairs > 0.6 * high.total():
        # Lower-case letters are the most frequent: E0–FF in windows-1251, C0–DF in KOI8-R.
        koi = sum(count for byte, count in high.items() if 0xC0 <= byte <= 0xDF)
        windows = sum(count for byte, count in high.items() if byte >= 0xE0)
        return "koi8-r" if koi > windows else "cp1251"
    # ı ş ğ İ Ş Ğ of windows-1254 lie where windows-1252 has ý þ ð Ý Þ Ð, which hardly any language uses.
    turkish = sum(high[byte] for byte in (0xFD, 0xFE, 0xF0, 0xDD, 0xDE, 0xD0))
    return "cp1254" if turkish * 10 >= high.total() else "cp1252"


def _borders(text: str) -> tuple[str, str, str]:
    start, ends = _START.search(text), list(islice(_END.finditer(text), MAX_ENDS))
    begin = start.start() if start and start.start() <= OUTSIDE_LIMIT_CHARS else 0
    end = len(text)
    # Of several `</html>` the first one after which hardly anything stands.
    for match in ends:
        if len(_visible(text[match.end() :])) <= OUTSIDE_LIMIT_CHARS:
            end = match.end()
            break
    return text[:begin], text[begin:end], text[end:]


def _visible(markup: str) -> str:
    return " ".join(_TAG.sub(" ", _UNSEEN.sub(" ", markup[:MARKUP_LIMIT_CHARS])).split())


def _parse(document: str) -> lxml.html.HtmlElement | None:
    tree, too_deep = _parse_once(document)
    if too_deep:
        # Nested on purpose or by a broken template: the wrappers say nothing a reader sees.
        tree, _ = _parse_once(_WRAPPER.sub("\n", document))
    return tree


def _parse_once(document: str) -> tuple[lxml.html.HtmlElement | None, bool]:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        tree = lxml.html.document_fromstring(document.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None, False
    too_deep = any("depth" in entry.message.lower() for entry in parser.error_log)
    return tree, too_deep
