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
from urllib.parse import urlsplit

from lxml import etree
from lxml.html import HtmlElement

from archive.extract.elements import Elements
from archive.extract.letters import as_meant
from archive.model import Capture, Payload, UnknownCodingError

# 20 times the mean page of our samples (240 KB); what comes after is counters and scripts.
HTML_LIMIT_BYTES = 5_000_000
# More text than this outside the document is a document with a stray `</html>`, not an injection.
OUTSIDE_LIMIT_CHARS = 4_000
MARKUP_LIMIT_CHARS = 20_000  # of it are looked at
MAX_ENDS = 20  # of `</html>`
# 20 times the tags of the fullest of our sample pages (2,500 elements); what comes after is not read.
MAX_TAGS = 100_000
# The fullest tag in our samples has 59 attributes; scripts have what looks like a tag with 312.
MAX_ATTRIBUTES = 500
LONG_TAG_CHARS = 2 * MAX_ATTRIBUTES  # a shorter one has fewer
# What may begin an attribute, in all tags: 67,000 in the fullest of our samples. Each may take a kilobyte of memory.
MAX_GAPS, _GAPS = 300_000, b" \n\t\r\f/\"'"
# 3 times the deepest of our samples; for each run of text, all that it stands in is looked at.
MAX_DEPTH = 100
MAX_LABELS = 4  # of encodings: each that lies costs a look at the whole page

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
# What never ends reaches to the end, as in browsers; looking for each end anew would take quadratic time.
_UNSEEN = re.compile(
    r"<script\b.*?(?:</script\s*>|\Z)|<style\b.*?(?:</style\s*>|\Z)|<!--.*?(?:-->|\Z)|<\?.{0,1000}?\?>",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_WRAPPER = re.compile(
    r"</?(?:div|span|font|center|section|b|i|u|em|strong|table|tbody|tr|td|ul|blockquote)\b[^<>]{0,2000}>", re.I
)
# A tag as the HTML standard reads it (§13.2.5): only ">" ends it. Possessive, so that no quote is looked for twice.
_LONG_TAG = re.compile(r"""<[a-zA-Z][\w-]*+(?=[\s/])(?:[^"'>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?|["'])*+""")
_ATTRIBUTE = re.compile(r"""[^\s"'>=/]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>]++))?""")
_TOO_DEEP = "/*" * MAX_DEPTH + "[*]"
_is_too_deep = etree.XPath(f"boolean({_TOO_DEEP})")
_CODE = ("script", "style", "template", "noscript")
# Codecs of Python's that no browser knows: some make halves of letters, some take quadratic time (Encoding §4.2).
_NO_ENCODINGS = frozenset(
    ("utf_7", "idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "charmap", "mbcs", "oem")
)
_CONTROLS = bytes({*range(0x20), 0x7F} - {*b"\t\n\r"})
_NO_LETTERS = ("\ufffe", "\uffff")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML document as its capture holds it."""

    url: str
    tree: HtmlElement  # ours alone: what is injected leaves it
    elements: Elements
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
    before, document, after = _borders(as_meant(_without_controls(text)))
    tree = _parse(document)
    if tree is None:
        return None
    links = tuple(
        re.findall(r"href\s*=\s*[\"']?([^\"'\s>]{1,500})", before[:MARKUP_LIMIT_CHARS] + after[:MARKUP_LIMIT_CHARS])
    )
    return Page(_address(capture.url), tree, Elements(tree), encoding, _visible(before), _visible(after), links)


def _address(url: str) -> str:
    """The address as far as it is one: other archives hold what no browser would ask for."""
    try:
        urlsplit(url)
    except ValueError:
        return ""
    return url


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
    if (text := _as_utf8(body)) is not None:
        return text, "utf-8"
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
    labels += [label.decode("ascii", "replace") for label in _META_CHARSET.findall(body[:4096])]
    return list(dict.fromkeys(label.lower() for label in labels if len(label) <= 40))[:MAX_LABELS]


def _python_name(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
        "".encode(name)  # codecs such as "rot13" or "zip" are no text encodings
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return None if name.replace("-", "_") in _NO_ENCODINGS else _SUPERSETS.get(name, name)


def _as_utf8(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        # A body cut inside its last letter is still UTF-8.
        is_cut = error.start >= len(body) - 3 and error.start > 0 and not body[: error.start].isascii()
        return body.decode("utf-8", "replace") if is_cut else None


def _is_mostly_utf8(body: bytes) -> bool:
    text = body.decode("utf-8", "replace")
    return text.count("\ufffd") * 20 < len(text) - len(text.encode("ascii", "ignore"))


def _detect(body: bytes) -> str:
    """An 8-bit encoding by the look of its high bytes: words of them are Cyrillic, single ones Turkish or Western."""
    high = Counter(body.translate(None, delete=bytes(range(0x80))))
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


def _without_controls(text: str) -> str:
    """`text` without what no XML may hold. Looking for it letter by letter takes longer than parsing the page."""
    raw = text.encode("utf-8", "surrogatepass")
    is_clean = len(raw.translate(None, delete=_CONTROLS)) == len(raw) and not any(map(text.__contains__, _NO_LETTERS))
    return text if is_clean else _NOT_XML.sub(" ", text)


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


def _parse(document: str) -> HtmlElement | None:
    document = _cut(document)
    tree, too_deep = _parse_once(document)
    if too_deep:
        # Nested on purpose or by a broken template: the wrappers say nothing a reader sees.
        tree, too_deep = _parse_once(_WRAPPER.sub("\n", document))
    if tree is not None:
        for element in tree.xpath(_TOO_DEEP) if too_deep else ():
            etree.strip_elements(element, *_CODE, with_tail=False)
            etree.strip_tags(element, "*")
    return tree


def _cut(document: str) -> str:
    """The document up to its MAX_TAGS-th tag and, by and large, its MAX_GAPS-th attribute, no tag with too many."""
    if document.count("<") > MAX_TAGS:
        document = document[: next(islice(re.finditer("<", document), MAX_TAGS, None)).start()]
    # To look at each tag in turn takes twice as long as to find that none has so many.
    if any(_surplus(tag) is not None for tag in _LONG_TAG.findall(document) if len(tag) >= LONG_TAG_CHARS):
        document = _LONG_TAG.sub(_with_few_attributes, document)
    if len(document) <= MAX_GAPS or _gaps_in(document) <= MAX_GAPS:
        return document
    gaps = 0
    for tag in _LONG_TAG.finditer(document):
        gaps += _gaps_in(tag[0])
        if gaps > MAX_GAPS:
            return document[: tag.start()]
    return document


def _gaps_in(text: str) -> int:
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw) - len(raw.translate(None, delete=_GAPS))


def _with_few_attributes(tag: re.Match[str]) -> str:
    """A tag up to its MAX_ATTRIBUTES-th attribute: the parser takes quadratic time for more."""
    return tag[0][: _surplus(tag[0])] if len(tag[0]) >= LONG_TAG_CHARS else tag[0]


def _surplus(tag: str) -> int | None:
    """Where the attributes that are too many begin."""
    first = next(islice(_ATTRIBUTE.finditer(tag), MAX_ATTRIBUTES + 1, None), None)
    return None if first is None else first.start()


def _parse_once(document: str) -> tuple[HtmlElement | None, bool]:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=HtmlElement))
    try:
        tree = etree.fromstring(document.encode("utf-8", "replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None, False
    if tree is None:
        return None, False
    # The parser stops at 256; what stands below that is lost.
    too_deep = any("depth" in entry.message.lower() for entry in parser.error_log)
    return tree, too_deep or bool(_is_too_deep(tree))
