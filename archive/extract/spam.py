"""What was injected into a page: evidence, not opinion.  No I/O.

One signal is never enough: a genuine story on betting has the words, a quotation has another language, a cookie notice
stands after the footer. Two signals of different sorts make a finding, and what was found leaves the tree before
anything else is read. Nothing is lost: the WARC keeps the bytes, the finding keeps an excerpt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from lxml.html import HtmlElement

from archive.config import Site
from archive.extract.body import is_prose
from archive.extract.jsonld import host_of, joined, without_half_letters
from archive.extract.lexicon import KNOWN_HOSTS, SPEAKING_HOST, pitch_in, topic_in
from archive.extract.metadata import Head, bare
from archive.extract.page import Page
from archive.extract.runs import Run, blank_element, inner_text, is_hidden
from archive.language import language_of
from archive.model import Finding, FindingKind

EXCERPT_CHARS = 500
MANY_DOMAINS = 3
SENTENCE_CHARS = 25  # less than this left over is no genuine sentence
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
MAX_PARTS = 60  # links and spans of one sentence, or parts of one title, that are looked at one by one
# 4 times the scripts of the fullest of our sample pages, and more findings than a person would read.
MAX_SCRIPTS, MAX_FINDINGS = 500, 500
FOREIGN_LETTERS = 20  # from here on a script is told apart without error (design of 2026-11)
THRESHOLD = 0.6

# How much each signal says; two of them together reach the threshold, hidden or foreign text sooner than a wording.
WEIGHTS = {
    "hidden": 0.5,
    "language": 0.45,
    "word": 0.4,
    "pitch": 0.35,
    "domains": 0.4,
    "host": 0.4,
    "place": 0.4,
    "link": 0.2,
}

_HOST_IN_TEXT = re.compile(
    r"\b((?:[a-z0-9-]{2,40}\.){1,3}(?:com|net|org|info|example|kz|ru|xyz|online|site|top|club|vip|bet|casino"
    r"|pro|link|app|live|fun|win)\b)",
    re.I,
)
_LINK_AS_TEXT = re.compile(r"color\s*:\s*inherit|text-decoration\s*:\s*none", re.IGNORECASE)
_WRITES = re.compile(
    r"document\.write|innerHTML|insertAdjacentHTML|appendChild|createElement|atob\(|unescape\(|fromCharCode",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%u([0-9a-f]{4})", re.IGNORECASE)
_COMMENT_NAMES = re.compile(r"(?:^|[\s_-])(?:comments?|commentlist|yorum(?:lar)?)(?:$|[\s_-])", re.IGNORECASE)
_SIDEBAR_NAMES = re.compile(r"(?:^|[\s_-])(?:sidebar|widget|aside|secondary)(?:$|[\s_-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spam:
    """What was found in a page."""

    findings: tuple[Finding, ...]
    replaced: str | None  # why the page's own text is gone, in words
    is_spam: Callable[[str], bool]  # whether a line from this page's head is an injected one


@dataclass(frozen=True, slots=True)
class _Text:
    """One piece of text with what its signals need."""

    text: str
    hosts: tuple[str, ...]
    link_share: float
    hidden: bool = False
    place: str = ""  # where on the page, when that speaks


def find_spam(
    page: Page, root: HtmlElement, runs: Sequence[Run], *, head: Head, site: Site | None, language: str | None
) -> Spam:
    """The injected texts of a page. They are taken out of the tree; `runs` must be read again where there are any."""
    return _Search(page, root, runs, head, site, language).spam()


class _Search:
    def __init__(
        self, page: Page, root: HtmlElement, runs: Sequence[Run], head: Head, site: Site | None, language: str | None
    ) -> None:
        self.page, self.root, self.runs, self.head, self.site = page, root, runs, head, site
        self.language = language
        self.host = _host(page.url)
        prose = " ".join(run.text for run in runs if is_prose(run) and not run.hidden)[:20_000]
        self.is_cyrillic = _cyrillic_share(prose) > 0.5
        self.on_topic = self.speaks_of_it()
        self.findings: list[Finding] = []

    def spam(self) -> Spam:
        self.outside()
        self.head_titles()
        self.scripts()
        injected = self.in_runs()
        replaced = self.replaced(injected)
        for run in injected:
            run.blank()
        findings = tuple(self.findings)
        if replaced:
            findings = tuple(_as_replaced(finding) for finding in findings)
        return Spam(findings, replaced, self.is_injected_line)

    def speaks_of_it(self) -> bool:
        """Whether the page's own text is on betting or the like: then words alone are no signal."""
        titles = [self.head.titles[0][0]] if self.head.titles else []
        titles += [run.text for run in self.runs if run.node.tag == "h1"][:1]
        if any(topic_in(title) and not pitch_in(title) for title in titles):
            return True
        prose = [
            run
            for run in self.runs
            if is_prose(run) and len(run.text) >= 80 and run.link_share < 0.3 and not run.hidden
        ]
        spoken = [run for run in prose if topic_in(run.text) and not pitch_in(run.text)]
        return len(spoken) >= 2 and len(spoken) >= 0.25 * len(prose)

    def evidence(self, text: _Text) -> tuple[tuple[str, ...], float]:
        """The signals that speak against a text, in words, and their joint weight."""
        signals: dict[str, str] = {}
        if text.hidden:
            signals["hidden"] = "hidden by its style"
        if text.place:
            signals["place"] = text.place
        foreign = self.foreign(text.text)
        if foreign:
            signals["language"] = f"language {foreign} on a page in {self.language or 'another script'}"
        word, pitch = topic_in(text.text), pitch_in(text.text)
        if word and not (self.on_topic and len(signals) == 0 and not text.hosts):
            signals["word"] = f"word {word}"
            if pitch and len(text.text) <= 300 and not self.on_topic:
                signals["pitch"] = f"words of a pitch: {pitch}"
        if len(text.hosts) >= MANY_DOMAINS:
            signals["domains"] = f"{len(text.hosts)} other sites"
        spoken = next((host for host in text.hosts if SPEAKING_HOST.search(host)), None)
        if spoken:
            signals["host"] = f"address {spoken}"
        if text.hosts and text.link_share >= 0.8:
            signals["link"] = "nothing but a link to another site"
        doubt = 1.0
        for name in signals:
            doubt *= 1 - WEIGHTS[name]
        return tuple(signals.values()), round(1 - doubt, 3) if len(signals) >= 2 else 0.0

    def foreign(self, text: str) -> str | None:
        letters = sum(1 for letter in text if letter.isalpha())
        if letters < FOREIGN_LETTERS:
            return None
        share = _cyrillic_share(text)
        if (share > 0.6 and not self.is_cyrillic) or (share < 0.2 and self.is_cyrillic):
            return language_of(text, hint=None) or ("ru" if share > 0.6 else "tr")
        return None

    def is_injected_line(self, text: str) -> bool:
        """Whether a title or summary in the head is, or holds, an injected line."""
        parts = [text, *_parts_of_title(text)]
        return any(self.evidence(_Text(part, _hosts_in(part, self.host), 0.0))[1] >= THRESHOLD for part in parts)

    def add(self, kind: FindingKind, text: _Text, evidence: tuple[str, ...], score: float) -> None:
        if len(self.findings) >= MAX_FINDINGS:
            return  # it stays out of the body all the same
        excerpt = " ".join(text.text[: 2 * EXCERPT_CHARS].split())[:EXCERPT_CHARS]
        self.findings.append(
            Finding(
                kind=kind,
                excerpt=excerpt,
                language=language_of(excerpt, hint=None),
                domains=tuple(sorted(text.hosts)),
                evidence=evidence,
                score=score,
            )
        )

    def outside(self) -> None:
        outside_hosts = tuple(sorted({host for link in self.page.outside if (host := self.other_host(link))}))
        for kind, text, place in (
            (FindingKind.BEFORE, self.page.before, "before the doctype"),
            (FindingKind.AFTER, self.page.after, "after </html>"),
        ):
            piece = _Text(text, _joined(outside_hosts, _hosts_in(text, self.host)), 0.0, place=place)
            evidence, score = self.evidence(piece)
            if text and score >= THRESHOLD:
                self.add(kind, piece, evidence, score)

    def head_titles(self) -> None:
        for text in dict.fromkeys([self.head.page_title, *(title for title, _ in self.head.titles)]):
            for part in _parts_of_title(text):
                piece = _Text(part, _hosts_in(part, self.host), 0.0)
                evidence, score = self.evidence(piece)
                if score >= THRESHOLD and not any(part in finding.excerpt for finding in self.findings):
                    self.add(FindingKind.TITLE, piece, evidence, score)

    def scripts(self) -> None:
        """Inline scripts that write text or links of the kind."""
        for script in islice(self.page.tree.iter("script"), MAX_SCRIPTS):
            code = (script.text or "")[:20_000]
            if script.get("src") or not _WRITES.search(code) or "ld+json" in (script.get("type") or ""):
                continue
            shown = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), code)
            shown = without_half_letters(shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
            hosts = tuple(
                sorted(
                    {
                        host
                        for link in re.findall(r"https?:\\?/\\?/[^\s\"'<>\\]+", shown)
                        if (host := self.other_host(link.replace("\\", "")))
                    }
                )
            )
            text = " ".join(re.sub(r"<[^<>]*>", " ", " ".join(re.findall(r">([^<>]{3,300})<", shown)) or shown).split())
            spoken = [host for host in hosts if SPEAKING_HOST.search(host)]
            words = topic_in(shown)
            if (words and (hosts or pitch_in(shown))) or len(spoken) >= 2:
                evidence = (
                    "written by a script",
                    *([f"word {words}"] if words else []),
                    *([f"address {spoken[0]}"] if spoken else []),
                )
                self.add(FindingKind.SCRIPT, _Text(text, hosts, 0.0), evidence, 0.8)
                script.text = ""

    def in_runs(self) -> list[Run]:
        injected: list[Run] = []
        footers = list(self.root.iter("footer"))
        last_footer = next(
            (
                f
                for f in reversed(footers)
                if f.find(".//h1") is None and next(f.iterancestors("article", "aside"), None) is None
            ),
            None,
        )
        footer_lines = {bare(line) for line in self.site.read.footer} if self.site else set()
        seen_footer = False
        for run in self.runs:
            in_footer = last_footer is not None and (run.node is last_footer or last_footer in run.node.iterancestors())
            after = seen_footer and not in_footer
            if in_footer or (footer_lines and bare(run.text) in footer_lines):
                seen_footer = True
            text = _Text(
                run.text,
                _joined(self.hosts_of(run.links), _hosts_in(run.text, self.host)),
                run.link_share,
                hidden=run.hidden,
                place="after the footer" if after else "",
            )
            if len(run.text) > 2000 and not run.links:
                continue
            if self.parts_of(run) or (not after and self.sentences_of(run)):
                continue
            evidence, score = self.evidence(text)
            if score >= THRESHOLD:
                self.add(self.place_of(run, after), text, evidence, score)
                injected.append(run)
        return injected

    def parts_of(self, run: Run) -> bool:
        """Injected links and spans inside a genuine sentence; True when that was all that is wrong with the run."""
        found = False
        if len(run.slots) > MAX_PARTS:
            return False
        for element, is_tail in run.slots:
            if is_tail or element is run.node or element.tag not in ("a", "span", "b", "strong", "font", "em", "i"):
                continue
            inner = inner_text(element, limit=len(run.text))
            rest = len(run.text) - len(inner)
            if rest < 25 or not inner or (topic_in(run.text.replace(inner, "")) and not self.on_topic):
                continue
            href = element.get("href") or next((a.get("href") for a in element.iter("a") if a.get("href")), "")
            hosts = _joined(self.hosts_of([href] if href else []), _hosts_in(inner, self.host))
            place = "between two sentences" if href and _is_between_sentences(element) else ""
            text = _Text(inner, hosts, 1.0 if href else 0.0, hidden=is_hidden(element), place=place)
            evidence, score = self.evidence(text)
            if score >= THRESHOLD:
                self.add(self.place_of(run, after=False), text, evidence, score)
                blank_element(element)
                found = True
            elif element.tag == "a" and hosts and len(_LINK_AS_TEXT.findall(element.get("style") or "")) == 2:
                # The word is the author's, the link is not.
                disguised = ("a link in the colour of the text", "a link without its underline")
                self.add(FindingKind.BODY, text, disguised, 0.7)
                del element.attrib["href"]
        return found

    def sentences_of(self, run: Run) -> bool:
        """Injected sentences among genuine ones, without markup of their own; True when any was taken out."""
        pieces = [(slot, part) for slot in run.slots for part in _SENTENCE.split(_slot_text(slot)) if part.strip()]
        if run.hidden or not 2 <= len(pieces) <= MAX_PARTS:
            return False
        judged = [(slot, part, *self.evidence(_Text(part, _hosts_in(part, self.host), 0.0))) for slot, part in pieces]
        injected = [one for one in judged if one[3] >= THRESHOLD]
        own = sum(len(part) for _, part, _, score in judged if score < THRESHOLD)
        if not injected or own < SENTENCE_CHARS:
            return False
        for slot, part, evidence, score in injected:
            self.add(self.place_of(run, after=False), _Text(part, _hosts_in(part, self.host), 0.0), evidence, score)
            _set_slot_text(slot, _slot_text(slot).replace(part, "", 1))
        return True

    def place_of(self, run: Run, after: bool) -> FindingKind:
        if run.hidden:
            return FindingKind.HIDDEN
        if after:
            return FindingKind.FOOTER
        for element in (run.node, *run.node.iterancestors()):
            names = f"{element.get('class') or ''} {element.get('id') or ''}"
            if element.tag in ("body", "html"):
                break
            if _COMMENT_NAMES.search(names):
                return FindingKind.COMMENT
            if element.tag == "aside" or _SIDEBAR_NAMES.search(names):
                return FindingKind.SIDEBAR
            if element.tag == "footer":
                return FindingKind.FOOTER
        return FindingKind.BODY

    def replaced(self, injected: list[Run]) -> str | None:
        """Why the page's own text is gone: most of what stands where the article should be was injected."""
        found = set(injected)
        body = [run for run in injected if self.place_of(run, after=False) is FindingKind.BODY]
        if len(body) < 4:
            return None
        common = _common_ancestor([run.node for run in body])
        if common is None or common.tag in ("body", "html"):
            return None
        inside = [run for run in self.runs if common is run.node or common in run.node.iterancestors()]
        chars = sum(len(run.text) for run in body)
        own = sum(len(run.text) for run in inside if run not in found and is_prose(run) and not run.hidden)
        if chars < 200 or own > 0.15 * chars:
            return None
        return f"{len(body)} injected lines and {own} characters of the page's own text"

    def hosts_of(self, links: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted({host for link in links if (host := self.other_host(link))}))

    def other_host(self, link: str) -> str:
        """The host of a link to a site that is neither this one nor one that everybody links to."""
        host = _host(joined(self.page.url, link))
        if not host or host == self.host or host.endswith("." + self.host) or self.host.endswith("." + host):
            return ""
        return "" if KNOWN_HOSTS.search(host) else host


def _slot_text(slot: tuple[HtmlElement, bool]) -> str:
    element, is_tail = slot
    return (element.tail if is_tail else element.text) or ""


def _set_slot_text(slot: tuple[HtmlElement, bool], text: str) -> None:
    element, is_tail = slot
    if is_tail:
        element.tail = text
    else:
        element.text = text


def _is_between_sentences(element: HtmlElement) -> bool:
    """Whether what stands before ends a sentence and what stands after begins one: the link is part of neither."""
    previous = element.getprevious()
    before = (previous.tail if previous is not None else element.getparent().text) or ""
    after = (element.tail or "").lstrip()
    return before.rstrip()[-1:] in (".", "!", "?", "…", "”") and after[:1].isupper()


def _parts_of_title(text: str) -> list[str]:
    return re.split(r"\s+[|–—»·-]\s+", text[: MAX_PARTS * EXCERPT_CHARS], maxsplit=MAX_PARTS)


def _cyrillic_share(text: str) -> float:
    letters = [letter for letter in text if letter.isalpha()]
    return sum("\u0400" <= letter <= "\u052f" for letter in letters) / len(letters) if letters else 0.0


def _host(url: str) -> str:
    return host_of(url).removeprefix("www.")


def _hosts_in(text: str, own: str) -> tuple[str, ...]:
    hosts = {host.lower() for host in _HOST_IN_TEXT.findall(text[:2000])}
    return tuple(sorted(host for host in hosts if host != own and not KNOWN_HOSTS.search(host)))


def _joined(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({host for group in groups for host in group}))


def _common_ancestor(nodes: Sequence[HtmlElement]) -> HtmlElement | None:
    chains = [[*reversed(list(node.iterancestors())), node] for node in nodes]
    common = None
    for level in zip(*chains, strict=False):
        if any(element is not level[0] for element in level):
            break
        common = level[0]
    return common


def _as_replaced(finding: Finding) -> Finding:
    if finding.kind is not FindingKind.BODY:
        return finding
    return Finding(
        kind=FindingKind.REPLACED,
        excerpt=finding.excerpt,
        language=finding.language,
        domains=finding.domains,
        evidence=finding.evidence,
        score=finding.score,
    )
