"""Injected content that is no text on the page: scripts that write or redirect, <noscript>, frames, redirects.  No I/O.

Genuine scripts write too: advertisements, counters, pages that move blocked readers elsewhere. So a script counts by
what it would show (links with words), or by sending everybody to another site in a few lines.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from lxml.html import HtmlElement

from archive.extract.elements import Elements, inner_text
from archive.extract.hiding import Hiding
from archive.extract.jsonld import joined, without_half_letters
from archive.extract.lexicon import words_in
from archive.extract.signals import INNOCENT, MANY_DOMAINS, Judge, Piece, Verdict, other_host, union, verdict_of
from archive.extract.wordlists import SPEAKING_HOST, THROWAWAY_HOST
from archive.model import FindingKind

# 4 times the scripts of the fullest of our sample pages.
MAX_SCRIPTS, SCRIPT_LIMIT_CHARS = 500, 20_000
MAX_FRAMES, MAX_CODED = 100, 50
# Scripts that redirect for reasons of their own (a blocked advertisement, a login) have 2,000 and up in our samples.
SHORT_SCRIPT_CHARS, TRICK_SCRIPT_CHARS = 600, 5_000

_WRITES = (
    *("document.write", "innerHTML", "outerHTML", "insertAdjacentHTML", "appendChild", "createElement", "insertBefore"),
    *("append(", "prepend(", "eval(", "location", "window.open"),
)
_CODED = ("fromCharCode", "atob(", "unescape(", "decodeURI", "\\x", "\\u00", "%3", "%u", ".reverse(", "base64", "eval(")
_ESCAPED = re.compile(r"\\u\{?([0-9a-f]{4,5})\}?|\\x([0-9a-f]{2})|%u([0-9a-f]{4})", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9a-f]{2}[^%]{0,20}%[0-9a-f]{2}", re.IGNORECASE)
_CODES = re.compile(r"(?:fromCharCode\s*(?:\.apply\s*\(\s*\w+\s*,)?|\[)[\s(\[]{0,5}((?:\d{1,5}\s*,\s*){6,5000}\d{1,5})")
_BASE64 = re.compile(r"[\"']([A-Za-z0-9+/]{16,8000}={0,2})[\"']")
_REVERSED = re.compile(r"[\"']([^\"']{8,2000})[\"']\s*\.split\(\s*[\"']{2}\s*\)\s*\.reverse\(")
_GLUED = re.compile(r"[\"']\s*\+\s*[\"']")
# Without the quote before it: a pattern that begins with a plain letter is found ten times as fast.
_GLUED_ADDRESS = re.compile(r"\+\s*[\"'](?:[^\"']{0,40}[\"']\s*\+\s*[\"']){2}")
_TAG_WITH_TEXT = re.compile(r"<[a-z][^<>]{0,200}>[^<>{}]{4,200}</", re.IGNORECASE)
_ADDRESS = re.compile(r"https?:\\?/\\?/[^\s\"'<>\\)]+", re.IGNORECASE)
_LINK = re.compile(
    r"<a\b[^<>]{0,500}?\bhref\s*=\s*[\"'\\]{0,3}\s*((?:https?:)?\\?/\\?/[^\s\"'<>\\]{3,500})[^<>]{0,500}>", re.I
)
_LABEL = re.compile(r"<[a-z][^<>]{0,500}>([^<>]{2,300})(?=<)", re.IGNORECASE)
_TO = re.compile(
    r"(?:location(?:\.href)?\s*=(?!=)|location\.(?:replace|assign)\s*\(|window\.open\s*\()\s*[\"'`]((?:https?:)?//[^\s\"'`<>]{4,500})",
    re.IGNORECASE,
)
_VISITOR = re.compile(r"document\.referrer|userAgent|google|yandex|bing|\bbot\b", re.IGNORECASE)
_REFRESH_URL = re.compile(r"url\s*=\s*[\"']?\s*([^\s\"']{4,500})", re.IGNORECASE)
_OVER_ALL = re.compile(r"position\s*:\s*(?:fixed|absolute)", re.IGNORECASE)
_FULL = re.compile(r"(?:width|height)\s*:\s*100(?:%|v[wh])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Covert:
    """One thing that was found, and the element to take it from."""

    kind: FindingKind
    text: str
    hosts: tuple[str, ...]
    verdict: Verdict
    element: HtmlElement
    hidden_by: str | None = None


def find_covert(elements: Elements, *, url: str, judge: Judge, hiding: Hiding, has_story: bool) -> Iterator[Covert]:
    """What scripts, <noscript>, frames and redirects bring in from elsewhere. `has_story`: the page shows a text."""
    for script in elements.tagged("script")[:MAX_SCRIPTS]:
        if not script.get("src") and "json" not in (script.get("type") or ""):
            yield from _in_script(script, url=url, judge=judge)
    for element in elements.tagged("noscript", "template")[:MAX_SCRIPTS]:
        yield from _in_noscript(element, url=url, judge=judge)
    for frame in elements.tagged("iframe", "frame", "embed", "object")[:MAX_FRAMES]:
        yield from _in_frame(frame, url=url, hiding=hiding)
    if has_story:
        yield from _refreshes(elements, url=url)


def canonical_elsewhere(elements: Elements, *, url: str, company: frozenset[str]) -> Iterator[Covert]:
    """A canonical address on another site. News shares stories with partners, so its name or its company must speak."""
    for link in elements.tagged("link")[:200]:
        host = other_host(link.get("href") or "", url=url) if (link.get("rel") or "").lower() == "canonical" else ""
        if not host:
            continue
        signals = {"place": f"the canonical address leads to {host}"}
        if SPEAKING_HOST.search(host):
            signals["host"] = f"address {host}"
        if host in company:
            signals["company"] = f"links to {host}, as other findings do"
        if len(signals) > 1:
            yield Covert(FindingKind.REDIRECT, link.get("href") or "", (host,), verdict_of(signals), link)


def _in_script(script: HtmlElement, *, url: str, judge: Judge) -> Iterator[Covert]:
    code = (script.text or "")[:SCRIPT_LIMIT_CHARS]
    if not any(word in code for word in _WRITES):
        return
    plain = code.replace("\\/", "/")
    shown = decoded(code) if any(word in code for word in _CODED) or _GLUED_ADDRESS.search(code) else plain
    if "//" not in shown and not _TAG_WITH_TEXT.search(shown):
        return
    lowered = shown.lower()
    leads = "location" in lowered or "window.open" in lowered
    for found in islice(_TO.finditer(shown), MAX_CODED) if leads else ():
        host = other_host(found[1], url=url)
        is_covert = found[1] not in plain
        if host and (
            len(code) <= SHORT_SCRIPT_CHARS or is_covert or (len(code) <= TRICK_SCRIPT_CHARS and _VISITOR.search(code))
        ):
            signals = {"written": f"a script sends readers to {host}"}
            if is_covert:
                signals["covert"] = "its address is written so that nobody reads it"
            elif _VISITOR.search(code):
                signals["covert"] = "depending on who asks or where from"
            else:
                signals["place"] = "at once"
            yield Covert(FindingKind.REDIRECT, found[1], (host,), verdict_of(signals), script)
            return
    links = [(found, host) for found in islice(_LINK.finditer(shown), 200) if (host := other_host(found[1], url=url))]
    written = " ".join(re.sub(r"<[^<>]*>", " ", " ".join(_LABEL.findall(shown))).split())
    labels = written[:2000].strip()
    hosts = union(tuple(host for _, host in links))
    is_covert = bool(links) and links[0][0][1] not in plain
    # A counter's link holds a picture: of words there must be some.
    if hosts and sum(map(str.isalpha, labels)) >= 4:
        place = {"written": "written by a script"}
        if is_covert:
            place["covert"] = "in a form that nobody reads before it runs"
        verdict = judge.verdict(Piece(text=labels, hosts=hosts, link_share=1.0, place=place))
        if not is_covert and len(code) > TRICK_SCRIPT_CHARS and not words_in(labels):
            verdict = INNOCENT  # a program that carries the page's own text
        if not verdict.is_spam and len(hosts) >= MANY_DOMAINS:
            verdict = verdict_of({**place, "domains": f"{len(hosts)} other sites"})
        if verdict.is_spam:
            yield Covert(FindingKind.SCRIPT, labels, hosts, verdict, script)
            return
    text = labels if labels else shown[:300]
    loaded = [host for link in _ADDRESS.findall(shown)[:200] if (host := other_host(link.replace("\\", ""), url=url))]
    speaking = union(tuple(host for host in loaded if SPEAKING_HOST.search(host)))
    verdict = INNOCENT
    if labels and not links and len(words_in(labels).pitches) and "href" not in shown:
        verdict = judge.verdict(Piece(text=labels[:300], hosts=speaking, place={"written": "written by a script"}))
    elif len(speaking) >= 2 or (speaking and shown != code and speaking[0] not in plain):
        verdict = verdict_of({"written": "written by a script", "host": f"address {speaking[0]}"})
    else:
        # A script from a throw-away address that is itself spelt in numbers.
        thrown = [host for host in loaded if host not in plain and THROWAWAY_HOST.search(host)]
        if thrown and len(code) <= TRICK_SCRIPT_CHARS:
            speaking = (thrown[0],)
            verdict = verdict_of(
                {
                    "covert": "an address that nobody reads before it runs",
                    "throwaway": f"address {thrown[0]}",
                    "written": "loaded by a script",
                }
            )
    if verdict.is_spam:
        yield Covert(FindingKind.SCRIPT, text, union(speaking), verdict, script)


def decoded(code: str) -> str:
    """A script with what it spells in numbers, percents or base64 written out beside it, two layers deep."""
    shown = code
    for _ in range(2):
        more = _decode_once(shown)
        if more == shown:
            break
        shown = more[: 3 * SCRIPT_LIMIT_CHARS]
    return without_half_letters(shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace")).replace("\\/", "/")


def _decode_once(code: str) -> str:
    if "\\" in code or "%u" in code:
        code = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), code)
    if _PERCENT.search(code):
        code = unquote(code, errors="replace")
    if "'+" in code or '"+' in code or "' +" in code or '" +' in code:
        code = _GLUED.sub("", code)
    added = []
    for found in islice(_CODES.finditer(code), MAX_CODED):
        numbers = [int(number) for number in found[1].split(",")]
        if all(9 <= number < 0xFFFE for number in numbers):
            added.append("".join(map(chr, numbers)))
    for found in islice(_BASE64.finditer(code), MAX_CODED) if "atob" in code or "base64" in code else ():
        try:
            text = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4)).decode("utf-8")
        except (binascii.Error, ValueError):
            continue
        if text.isprintable() or "<" in text:
            added.append(text)
    if "reverse" in code:
        added += [found[1][::-1] for found in islice(_REVERSED.finditer(code), MAX_CODED)]
    fresh = [f'"{text}"' if "<" not in text else text for text in added if text not in code]
    return "\n".join([_with_codes_in_place(code, added), *fresh]) if fresh else code


def _with_codes_in_place(code: str, texts: list[str]) -> str:
    """The code with the first address among what it spells put where a location is set."""
    address = next((text for text in texts if re.match(r"(?:https?:)?//", text)), None)
    if address is None:
        return code
    return re.sub(
        r"(location(?:\.href)?\s*=(?!=)\s*|location\.(?:replace|assign)\s*\(\s*)(?=(?:window\.)?(?:atob|String|unescape|decodeURI|\w{1,20}\s*[;)]))",
        lambda found: f'{found[1]}"{address}" ',
        code,
        count=5,
    )


def _in_noscript(element: HtmlElement, *, url: str, judge: Judge) -> Iterator[Covert]:
    links = [link for link in islice(element.iter("a"), 200) if link.get("href")]
    text = inner_text(element, limit=2000, between=" ")
    if "<a" in text:  # in the head, parsers leave it as text
        hosts = tuple(host for found in islice(_LINK.finditer(text), 200) if (host := other_host(found[1], url=url)))
        text = " ".join(re.sub(r"<[^<>]*>", " ", text).split())
    else:
        hosts = tuple(host for link in links if (host := other_host(link.get("href") or "", url=url)))
    if not text or not (hosts or len(text) >= 10):
        return
    place = {"noscript": f"in <{element.tag}>, for readers without scripts"}
    if not any(one.get("class") or one.get("id") for one in (element, *islice(element.iter(), 20))):
        place["bare"] = "markup without a name"
    hosts = union(hosts)
    is_list = len(hosts) >= 2
    share = 1.0 if links else 0.0
    verdict = judge.verdict(Piece(text=text[:2000], hosts=hosts, link_share=share, place=place, is_switched=True))
    if verdict.is_spam and (hosts or len(verdict.weights) > 2 or is_list):
        yield Covert(FindingKind.HIDDEN, text, hosts, verdict, element, hidden_by=f"<{element.tag}>")


def _in_frame(frame: HtmlElement, *, url: str, hiding: Hiding) -> Iterator[Covert]:
    address = frame.get("src") or frame.get("data") or ""
    host = other_host(address, url=url)
    if not host:
        return
    style = frame.get("style") or ""
    way = hiding.of(frame)[0]
    signals: dict[str, str] = {}
    if way:
        signals["hidden"] = f"hidden: {way}"
    elif _OVER_ALL.search(style) and len(_FULL.findall(style)) >= 2:
        signals["place"] = "a frame over the whole page"
    if not signals:
        return
    # Counters and shared log-ins use hidden frames too: the address must speak, or lie over the page.
    if SPEAKING_HOST.search(host):
        signals["host"] = f"address {host}"
    elif THROWAWAY_HOST.search(host):
        signals["throwaway"] = f"address of the kind made for a season: {host}"
    elif way:
        return
    signals["link"] = "nothing but another site"
    verdict = verdict_of(signals)
    if verdict.is_spam:
        yield Covert(
            FindingKind.HIDDEN if way else FindingKind.BODY, address, (host,), verdict, frame, hidden_by=way or None
        )


def _refreshes(elements: Elements, *, url: str) -> Iterator[Covert]:
    """<meta> that sends readers of a page with a story of its own to another site."""
    for meta in elements.tagged("meta")[:500]:
        if (meta.get("http-equiv") or "").lower() != "refresh":
            continue
        to = _REFRESH_URL.search(meta.get("content") or "")
        host = other_host(joined(url, to[1]), url=url) if to else ""
        if to and host:
            signals = {"written": f"<meta> sends readers to {host}", "place": "away from a page with a text of its own"}
            yield Covert(FindingKind.REDIRECT, to[1], (host,), verdict_of(signals), meta)
