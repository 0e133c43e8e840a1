"""A difference as one HTML page that stands alone, for a browser or a printer: no script, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from archive.differences import Difference, Piece

_TAGS = {"same": "", "removed": "del", "added": "ins"}

# Not by colour alone: what is gone is struck out, what is new underlined, on paper too.
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5a5a5a; --paper: #fff; --line: #d8d8d8;
  --gone: #ffe0de; --gone-ink: #8c1d14; --new: #d9f2df; --new-ink: #0c5226; --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a8a8a8; --paper: #16181a; --line: #3a3d40;
  --gone: #4a1f1c; --gone-ink: #ffb4ab; --new: #163a22; --new-ink: #9be3b2; --link: #8ab8f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 44rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 Georgia, "Noto Serif", "DejaVu Serif", serif; overflow-wrap: anywhere; }
header, footer { font: .9rem/1.5 system-ui, "Noto Sans", "DejaVu Sans", sans-serif; color: var(--soft); }
header { border-bottom: 1px solid var(--line); padding-bottom: 1rem; margin-bottom: 1.5rem; }
header p, header ul { margin: .3rem 0; }
header ul { padding-left: 1.2rem; color: var(--ink); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
a { color: var(--link); }
del { background: var(--gone); color: var(--gone-ink); text-decoration: line-through; }
ins { background: var(--new); color: var(--new-ink); text-decoration: underline; text-underline-offset: .15em; }
del, ins { padding: 0 .1em; border-radius: .15em; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
footer { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: .8rem; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --line: #999; --gone: #f3f3f3;
  --gone-ink: #000; --new: #e2e2e2; --new-ink: #000; --link: #000; }
  body { max-width: none; padding: 0; font-size: 11pt; } p, li { orphans: 3; widows: 3; } h1 { break-after: avoid; } }
"""


def diff_page(difference: Difference) -> str:
    """The newer wording with what was removed and added in its place."""
    title, *paragraphs = _paragraphs(difference.pieces)
    language = f' lang="{escape(difference.language)}"' if difference.language else ""
    changes = "".join(f"<li>{escape(line)}</li>" for line in difference.changes)
    body = "\n".join(f"<p>{_marked(paragraph)}</p>" for paragraph in paragraphs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{escape(difference.new_title)} – what changed</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<p>{_link(difference.url)}</p>
<p>As it was on {_time(difference.seen_from)} <del>struck out</del>, as it was on {_time(difference.seen_to)}
<ins>underlined</ins></p>
<p>Changed ({escape(difference.weight)}):</p>
<ul{language}>{changes}</ul>
</header>
<main{language}>
<h1>{_marked(title)}</h1>
{body}
</main>
<footer>Made by muragat from the captures of its archive.</footer>
</body>
</html>
"""


def _paragraphs(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The pieces of each paragraph; the first is the headline."""
    paragraphs: list[list[Piece]] = [[]]
    for piece in pieces:
        first, *others = re.split(r"\n{2,}", piece.text)
        paragraphs[-1].append(Piece(piece.change, first))
        paragraphs += [[Piece(piece.change, text)] for text in others]
    headline, *body = paragraphs
    return [headline, *(paragraph for paragraph in body if any(piece.text.strip() for piece in paragraph))]


def _marked(pieces: Iterable[Piece]) -> str:
    out = list[str]()
    for change, text in ((_TAGS[piece.change], piece.text) for piece in pieces):
        if not change or not text.strip():
            out.append(_lines(text))
            continue
        core = text.strip()
        before, _, after = text.partition(core)
        out += [before, f"<{change}>{_lines(core)}</{change}>", after]
    return "".join(out).strip()


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")


def _link(url: str) -> str:
    """A link, where it is a web address: a page's own address may be anything."""
    text = escape(url)
    return f'<a href="{text}">{text}</a>' if re.match(r"https?://", url) else text


def _time(at: str) -> str:
    return f'<time datetime="{escape(at)}">{escape(at[:19].replace("T", " "))} UTC</time>'
