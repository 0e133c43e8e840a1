"""What was injected into the midst of genuine text: a link or a span in a sentence, a sentence among others.  No I/O.

The author's words stay; what was put there is taken out of the tree and kept as a finding.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lxml.html import HtmlElement

from archive.extract.elements import blank_element, inner_text
from archive.extract.findings import Findings
from archive.extract.hiding import is_by_class, is_switched
from archive.extract.lexicon import tells, words_in
from archive.extract.prose import is_prose
from archive.extract.runs import Run
from archive.extract.signals import Judge, Piece, Verdict, hosts_in, script_of, union, verdict_of
from archive.extract.standing import Standing
from archive.model import FindingKind

SENTENCE_CHARS = 25  # less than this left over is no genuine sentence
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？؟])")
MAX_PARTS = 60  # links, spans or sentences of one text that are looked at one by one
LONE_CHARS = 300

_QUOTES = ("«", "“", "„", '"', "—", "–")
_INSIDE = frozenset(("a", "span", "b", "strong", "font", "em", "i", "small", "u"))
# The colour of letters that are no link, and a line or a hand that a link would have.
_TEXT_COLOUR = re.compile(
    r"(?<!-)color\s*:\s*(?:inherit|currentcolor|black|#([0-3])[0-3]\1[0-3]\1[0-3](?![0-9a-f])|#[0-3]{3}(?![0-9a-f])"
    r"|rgb\(\s*\d{1,2}\s*,\s*\d{1,2}\s*,\s*\d{1,2}\s*\))",
    re.IGNORECASE,
)
_NO_LINE = re.compile(r"text-decoration(?:-line)?\s*:\s*none|cursor\s*:\s*(?:text|default|auto|inherit)", re.IGNORECASE)
DISGUISED_CHARS = 80


class Parts:
    """Takes the injected parts out of the runs of one page."""

    def __init__(self, standing: Standing, judge: Judge, findings: Findings) -> None:
        self.standing, self.judge, self.findings = standing, judge, findings
        self.is_edited = False  # whether anything was taken out

    def take_elements(self, run: Run) -> bool:
        """Injected links and spans inside a genuine sentence; True when that was all that is wrong with the run."""
        found = False
        if len(run.slots) > MAX_PARTS or len(run.slots) < 2:
            return False
        for element, is_tail in run.slots:
            if is_tail or element is run.node or element.tag not in _INSIDE:
                continue
            inner = inner_text(element, limit=len(run.text))
            rest = len(run.text) - len(inner)
            if rest < SENTENCE_CHARS or not inner:
                continue
            others = words_in(run.text.replace(inner, "", 1)).topics
            if others and not others.keys() <= self.judge.spoken:
                continue
            href = element.get("href") or next((a.get("href") for a in element.iter("a") if a.get("href")), "")
            hosts = union(self.standing.hosts_of([href] if href else []), self.hosts_in(inner))
            way, _ = self.standing.hiding.of(element)
            place = {"class" if is_by_class(way) else "hidden": f"hidden: {way}"} if way else {}
            if href and _is_between_sentences(element):
                place["place"] = "between two sentences"
            piece = Piece(
                text=inner,
                hosts=hosts,
                link_share=1.0 if href else 0.0,
                place=place,
                company=self.findings.company,
                is_part=True,
            )
            verdict = self.judge.verdict(piece)
            is_unseen = way and not is_by_class(way) and not is_switched(way)
            if is_unseen and hosts and not verdict.is_spam and is_prose(run) and element.get("class") is None:
                # A link that nobody sees, in a sentence that everybody reads.
                verdict = verdict_of({**place, "link": "nothing but a link to another site"})
            if verdict.is_spam:
                self.findings.add(self.standing.kind_of(run, way), piece, verdict, hidden_by=way)
                blank_element(element)
                found = self.is_edited = True
            elif element.tag == "a" and hosts and self.is_disguised(element):
                # The word is the author's, the link is not.
                disguised = {"covert": "a link in the looks of the text", "link": "to another site"}
                self.findings.add(FindingKind.BODY, piece, verdict_of(disguised))
                del element.attrib["href"]
        return found

    def is_disguised(self, link: HtmlElement) -> bool:
        """Whether a link in a text is made to look like no link, by hand."""
        style = link.get("style") or ""
        if not style or link.get("class") or link.find(".//img") is not None:
            return False
        is_short = len(inner_text(link, limit=DISGUISED_CHARS)) <= DISGUISED_CHARS
        return is_short and bool(_TEXT_COLOUR.search(style) and _NO_LINE.search(style))

    def of_sentence(self, part: str) -> Verdict:
        piece = Piece(text=part, hosts=self.hosts_in(part))
        verdict = self.judge.verdict(piece)
        if verdict.is_spam or len(part) > LONE_CHARS or not is_alien_line(part, self.judge):
            return verdict
        return self.judge.verdict(replace(piece, place={"alone": "a sentence among those of the page's own"}))

    def take_sentences(self, run: Run) -> bool:
        """Injected sentences among genuine ones, without markup of their own; True when any was taken out."""
        pieces = [(slot, part) for slot in run.slots for part in SENTENCE_END.split(_slot_text(slot)) if part.strip()]
        if run.hidden or not 2 <= len(pieces) <= MAX_PARTS:
            return False
        judged = [(slot, part, self.of_sentence(part)) for slot, part in pieces]
        injected = [one for one in judged if one[2].is_spam]
        own = sum(len(part) for _, part, verdict in judged if not verdict.is_spam)
        if not injected or own < SENTENCE_CHARS:
            return False
        for slot, part, verdict in injected:
            self.findings.add(self.standing.kind_of(run, ""), Piece(text=part, hosts=self.hosts_in(part)), verdict)
            _set_slot_text(slot, _slot_text(slot).replace(part, "", 1))
        self.is_edited = True
        return True

    def hosts_in(self, text: str) -> tuple[str, ...]:
        return hosts_in(text, url=self.standing.url)


def is_alien_line(text: str, judge: Judge) -> bool:
    """Whether a line is in another script, in no quotes, and tells nothing as a paragraph of the story would.

    Not in Arabic, Hebrew or Greek: scripture is quoted in them.
    """
    if not judge.is_alien(text) or any(mark in text for mark in _QUOTES) or tells(text):
        return False
    return script_of(text) not in ("ar", "he", "el")


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
    """Whether what stands before ends a sentence, and what stands after, if anything, begins one."""
    previous = element.getprevious()
    before = (previous.tail if previous is not None else element.getparent().text) or ""
    after = (element.tail or "").lstrip()
    return before.rstrip()[-1:] in (".", "!", "?", "…", "”") and (not after or after[:1].isupper())
