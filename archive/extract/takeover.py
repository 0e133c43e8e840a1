"""Pages that are not the site's own now: the text replaced, a door to elsewhere, a shop in another script.  No I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lxml.html import HtmlElement

from archive.extract.lexicon import words_in
from archive.extract.metadata import Head
from archive.extract.prose import is_prose
from archive.extract.runs import Run
from archive.extract.signals import Judge, Verdict, script_of, verdict_of
from archive.extract.wordlists import VICE
from archive.model import FindingKind

INJECTED_LINES, INJECTED_CHARS, OWN_SHARE = 4, 200, 0.15
SOLD_SHARE, TOLD_SHARE = 0.5, 0.25  # of a page's prose: on what the title sells; as news tells it
LOOKED_AT_CHARS = 20_000
_CYRILLIC = ("ru", "kk", "uk", "ky", "bg", "mn", "be", "tg", "mk", "tt", "ba")
_OWN = {
    "fa": "ar",
    "ur": "ar",
    **{language: language for language in ("ja", "ko", "zh", "ar", "he", "th", "hi", "ka", "hy", "el")},
}
_EITHER = ("sr", "uz", "az", "kk-latin")  # written in both scripts


@dataclass(frozen=True, slots=True)
class Takeover:
    """Why a page is not the site's own; the text and the signals of the finding that says so, if it needs one."""

    reason: str
    text: str = ""
    verdict: Verdict | None = None


def find_takeover(
    runs: Sequence[Run], injected: Collection[Run], kinds: dict[Run, FindingKind], *, head: Head, judge: Judge
) -> Takeover | None:
    """What became of a page, where it is not the site's own any more."""
    return _replaced(runs, injected, kinds) or _doorway(runs, head) or _other_page(runs, head, judge)


def _replaced(runs: Sequence[Run], injected: Collection[Run], kinds: dict[Run, FindingKind]) -> Takeover | None:
    """Most of what stands where the article should be was injected."""
    found = set(injected)
    body = [run for run in injected if kinds.get(run) is FindingKind.BODY]
    if len(body) < INJECTED_LINES:
        return None
    common = _common_ancestor([run.path for run in body])
    if common is None or common.tag in ("body", "html"):
        return None
    inside = [run for run in runs if common in run.path]
    chars = sum(len(run.text) for run in body)
    own = sum(len(run.text) for run in inside if run not in found and is_prose(run) and not run.hidden)
    if chars < INJECTED_CHARS or own > OWN_SHARE * chars:
        return None
    return Takeover(f"{len(body)} injected lines and {own} characters of the page's own text")


def _doorway(runs: Sequence[Run], head: Head) -> Takeover | None:
    """Title and text sell what news only tells of."""
    title = " ".join([head.page_title, *(text for text, _ in head.titles[:1])])[:600]
    words = words_in(title)
    topics = {topic for topic in words.topics if topic in VICE or len(words.pitches) > 1}
    if not topics or not words.pitches or words.is_news:
        return None
    prose = [run for run in runs if is_prose(run) and not run.hidden]
    chars = sum(len(run.text) for run in prose)
    sold = sum(len(run.text) for run in prose if topics & words_in(run.text).topics.keys())
    told = sum(len(run.text) for run in prose if words_in(run.text).is_news)
    if not chars or sold < SOLD_SHARE * chars or told > TOLD_SHARE * chars:
        return None
    signals = {
        "word": f"word {words.topics[min(topics)]}",
        "pitch": f"words of a pitch: {words.pitches[0]}",
        "apart": "title and text are about nothing else",
    }
    text = " ".join([title, *(run.text for run in prose)])[:LOOKED_AT_CHARS]
    return Takeover(f"a page that sells: {words.topics[min(topics)]}", text, verdict_of(signals))


def _other_page(runs: Sequence[Run], head: Head, judge: Judge) -> Takeover | None:
    """Another script than the site's own throughout, and it sells."""
    shown = " ".join(run.text for run in runs if not run.hidden)[:LOOKED_AT_CHARS]
    script = script_of(shown)
    declared = judge.languages or ((head.language or "").split("-")[0].lower(),)
    known = {_script_of_language(language) for language in declared if language}
    if not known or not script or script in known or "" in known or script in ("latin", "cyrillic"):
        return None
    words = words_in(f"{head.page_title} {shown}"[:LOOKED_AT_CHARS])
    if len(words.pitches) + len(words.topics) < 2:
        return None
    signals = {"language": f"language {script} on a site in {' and '.join(filter(None, declared))}"}
    if words.pitches:
        signals["pitch"] = f"words of a pitch: {words.pitches[0]}"
    if words.topics:
        signals["goods"] = f"word {words.topics[min(words.topics)]}"
    reason = f"a page in {script}, which the site does not publish in, that sells"
    return Takeover(reason, f"{head.page_title} {shown}", verdict_of(signals))


def _script_of_language(language: str) -> str:
    if language in _EITHER:
        return ""
    return "cyrillic" if language in _CYRILLIC else _OWN.get(language, "latin")


def _common_ancestor(paths: Sequence[tuple[HtmlElement, ...]]) -> HtmlElement | None:
    common = None
    for level in zip(*map(reversed, paths), strict=False):
        if any(element is not level[0] for element in level):
            break
        common = level[0]
    return common
