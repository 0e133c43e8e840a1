"""What speaks against one piece of text: its signals, what each weighs, and their sum.  No I/O.

Signals are of two sorts. What a text says (its script, its subject, its pitch, the names of the sites it links to) and
how it stands (hidden, outside the document, after the footer, bare of the site's own markup). A finding needs two
signals, and one that is not merely a place: sites hide menus, and link to their partners.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archive.extract.jsonld import MAX_URL_CHARS, host_of
from archive.extract.lexicon import Words, words_in
from archive.extract.wordlists import KNOWN_HOSTS, SPEAKING_HOST, THROWAWAY_HOST, VICE
from archive.language import language_of

THRESHOLD = 0.6
MANY_DOMAINS = 3
FOREIGN_LETTERS = 20  # from here on a script is told apart without error (design of 2026-11)
FOREIGN_SIGNS = 6  # of Chinese, Japanese, Korean, which write words with one or two
PITCH_CHARS = 300  # a longer text holds such words by chance
SCRIPT_CHARS = 5_000

# How much each signal says, by itself; what is joined of two of them is less than their sum.
WEIGHTS = {
    "outside": 0.5,  # before the doctype, after </html>: nobody writes there but machines
    "hidden": 0.5,  # by a style written on the element
    "class": 0.2,  # by one class of many
    "noscript": 0.3,
    "place": 0.4,  # after the footer, between two sentences
    "alone": 0.35,  # a line of another script, in no quotes, among sentences of the page's own
    "lone link": 0.45,  # a paragraph among others that is one link to another site
    "bare": 0.3,  # no class, no id: not the site's own markup
    "apart": 0.3,  # a part of the title that the headline lacks
    "language": 0.45,  # another script than the page's
    "tongue": 0.2,  # another language in the same script
    "word": 0.4,  # a subject that is hardly ever a site's own
    "goods": 0.3,  # a subject that news writes about too
    "pitch": 0.35,
    "pitches": 0.3,  # a second one
    "domains": 0.4,
    "host": 0.4,  # an address that speaks
    "throwaway": 0.2,
    "link": 0.3,
    "stuffed": 0.35,  # one word in link after link
    "company": 0.45,  # links where a finding of the same page links
    "written": 0.5,  # put together by a script
    "covert": 0.45,  # in a form that nobody can read before it runs
}
# What stands anywhere is no offence by itself.
_TELLING = frozenset(("language", "word", "goods", "host", "company"))
_UNSEEN = frozenset(("hidden", "class", "noscript", "place", "written"))
LABEL_CHARS = 60  # a name in a hidden menu is shorter

_HOST_IN_TEXT = re.compile(
    r"\b((?:[a-z0-9-]{2,40}\.){1,3}(?:com|net|org|info|example|kz|ru|xyz|online|site|top|club|vip|bet|casino"
    r"|pro|link|app|live|fun|win|shop|store|icu|biz|me|io|co|cc|tv|ws|su))(?!\.?[\w-])",
    re.I,
)
_DOT_IN_WORD = re.compile(r"\.[a-zA-Z]")
# An address on another host has one; white space and a missing scheme are as browsers take them.
_HOST = re.compile(r"\s*(?:https?:)?[\\/]{2}(?:[^/?#@\s]{0,200}@)?([^/?#:@\s\\]{3,253})", re.IGNORECASE)
_ALIEN = {
    "latin": re.compile("[\u0370-\u1dff\u3040-\ud7af\ufb50-\ufeff]"),
    "cyrillic": re.compile("[\u0370-\u03ff\u0530-\u1dff\u3040-\ud7af\ufb50-\ufeff]"),
}
# Words at a time: one letter at a time takes five times as long.
_CYRILLIC = re.compile("[\u0400-\u052f]+")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]+")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]+")),
    ("zh", re.compile("[\u3400-\u9fff]+")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]+")),
    ("he", re.compile("[\u0590-\u05ff]+")),
    ("th", re.compile("[\u0e00-\u0e7f]+")),
    ("hi", re.compile("[\u0900-\u097f]+")),
    ("ka", re.compile("[\u10a0-\u10ff]+")),
    ("hy", re.compile("[\u0530-\u058f]+")),
    ("el", re.compile("[\u0370-\u03ff]+")),
)
_SECOND_LEVEL = frozenset(("com", "co", "org", "net", "gov", "edu", "ac", "gen", "info", "in", "k12", "bel", "mil"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One text with what its signals need."""

    text: str
    hosts: tuple[str, ...] = ()  # of other sites that it links to or names
    link_share: float = 0.0
    place: dict[str, str] = field(default_factory=dict)  # signals of where it stands → in words
    company: Collection[str] = ()  # hosts that findings of the page link to
    neighbours: tuple[str, ...] = ()  # hosts of the list or box that it stands in
    stuffing: str = ""  # the word that links of its box repeat
    is_switched: bool = False  # hidden in a way that honest scripts undo
    is_linked_home: bool = False  # links to its own site only
    is_part: bool = False  # of a sentence: a source named in its own language is no offence


@dataclass(frozen=True, slots=True)
class Verdict:
    """The signals that spoke, each in words and with its weight, and what they come to."""

    evidence: tuple[str, ...]
    weights: tuple[float, ...]
    score: float  # 0 where they do not make a finding

    @property
    def is_spam(self) -> bool:
        """Whether they make a finding."""
        return self.score >= THRESHOLD


INNOCENT = Verdict((), (), 0.0)


@dataclass(frozen=True, slots=True)
class Judge:
    """What a page is, as far as it decides what is out of place on it."""

    script: str  # of its own text: "latin", "cyrillic", "ja" …; "" when it has too little
    language: str | None
    languages: tuple[str, ...] = ()  # that the site publishes in
    spoken: frozenset[str] = frozenset()  # subjects that its own story is about

    def verdict(self, piece: Piece, words: Words | None = None) -> Verdict:
        """What speaks against a text."""
        words = words_in(piece.text) if words is None else words
        foreign = self.foreign(piece.text)
        if not (words or foreign or piece.hosts or piece.place or piece.neighbours):
            return INNOCENT
        signals = dict(piece.place)
        if foreign:
            signals["language"] = f"language {foreign} on a page in {self.language or 'another script'}"
        self._add_words(signals, piece, words)
        _add_hosts(signals, piece)
        if "lone link" in signals and "language" not in signals and (tongue := self.other_tongue(piece.text)):
            signals["tongue"] = f"language {tongue} on a page in {self.language}"
        if not self._is_offence(signals, piece):
            return INNOCENT
        if "language" not in signals and _sum(signals) < THRESHOLD and (tongue := self.other_tongue(piece.text)):
            signals["tongue"] = f"language {tongue} on a page in {self.language}"
        score = _sum(signals)
        if len(signals) < 2 or score < THRESHOLD:
            return INNOCENT
        return verdict_of(signals)

    def _add_words(self, signals: dict[str, str], piece: Piece, words: Words) -> None:
        is_plain = not piece.place and not any(SPEAKING_HOST.search(host) for host in piece.hosts)
        topics = {
            topic: word
            for topic, word in words.topics.items()
            if not (is_plain and topic in self.spoken and not piece.hosts)
        }
        if words.is_news and is_plain and not piece.hosts:
            return  # told, not sold
        vice = next((topics[topic] for topic in topics if topic in VICE), None)
        if vice:
            signals["word"] = f"word {vice}"
        elif topics:
            signals["goods"] = f"word {next(iter(topics.values()))}"
        is_short = len(piece.text) <= PITCH_CHARS or piece.link_share >= 0.5
        if (
            is_short
            and words.pitches
            and not words.is_news
            and ("language" in signals or self._may_pitch(words, piece))
        ):
            signals["pitch"] = f"words of a pitch: {words.pitches[0]}"
            if len(words.pitches) > 1:
                signals["pitches"] = f"and {words.pitches[1]}"

    def _may_pitch(self, words: Words, piece: Piece) -> bool:
        """Words of a pitch count where there is something to sell: a subject, or a way there."""
        if self.spoken & words.topics.keys() and not piece.place and not piece.hosts:
            return False
        return bool(words.topics or piece.hosts or piece.place)

    def _is_offence(self, signals: dict[str, str], piece: Piece) -> bool:
        """Whether the signals are more than a hidden menu, a list of partners or a line in another language has."""
        telling = _TELLING & signals.keys()
        if "outside" in signals:
            return bool(telling or piece.hosts or "bare" in signals)
        sites = sites_of(piece.hosts) | sites_of(piece.neighbours)
        is_unseen = bool(_UNSEEN & signals.keys())
        enough = 1 if "pitch" in signals or not piece.is_switched else MANY_DOMAINS
        if "bare" in signals and piece.hosts and is_unseen and len(sites) >= enough:
            return True
        if piece.is_linked_home and piece.is_switched and not {"bare", "language"} & signals.keys():
            return False  # a menu names what its own site writes about
        if telling == {"language"} and "alone" not in signals:
            if is_unseen or "pitch" in signals:
                return bool(piece.hosts or "pitch" in signals or len(piece.text) >= LABEL_CHARS)
            is_whole = piece.link_share >= 0.9 or len(sites) > 1
            return bool(piece.hosts) and ("pitch" in signals or (is_whole and not piece.is_part) or "place" in signals)
        if telling <= {"word", "goods"} and is_unseen and not piece.hosts and "pitch" not in signals:
            is_long = len(piece.text) >= LABEL_CHARS
            return bool(telling) and is_long and not piece.is_linked_home and not piece.is_switched
        if "lone link" in signals and {"pitch", "throwaway", "tongue"} & signals.keys():
            return True
        is_crammed = "stuffed" in signals and len(sites) >= MANY_DOMAINS
        return bool(telling) or (is_crammed and ("bare" in signals or bool({"hidden", "noscript"} & signals.keys())))

    def is_alien(self, text: str) -> bool:
        """Whether a text has a letter of a script that the page is not in; cheap."""
        if not self.script or text.isascii():
            return False
        letters = _ALIEN.get(self.script)
        return letters is None or letters.search(text) is not None

    def foreign(self, text: str) -> str | None:
        """The language of a text in another script than the page's own; None where it is the same, or too short."""
        if not self.is_alien(text):
            return None
        script = script_of(text)
        if not script or script == self.script:
            return None
        if self.script in ("ja", "zh", "ko") and script in ("ja", "zh", "latin"):
            return None
        if script == "latin":
            return None  # names, brands and code are Latin everywhere
        return language_of_any(text) or script

    def other_tongue(self, text: str) -> str | None:
        """The language of a text in the page's script that neither page nor site is in."""
        if len(text) < FOREIGN_LETTERS:
            return None
        found = language_of_any(text[:600])
        known = {self.language, *self.languages}
        return found if found and self.language and found not in known else None


def verdict_of(signals: dict[str, str]) -> Verdict:
    """These signals as a finding's."""
    return Verdict(tuple(signals.values()), tuple(WEIGHTS[name] for name in signals), round(_sum(signals), 3))


def _add_hosts(signals: dict[str, str], piece: Piece) -> None:
    around = {*piece.hosts, *piece.neighbours}
    if len(around) >= MANY_DOMAINS:
        signals["domains"] = f"{len(around)} other sites"
    if spoken := next((host for host in piece.hosts if SPEAKING_HOST.search(host)), None):
        signals["host"] = f"address {spoken}"
    elif thrown := next((host for host in piece.hosts if THROWAWAY_HOST.search(host)), None):
        signals["throwaway"] = f"address of the kind made for a season: {thrown}"
    if piece.hosts and piece.link_share >= 0.8:
        signals["link"] = "nothing but a link to another site"
    if piece.stuffing:
        signals["stuffed"] = f"the word {piece.stuffing} in link after link"
    met = next((host for host in piece.hosts if host in piece.company), None)
    if met and (piece.link_share >= 0.8 or piece.place):
        signals["company"] = f"links to {met}, as other findings do"


def _sum(signals: dict[str, str]) -> float:
    doubt = 1.0
    for name in signals:
        doubt *= 1 - WEIGHTS[name]
    return 1 - doubt


def script_of(text: str, *, mixed: bool = False) -> str:
    """The script of a text: "latin", "cyrillic", or a language with its own; "" if too short, or two if not `mixed`."""
    text = text[:SCRIPT_CHARS]
    if text.isascii():
        return "latin" if sum(map(str.isalpha, text)) >= FOREIGN_LETTERS else ""
    latin, cyrillic = _count(_LATIN, text), _count(_CYRILLIC, text)
    if latin + cyrillic < len(text) / 2:
        # Others are dense: one sign of Chinese says what two or three letters say.
        counts = {name: _count(pattern, text) for name, pattern in _SCRIPTS}
        others = sum(counts.values())
        dense = counts["ja"] + counts["ko"] + counts["zh"]
        if (dense >= FOREIGN_SIGNS or others >= FOREIGN_LETTERS) and others * 2 > latin + cyrillic:
            return "ja" if counts["ja"] >= max(2, others / 20) else max(counts, key=lambda name: counts[name])
    if latin + cyrillic < FOREIGN_LETTERS:
        return ""
    if cyrillic > (0.5 if mixed else 0.6) * (latin + cyrillic):
        return "cyrillic"
    if mixed:
        return "latin"
    return "latin" if cyrillic < 0.2 * (latin + cyrillic) else ""


def _count(letters: re.Pattern[str], text: str) -> int:
    return sum(map(len, letters.findall(text)))


def language_of_any(text: str) -> str | None:
    """The language of a text, by its script where that decides."""
    script = script_of(text)
    return language_of(text, hint=None) if script in ("", "latin", "cyrillic") else script


def other_host(link: str, *, url: str) -> str:
    """The host a link leads to when that is neither of this page's site nor one that everybody links to; else ""."""
    found = _HOST.match(link)
    if not found or len(link) > MAX_URL_CHARS:
        return ""
    host = found[1].lower().removeprefix("www.").rstrip(".")
    return host if "." in host and is_other(host, site_of(bare_host(url))) else ""


@lru_cache(maxsize=8192)
def is_other(host: str, own: str) -> bool:
    """Whether a host is neither of this site nor one that everybody links to."""
    return site_of(host) != own and not KNOWN_HOSTS.search(host)


@lru_cache(maxsize=256)
def bare_host(url: str) -> str:
    return host_of(url).removeprefix("www.")


def site_of(host: str) -> str:
    """The part of a host that somebody registered."""
    labels = host.split(".")
    size = 3 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-size:])


@lru_cache(maxsize=256)
def sites_of(hosts: tuple[str, ...]) -> frozenset[str]:
    """The sites of some hosts: those of a long list are asked for at each of its lines."""
    return frozenset(map(site_of, hosts))


def hosts_in(text: str, *, url: str) -> tuple[str, ...]:
    """The other sites that a text names."""
    if _DOT_IN_WORD.search(text) is None:
        return ()
    own = site_of(bare_host(url))
    hosts = {host.lower().removeprefix("www.") for host in _HOST_IN_TEXT.findall(text[:2000])}
    return tuple(sorted(host for host in hosts if site_of(host) != own and not KNOWN_HOSTS.search(host)))


def union(*groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({one for group in groups for one in group}))
