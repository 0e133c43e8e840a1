"""The text of an article as blocks: paragraphs, subheads, quotes …, each with its language.  No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from archive.extract.letters import bare
from archive.extract.runs import Run, lines_of
from archive.language import language_of
from archive.model import Block, BlockKind

# A page behind a paywall shows a paragraph or two and carries the rest as JSON-LD articleBody.
WHOLE_TEXT_CHARS = 600
SUBHEAD_CHARS = 80
SPOKEN_CHARS, SPOKEN_LATIN_CHARS = 8, 100  # fewer are a name or a letter; a heading among others of one script
CYRILLIC, SPOKEN_LATIN = ("kk", "ru", "uk"), ("tr", "en", "de", "fr", "es")  # that are told apart by letters, by words
MAX_LINES = 5_000  # of a text for machines; 10 times the most in our sample pages

_CYRILLIC = re.compile("[\u0400-\u04ff]")
_MARKUP = re.compile(r"<[^<>]{1,500}>")


def to_blocks(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Runs as blocks, a run with several paragraphs as several."""
    blocks: list[Block] = []
    for run in runs:
        for line in lines_of(run):
            text = "\n".join(" ".join(part.split()) for part in line.split("\n"))
            if text and not (blocks and blocks[-1].text == text):
                blocks.append(Block(BlockKind.HEADING if is_subhead(run) else run.kind, text))
    return tuple(blocks)


def is_subhead(run: Run) -> bool:
    """Whether a paragraph is a subhead in all but name: one bold line that is no sentence."""
    if run.kind is not BlockKind.PARAGRAPH or not run.is_bold or "\n" in run.text:
        return False
    return 3 <= len(run.text) <= SUBHEAD_CHARS and run.text[-1] not in ".!?…:;,»”\"'"


def whole_text(written: str, blocks: tuple[Block, ...], is_spam: Callable[[str], bool]) -> tuple[Block, ...]:
    """The text that the page carries for machines, where it shows only how that begins; else what it shows."""
    shown = sum(len(block.text) for block in blocks)
    if len(written) < max(WHOLE_TEXT_CHARS, 2 * shown):
        return blocks
    pieces = re.split(r"\n+|</p>|<br\s*/?>", written, maxsplit=MAX_LINES)[:MAX_LINES]
    lines = [" ".join(_MARKUP.sub(" ", line).split()) for line in pieces]
    lines = [line for line in lines if line and not is_spam(line)]
    whole = bare(" ".join(lines))
    if not any(bare(block.text)[:60] in whole for block in blocks if len(block.text) >= 60) and blocks:
        return blocks
    return tuple(Block(BlockKind.PARAGRAPH, line) for line in lines)


def in_languages(blocks: Sequence[Block], language: str | None) -> tuple[Block, ...]:
    """The blocks, each with its language where that is surely another than the article's."""
    spoken = [_spoken_in(block.text, language) for block in blocks]
    return tuple(
        block if own is None or own == language else replace(block, language=own)
        for block, own in zip(blocks, spoken, strict=True)
    )


def _spoken_in(text: str, language: str | None) -> str | None:
    """The language of a piece of an article in `language`: by its script at once, by its words only if it is long.

    By its words alone 30 of 2,203 blocks of real news, headings mostly, seemed to be in another language of the same
    script, and hardly one was.
    """
    is_cyrillic = bool(_CYRILLIC.search(text))
    if len(text) < SPOKEN_CHARS or (not is_cyrillic and len(text) < SPOKEN_LATIN_CHARS and language not in CYRILLIC):
        return language
    if not is_cyrillic and language not in (*CYRILLIC, *SPOKEN_LATIN):
        return language
    return language_of(text, hint=language)
