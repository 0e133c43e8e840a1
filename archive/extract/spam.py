"""What was injected into a page: evidence, not opinion.  No I/O.

One signal is never enough: a genuine story on betting has the words, a quotation has another language, a cookie notice
stands after the footer. Two signals of different sorts make a finding (signals.py), and what was found leaves the tree
before anything else is read. Nothing is lost: the WARC keeps the bytes, the finding keeps an excerpt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lxml.html import HtmlElement

from archive.config import Site
from archive.extract.covert import Covert, canonical_elsewhere, find_covert
from archive.extract.elements import blank_element
from archive.extract.findings import EXCERPT_CHARS, Findings
from archive.extract.hiding import is_switched
from archive.extract.letters import bare
from archive.extract.lexicon import words_in
from archive.extract.metadata import Head
from archive.extract.page import Page
from archive.extract.parts import LONE_CHARS, MAX_PARTS, SENTENCE_END, Parts, is_alien_line
from archive.extract.prose import is_prose
from archive.extract.runs import Run, read_runs
from archive.extract.signals import (
    Judge,
    Piece,
    Verdict,
    hosts_in,
    script_of,
    union,
)
from archive.extract.standing import NO_BOX, Standing
from archive.extract.takeover import find_takeover
from archive.language import fold
from archive.model import BlockKind, Finding, FindingKind

PLAIN_CHARS = 2000  # a longer run without a link is read sentence by sentence only
SHORT_OUTSIDE_CHARS = 1500
STORY_CHARS = 400
# What machines leave outside the document: warnings, counters, timings.
_MACHINE = re.compile(
    r"\b(?:warning|notice|deprecated|fatal error|strict standards|on line \d|\.php|quer(?:y|ies)|memory|generated"
    r"|cached?|seconds?|debug|stack|exception|undefined|null|function|var|xml version|http/1)\b|[{};=]{1}\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Spam:
    """What was found in a page."""

    findings: tuple[Finding, ...]
    replaced: str | None  # why the page's own text is gone, in words
    is_spam: Callable[[str], bool]  # whether a line from this page's head is an injected one
    runs: Sequence[Run]  # what is left of the page's
    hosts: tuple[str, ...] = ()  # other sites that what is left links to, for all to see


def find_spam(
    page: Page, root: HtmlElement, runs: Sequence[Run], *, head: Head, site: Site | None, language: str | None
) -> Spam:
    """The injected texts of a page. They are taken out of the tree, and so out of its runs."""
    return _Search(page, root, runs, head, site, language).spam()


class _Search:
    def __init__(
        self, page: Page, root: HtmlElement, runs: Sequence[Run], head: Head, site: Site | None, language: str | None
    ) -> None:
        self.page, self.root, self.runs, self.head = page, root, runs, head
        self.standing = Standing(
            page.elements,
            root,
            runs,
            url=page.url,
            site_names=head.site_names,
            footer_lines=site.read.footer if site else (),
        )
        self.prose = [run for run in runs if is_prose(run) and not run.hidden]
        self.judge = Judge(
            script_of(" ".join(run.text for run in self.prose), mixed=True),
            language,
            tuple(site.read.languages) if site else (),
            self.spoken(),
        )
        self.findings = Findings()
        self.parts = Parts(self.standing, self.judge, self.findings)
        self.injected_parts: set[str] = set()  # of titles, folded
        self.order: dict[Run, int] = {}  # made when it is asked for
        self.kinds: dict[Run, FindingKind] = {}  # of the runs in which something was found

    def spam(self) -> Spam:
        self.outside()
        elements, url, hiding = self.page.elements, self.page.url, self.standing.hiding
        for covert in find_covert(elements, url=url, judge=self.judge, hiding=hiding, has_story=self.has_story()):
            self.add_covert(covert)
        injected = self.in_runs(self.runs)
        if self.findings.company:
            # What links to where the findings link is of their kind, though its words would not tell.
            injected += self.in_runs([run for run in self.standing.linked if run not in self.kinds])
        self.head_titles()
        for covert in canonical_elsewhere(elements, url=url, company=frozenset(self.findings.company)):
            self.add_covert(covert)
        takeover = find_takeover(self.runs, injected, self.kinds, head=self.head, judge=self.judge)
        if takeover and takeover.verdict:
            self.findings.add(FindingKind.REPLACED, Piece(text=takeover.text), takeover.verdict)
        for run in injected:
            run.blank()
        gone = set(injected)
        left = [run for run in self.runs if run not in gone]
        if self.parts.is_edited:
            left = read_runs(self.root, self.page.elements.hidden)
        findings = tuple(_as_replaced(finding) if takeover else finding for finding in self.findings.listed)
        own = [hosts for run, hosts in self.standing.linked.items() if run not in self.kinds and not run.hidden]
        hosts = tuple(host for host in union(*own) if host not in self.findings.company)
        return Spam(findings, takeover.reason if takeover else None, self.is_injected_line, left, hosts)

    def add_covert(self, covert: Covert) -> None:
        piece = Piece(text=covert.text, hosts=covert.hosts)
        self.findings.add(covert.kind, piece, covert.verdict, hidden_by=covert.hidden_by or "")
        blank_element(covert.element)

    def spoken(self) -> frozenset[str]:
        """The subjects that the page's own text is about: then words on them alone are no signal."""
        titles = [self.head.titles[0][0]] if self.head.titles else []
        titles += [run.text for run in self.runs if run.node.tag == "h1"][:1]
        spoken = set[str]()
        for title in titles:
            words = words_in(title)
            if words.topics and (words.is_news or not words.pitches):
                spoken |= words.topics.keys()
        prose = [run for run in self.prose if len(run.text) >= 80 and run.link_share < 0.3]
        told: Counter[str] = Counter()
        for run in prose:
            if words_in(run.text).topics:
                # Sentence by sentence: one that was put into a paragraph does not make it a story on its subject.
                said = [words_in(part) for part in SENTENCE_END.split(run.text)[:MAX_PARTS]]
                plain = {topic for words in said if not words.pitches for topic in words.topics}
                told.update(plain | {topic for words in said if words.is_news for topic in words.topics})
                told.update({topic for words in said if words.is_news for topic in words.topics})
        return frozenset(spoken | {topic for topic, count in told.items() if count >= max(2, 0.25 * len(prose))})

    def has_story(self) -> bool:
        """Whether the page shows a text of its own, as a page that only leads elsewhere does not."""
        return sum(len(run.text) for run in self.prose) >= STORY_CHARS

    # ------------------------------------------------------------ outside the document, in its head

    def outside(self) -> None:
        links = tuple(host for link in self.page.outside if (host := self.standing.other_host(link)))
        for kind, text, place in (
            (FindingKind.BEFORE, self.page.before, "before the doctype"),
            (FindingKind.AFTER, self.page.after, "after </html>"),
        ):
            if not text:
                continue
            places = {"outside": place}
            if self.is_written_by_hand(text):
                places["bare"] = "a text for readers, where only machines write"
            piece = Piece(text=text, hosts=union(links, self.hosts_in(text)), place=places)
            self.findings.add(kind, piece, self.judge.verdict(piece))

    def is_written_by_hand(self, text: str) -> bool:
        """Whether a text outside the document is neither a machine's note nor a lost part of the page."""
        own = sum(1 for link in self.page.outside if not self.standing.other_host(link))
        letters = sum(map(str.isalpha, text))
        return (
            own <= 2
            and len(text) <= SHORT_OUTSIDE_CHARS
            and letters >= 0.6 * len(text)
            and (letters >= 15 or script_of(text) not in ("", "latin", "cyrillic"))
            and not _MACHINE.search(text)
        )

    def head_titles(self) -> None:
        headlines = [bare(run.text) for run in self.runs if run.node.tag == "h1" and run not in self.kinds][:3]
        names = {bare(name) for name in self.head.site_names}
        texts = [self.head.page_title, *(title for title, _ in self.head.titles)]
        for text in dict.fromkeys([*texts, *SENTENCE_END.split(self.head.description[:2000])]):
            parts = _parts_of_title(text) if text in texts else [text]
            verdicts = [self.of_title(part, headlines, names) for part in parts]
            for part, verdict in zip(parts, verdicts, strict=True):
                held = fold(part)
                if verdict.is_spam and not any(held in fold(finding.excerpt) for finding in self.findings.listed):
                    self.findings.add(FindingKind.TITLE, Piece(text=part, hosts=self.hosts_in(part)), verdict)
            if any(verdict.is_spam for verdict in verdicts):
                # A line may hold a dash itself: what is in its script is a piece of it.
                self.injected_parts |= {fold(part) for part in parts if self.judge.is_alien(part)}

    def of_title(self, part: str, headlines: Sequence[str] = (), names: Iterable[str] = ()) -> Verdict:
        letters = bare(part)
        place: dict[str, str] = {}
        if (
            headlines
            and letters
            and letters not in names
            and not any(letters in h or h in letters for h in headlines if h)
        ):
            place["apart"] = "the headline has nothing of it"
        return self.judge.verdict(Piece(text=part, hosts=self.hosts_in(part), place=place))

    def is_injected_line(self, text: str) -> bool:
        """Whether a title or summary in the head is, or holds, an injected line."""
        known = {fold(finding.excerpt) for finding in self.findings.listed if finding.kind is FindingKind.TITLE}
        known |= self.injected_parts
        parts = dict.fromkeys((text, *_parts_of_title(text)))
        return any((known and fold(part) in known) or self.of_title(part).is_spam for part in parts)

    # ------------------------------------------------------------ in the text

    def in_runs(self, runs: Iterable[Run]) -> list[Run]:
        injected: list[Run] = []
        for run in runs:
            is_after, words = run in self.standing.after, words_in(run.text)
            linked, named = self.standing.linked.get(run, ()), self.hosts_in(run.text)
            if not (words or linked or named or is_after or self.judge.is_alien(run.text)):
                continue
            way, top = self.standing.hidden(run)
            # Inside a link that shows, what is hidden is a word for screen readers.
            is_label = top is not None and next(top.iterancestors("a"), None) is not None
            hosts = union(() if is_label else linked, named)
            if not (words or hosts or is_after or self.judge.is_alien(run.text)):
                continue
            box = self.standing.boxes.get(run, NO_BOX)
            piece = Piece(
                text=run.text,
                hosts=hosts,
                link_share=run.link_share,
                place=self.standing.place(run, way, top),
                company=self.findings.company,
                neighbours=() if is_label else box.hosts,
                stuffing=box.stuffing,
                is_switched=is_switched(way),
                is_linked_home=bool(run.links) and not hosts,
            )
            is_apart = bool(way) or is_after or self.standing.is_list(run)
            # A sentence of the author's stays when a part of it was put there; what stands apart goes whole.
            if not is_apart and (self.parts.take_elements(run) or self.parts.take_sentences(run)):
                self.kinds.setdefault(run, self.standing.kind_of(run, way))
                continue
            if len(run.text) > PLAIN_CHARS and not run.links and not way:
                continue
            verdict = self.judge.verdict(piece, words)
            if not (verdict.is_spam or way or is_after) and (place := self.alone(run, piece)):
                verdict = self.judge.verdict(replace(piece, place=place), words)
            if verdict.is_spam:
                self.kinds[run] = self.standing.kind_of(run, way)
                self.findings.add(self.kinds[run], piece, verdict, hidden_by=way)
                injected.append(run)
            elif is_apart and self.parts.take_elements(run):
                self.kinds.setdefault(run, self.standing.kind_of(run, way))
        return injected

    def alone(self, run: Run, piece: Piece) -> dict[str, str]:
        """The signals of a paragraph that is not like those it stands among: all a link, or in another script."""
        if run.kind is not BlockKind.PARAGRAPH or not 8 <= len(run.text) <= LONE_CHARS:
            return {}
        neighbours = [self.runs[place] for place in self.near(run) if self.runs[place].node.tag == run.node.tag]
        if not any(is_prose(other) and other.link_share < 0.3 and other.text[-1:] in ".!?…”" for other in neighbours):
            return {}
        if piece.hosts and run.link_share >= 0.9 and run.text.count(" ") >= 2 and len(run.text) >= 20:
            return {"lone link": "a paragraph that is one link, among the article's"}
        if is_alien_line(run.text, self.judge) and (not run.links or run.link_share >= 0.9):
            return {"alone": "a line by itself among sentences of the page's own"}
        return {}

    def near(self, run: Run) -> list[int]:
        """The places of the runs beside one, of the same parent."""
        if not self.order:
            self.order = {one: place for place, one in enumerate(self.runs)}
        place, parent = self.order[run], run.node.getparent()
        beside = (place - 1, place + 1)
        return [n for n in beside if 0 <= n < len(self.runs) and self.runs[n].node.getparent() is parent]

    def hosts_in(self, text: str) -> tuple[str, ...]:
        return hosts_in(text, url=self.page.url)


def _parts_of_title(text: str) -> list[str]:
    return re.split(r"\s+[|–—»·-]\s+", text[: MAX_PARTS * EXCERPT_CHARS], maxsplit=MAX_PARTS)


def _as_replaced(finding: Finding) -> Finding:
    return replace(finding, kind=FindingKind.REPLACED) if finding.kind is FindingKind.BODY else finding
