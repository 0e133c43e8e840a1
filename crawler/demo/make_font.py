"""Draws "Bozkir Display", the demo site's headline font: round strokes on a grid, Latin, Turkish and Kazakh letters.

    python -P -m crawler.demo.make_font     writes static/fonts/bozkir-display.woff

Needs fontTools, which muragat itself does not: the font is shipped, this is how it was made. A glyph is a list of
strokes on a grid of 100 units (capitals 7 high, small letters 5); every stroke becomes one rounded outline.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

Point = tuple[float, float]
Stroke = list[Point]
TARGET = Path(__file__).parent / "static" / "fonts" / "bozkir-display.woff"
_UNIT, _PEN, _SIDE = 100, 52, 80  # grid step, half the stroke's width, white space beside a glyph


def _arc(cx: float, cy: float, rx: float, ry: float, start: int, end: int) -> Stroke:
    steps = max(2, abs(end - start) // 15)
    turns = [math.radians(start + (end - start) * n / steps) for n in range(steps + 1)]
    return [(cx + rx * math.cos(t), cy + ry * math.sin(t)) for t in turns]


def _lines(text: str) -> list[Stroke]:
    """`00 07,40 47`: strokes parted by commas, points as two digits, or x:y when one has more."""
    return [[_point(word) for word in part.split()] for part in text.split(",") if part.strip()]


def _point(word: str) -> Point:
    x, y = word.split(":") if ":" in word else (word[0], word[1:])
    return float(x), float(y)


def _bowl(x: float, bottom: float, top: float, width: float) -> Stroke:
    """The round right half of B, D, P, R from a stem at x."""
    radius = (top - bottom) / 2
    return [(x, top), *_arc(x + width - radius, bottom + radius, radius, radius, 90, -90), (x, bottom)]


def _ring(cx: float, cy: float, rx: float, ry: float) -> Stroke:
    return _arc(cx, cy, rx, ry, 90, 450)


_STEM = [(0.0, 0.0), (0.0, 7.0)]
_O = _ring(2.1, 3.5, 2.1, 3.5)
_SMALL_O = _ring(1.8, 2.5, 1.8, 2.5)
_SMALL_STEM = [(3.6, 0.0), (3.6, 5.0)]
_C = _arc(2.1, 3.5, 2.1, 3.5, 50, 310)
_SMALL_C = _arc(1.8, 2.5, 1.8, 2.5, 50, 310)
_ARCH = [(0.0, 0.0), (0.0, 5.0)], [*_arc(1.6, 3.4, 1.6, 1.6, 180, 0), (3.2, 0.0)]
_CUP = [(0.0, 5.0), *_arc(1.6, 1.6, 1.6, 1.6, 180, 360), (3.2, 5.0)]
_S = [*_arc(1.9, 5.2, 1.8, 1.8, 35, 270), *_arc(1.9, 1.7, 1.9, 1.7, 90, -145)]
_SMALL_S = [*_arc(1.5, 3.75, 1.4, 1.25, 35, 270), *_arc(1.5, 1.25, 1.5, 1.25, 90, -145)]


def _drawn() -> dict[str, list[Stroke]]:
    """Every glyph that is drawn by itself."""
    small_a = [_SMALL_O, _SMALL_STEM]
    return {
        "A": _lines("00 2.1:7 4.2:0,0.9:2.2 3.3:2.2"),
        "B": [_STEM, _bowl(0, 3.7, 7, 3.4), _bowl(0, 0, 3.7, 3.8)],
        "C": [_C],
        "D": [_STEM, [(0, 7), (0.9, 7), *_arc(0.9, 3.5, 3.1, 3.5, 90, -90), (0, 0)]],
        "E": _lines("3.4:7 07 00 3.4:0,0:3.6 2.9:3.6"),
        "F": _lines("3.4:7 07 00,0:3.5 2.8:3.5"),
        "G": [[*_C, (4.1, 3.2), (2.4, 3.2)]],
        "H": _lines("00 07,40 47,0:3.6 4:3.6"),
        "I": [_STEM],
        "J": [[(2.6, 7), (2.6, 1.5), *_arc(1.1, 1.5, 1.5, 1.5, 0, -150)]],
        "K": _lines("00 07,3.7:7 0:2.7,1.3:3.9 40"),
        "L": _lines("07 00 3.3:0"),
        "M": _lines("00 07 2.5:2.4 57 50"),
        "N": _lines("00 07 40 47"),
        "O": [_O],
        "P": [_STEM, _bowl(0, 3.1, 7, 3.8)],
        "Q": [_O, [(2.6, 1.6), (4.2, -0.4)]],
        "R": [_STEM, _bowl(0, 3.3, 7, 3.7), [(1.9, 3.3), (3.9, 0)]],
        "S": [_S],
        "T": _lines("07 47,27 20"),
        "U": [[(0, 7), *_arc(2, 2, 2, 2, 180, 360), (4, 7)]],
        "V": _lines("07 2:0 47"),
        "W": _lines("07 1.3:0 2.7:5 4.1:0 5.4:7"),
        "X": _lines("00 47,07 40"),
        "Y": _lines("07 2:3.2 47,2:3.2 20"),
        "Z": _lines("07 47 00 40"),
        "a": small_a,
        "b": [[(0, 0), (0, 7)], _SMALL_O],
        "c": [_SMALL_C],
        "d": [_SMALL_O, [(3.6, 0), (3.6, 7)]],
        "e": [[(0, 2.6), (3.6, 2.6), *_arc(1.8, 2.5, 1.8, 2.5, 3, 310)]],
        "f": [[(1, 0), (1, 5.6), *_arc(2.4, 5.6, 1.4, 1.4, 180, 80)], [(0, 4.6), (2.4, 4.6)]],
        "g": [_SMALL_O, [(3.6, 5), (3.6, -0.5), *_arc(2, -0.5, 1.6, 1.5, 0, -150)]],
        "h": [[(0, 0), (0, 7)], [*_arc(1.6, 3.4, 1.6, 1.6, 180, 0), (3.2, 0)]],
        "ı": _lines("00 05"),
        "j": [[(1.2, 5), (1.2, -0.8), *_arc(0.2, -0.8, 1, 1.1, 0, -120)], *_lines("1.2:6.6 1.2:6.7")],
        "i": _lines("00 05,0:6.6 0:6.7"),
        "k": _lines("00 07,2.9:5 0:1.9,1.1:3 3.1:0"),
        "l": _lines("00 07"),
        "m": [
            [(0, 0), (0, 5)],
            [*_arc(1.25, 3.75, 1.25, 1.25, 180, 0), (2.5, 0)],
            [*_arc(3.75, 3.75, 1.25, 1.25, 180, 0), (5, 0)],
        ],
        "n": [*_ARCH],
        "o": [_SMALL_O],
        "p": [[(0, 5), (0, -2)], _SMALL_O],
        "q": [_SMALL_O, [(3.6, 5), (3.6, -2)]],
        "r": [[(0, 0), (0, 5)], _arc(1.6, 3.4, 1.6, 1.6, 180, 60)],
        "s": [_SMALL_S],
        "t": [[(1, 6.6), (1, 1.3), *_arc(2.3, 1.3, 1.3, 1.3, 180, 280)], [(0, 5), (2.4, 5)]],
        "u": [_CUP, [(3.2, 5), (3.2, 0)]],
        "v": _lines("05 1.6:0 3.2:5"),
        "w": _lines("05 1.1:0 2.3:4 3.5:0 4.6:5"),
        "x": _lines("00 3.2:5,05 3.2:0"),
        "y": [_CUP, [(3.2, 5), (3.2, -0.5), *_arc(1.7, -0.5, 1.5, 1.5, 0, -150)]],
        "z": _lines("05 3.2:5 00 3.2:0"),
        "0": [_ring(1.9, 3.5, 1.9, 3.5)],
        "1": _lines("0:5.6 1.6:7 1.6:0"),
        "2": [[*_arc(1.8, 5.2, 1.8, 1.8, 160, -35), (0, 0), (3.7, 0)]],
        "3": [[*_arc(1.8, 5.3, 1.7, 1.7, 150, -90), *_arc(1.8, 1.8, 1.9, 1.8, 90, -150)]],
        "4": _lines("3:0 37 0:2 4:2"),
        "5": [[(3.4, 7), (0.4, 7), (0.2, 4), *_arc(1.7, 2.2, 2, 2.2, 110, -145)]],
        "6": [_ring(1.9, 2.1, 1.9, 2.1), [(3.1, 7), *_arc(2.6, 2.4, 2.6, 3.8, 120, 180)]],
        "7": _lines("07 3.7:7 1.2:0"),
        "8": [_ring(1.9, 5.3, 1.6, 1.7), _ring(1.9, 1.8, 1.9, 1.8)],
        "9": [_ring(1.9, 4.9, 1.9, 2.1), [(0.7, 0), *_arc(1.2, 4.6, 2.6, 3.8, -60, 0)]],
        ".": _lines("00 0:0.1"),
        ",": _lines("0.4:0.1 0:-1.2"),
        ":": _lines("00 0:0.1,0:3.8 0:3.9"),
        "-": _lines("03 1.9:3"),
        ";": _lines("0.4:0.1 0:-1.2,0.4:3.8 0.4:3.9"),
        "–": _lines("03 33"),
        "—": _lines("03 53"),
        "!": _lines("07 0:2.2,00 0:0.1"),
        "?": [[*_arc(1.6, 5.3, 1.6, 1.7, 160, -70), (1.6, 2.2)], *_lines("1.6:0 1.6:0.1")],
        "%": [_ring(1, 5.8, 1, 1.2), _ring(4, 1.2, 1, 1.2), *_lines("0.8:0 4.2:7")],
        "’": _lines("0.5:7 0:5.6"),
        "‘": _lines("0:7 0.5:5.6"),
        "“": _lines("0:7 0.5:5.6,1.5:7 2:5.6"),
        "”": _lines("0.5:7 0:5.6,2:7 1.5:5.6"),
        "'": _lines("07 0:5.6"),
        '"': _lines("07 0:5.6,1.5:7 1.5:5.6"),
        "(": [_arc(2, 3, 2, 4.4, 120, 240)],
        ")": [_arc(0, 3, 2, 4.4, 60, -60)],
        "/": _lines("0:-0.5 2.8:7.4"),
        "&": [[(4, 0), (0.8, 5), *_arc(1.8, 5.7, 1.1, 1.3, 200, -40), *_arc(1.7, 1.8, 1.7, 1.8, 120, 330), (3.9, 3.2)]],
        "«": _lines("1.2:4.4 0:2.8 1.2:1.2,2.8:4.4 1.6:2.8 2.8:1.2"),
        "»": _lines("0:4.4 1.2:2.8 0:1.2,1.6:4.4 2.8:2.8 1.6:1.2"),
        "…": _lines("00 0:0.1,20 2:0.1,40 4:0.1"),
        "Б": [[(3.5, 7), (0, 7), (0, 0)], _bowl(0, 0, 4, 3.8)],
        "Г": _lines("00 07 3.3:7"),
        "Д": _lines("0:-1.4 00 4.4:0 4.4:-1.4,0.6:0 1.4:7 3.7:7 3.7:0"),
        "Ж": _lines("00 2.6:3.6 0:7,5.2:0 2.6:3.6 5.2:7,2.6:0 2.6:7"),
        "З": [[*_arc(1.8, 5.3, 1.7, 1.7, 150, -90), *_arc(1.8, 1.8, 1.9, 1.8, 90, -150)]],
        "И": _lines("07 00 47 40"),
        "Л": _lines("00 1.4:7 4:7 40"),
        "П": _lines("00 07 47 40"),
        "У": _lines("07 2:2.6,47 1.2:0 0.2:0"),
        "Ф": [_ring(2.5, 3.6, 2.5, 2.2), *_lines("2.5:0 2.5:7")],
        "Ц": _lines("07 00 4.5:0 4.5:-1.4,3.8:7 3.8:0"),
        "Ч": [[(0, 7), (0, 4.6), *_arc(1.5, 4.6, 1.5, 1.5, 180, 270), (3.8, 3.1)], *_lines("3.8:0 3.8:7")],
        "Ш": _lines("07 00 5.2:0 5.2:7,2.6:0 2.6:7"),
        "Щ": _lines("07 00 5.8:0 5.8:-1.4,5.1:0 5.1:7,2.6:0 2.6:7"),
        "Ъ": [[(0, 7), (1.2, 7), (1.2, 0)], _bowl(1.2, 0, 4, 3.5)],
        "Ы": [_STEM, _bowl(0, 0, 4, 3.2), *_lines("4.6:0 4.6:7")],
        "Ь": [_STEM, _bowl(0, 0, 4, 3.6)],
        "Э": [_arc(2.1, 3.5, 2.1, 3.5, 130, -130), *_lines("1.6:3.6 4:3.6")],
        "Ю": [_STEM, _ring(3.9, 3.5, 1.9, 3.5), *_lines("0:3.6 2:3.6")],
        "Я": [[(3.8, 0), (3.8, 7)], [(3.8 - x, y) for x, y in _bowl(0, 3.3, 7, 3.7)], [(1.9, 3.3), (0, 0)]],
        "Ә": [[(4.1, 3.4), (0, 3.4), *_arc(2.1, 3.5, 2.1, 3.5, 180, 360), *_arc(2.1, 3.5, 2.1, 3.5, 0, 140)]],
        "Ғ": _lines("0.6:0 0.6:7 3.9:7,0:3.6 2.8:3.6"),
        "Қ": _lines("00 07,3.7:7 0:2.7,1.3:3.9 4:0 4:-1.4"),
        "Ң": _lines("00 07,40 47,0:3.6 4:3.6,4:0 4.6:0 4.6:-1.4"),
        "Ө": [_O, *_lines("0:3.5 4.2:3.5")],
        "Ұ": _lines("07 2:3.2 47,2:3.2 20,0.7:2 3.3:2"),
        "Ү": _lines("07 2:3.2 47,2:3.2 20"),
        "Һ": [[(0, 0), (0, 7)], [*_arc(1.9, 3, 1.9, 1.7, 180, 0), (3.8, 0)]],
        "ә": [[(3.6, 2.4), (0, 2.4), *_arc(1.8, 2.5, 1.8, 2.5, 180, 500)]],
        "ө": [_SMALL_O, *_lines("0:2.5 3.6:2.5")],
        "ү": _lines("05 1.6:0 3.2:5,1.6:0 1.6:-2"),
        "ұ": _lines("05 1.6:0 3.2:5,1.6:0 1.6:-2,0.4:-0.9 2.8:-0.9"),
        "б": [_SMALL_O, [(3.3, 7), *_arc(2.6, 2.6, 2.6, 3.6, 110, 180)]],
        "ф": [_ring(2.5, 2.5, 2.5, 2.5), *_lines("2.5:-2 2.5:7")],
        "у": _lines("05 1.6:0,3.2:5 1.1:-1.6 0:-2"),
    }


# Letters that look the same; small Cyrillic letters that are small capitals; letters with a mark.
_SAME = dict(zip("АВЕКМНОРСТХІаеорсхі", "ABEKMHOPCTXIaeopcxi", strict=True)) | {"һ": "h"}
_SMALL_CAPITALS = "вгджзиклмнптцчшщъыьэюяғқң"
_MARKED = {"Ç": "C¸", "ç": "c¸", "Ş": "S¸", "ş": "s¸", "Ğ": "G˘", "ğ": "g˘", "İ": "I˙", "Ö": "O¨", "ö": "o¨", "Ü": "U¨",
           "ü": "u¨", "Â": "Aˆ", "â": "aˆ", "Î": "Iˆ", "î": "ıˆ", "Û": "Uˆ", "û": "uˆ", "Й": "И˘", "й": "и˘", "Ё": "Е¨",
           "ё": "е¨"}  # fmt: skip


def glyphs() -> dict[str, list[Stroke]]:
    """Character → its strokes, in grid steps."""
    drawn = _drawn()
    drawn |= {letter: drawn[twin] for letter, twin in _SAME.items()}
    for letter in _SMALL_CAPITALS:
        drawn[letter] = [
            [(x * 0.82, y * (5 / 7 if y > 0 else 1)) for x, y in stroke] for stroke in drawn[letter.upper()]
        ]
    for letter, spelled in _MARKED.items():
        base = drawn[spelled[0]]
        drawn[letter] = base + _mark(spelled[1], base)
    return drawn


def _mark(mark: str, base: list[Stroke]) -> list[Stroke]:
    points = [point for stroke in base for point in stroke]
    middle = (min(x for x, _ in points) + max(x for x, _ in points)) / 2
    top = max(y for _, y in points) + 1.5
    shapes: dict[str, list[Stroke]] = {
        "¸": [[(middle, -0.3), (middle + 0.5, -1.1), (middle - 0.4, -1.8)]],
        "˘": [_arc(middle, top + 0.4, 1, 0.8, 190, 350)],
        "˙": [[(middle, top), (middle, top + 0.1)]],
        "¨": [[(middle - 0.9, top), (middle - 0.9, top + 0.1)], [(middle + 0.9, top), (middle + 0.9, top + 0.1)]],
        "ˆ": [[(middle - 1, top - 0.2), (middle, top + 0.7), (middle + 1, top - 0.2)]],
    }
    return shapes[mark]


def _outlines(stroke: Stroke) -> list[list[tuple[int, int]]]:
    """One capsule for each straight piece; they overlap, all in one direction, so that they fill as one shape."""
    points = [(x * _UNIT + _SIDE + _PEN, y * _UNIT) for x, y in stroke]
    return [_capsule(a, b) for a, b in pairwise(points) if a != b]


def _capsule(a: Point, b: Point) -> list[tuple[int, int]]:
    turn = math.atan2(b[1] - a[1], b[0] - a[0])
    around = [(b, -math.pi / 2 + math.pi * n / 4) for n in range(5)] + [
        (a, math.pi / 2 + math.pi * n / 4) for n in range(5)
    ]
    # Clockwise, as TrueType fills it.
    return [(round(p[0] + _PEN * math.cos(turn + t)), round(p[1] + _PEN * math.sin(turn + t))) for p, t in around][::-1]


def write_font(target: Path = TARGET) -> None:
    """Write the font as WOFF; the same bytes every time."""
    from fontTools.fontBuilder import FontBuilder  # type: ignore[import-not-found, unused-ignore]
    from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-not-found, unused-ignore]

    drawn = glyphs()
    names = {letter: f"uni{ord(letter):04X}" for letter in drawn}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "space", *names.values()])
    builder.setupCharacterMap({32: "space", 0xA0: "space"} | {ord(letter): name for letter, name in names.items()})
    outlines, metrics = {".notdef": TTGlyphPen(None).glyph(), "space": TTGlyphPen(None).glyph()}, {}
    metrics[".notdef"] = metrics["space"] = (300, 0)
    for letter, strokes in drawn.items():
        pen, width = TTGlyphPen(None), 0.0
        for stroke in strokes:
            width = max(width, *(x for x, _ in stroke))
            for outline in _outlines(stroke):
                pen.moveTo(outline[0])
                for point in outline[1:]:
                    pen.lineTo(point)
                pen.closePath()
        outlines[names[letter]] = pen.glyph()
        metrics[names[letter]] = (round(width * _UNIT) + 2 * (_SIDE + _PEN), 0)
    builder.setupGlyf(outlines)
    glyf = builder.font["glyf"]
    builder.setupHorizontalMetrics(
        {name: (wide, getattr(glyf[name], "xMin", 0)) for name, (wide, _) in metrics.items()}
    )
    builder.setupHorizontalHeader(ascent=950, descent=-260)
    builder.setupNameTable({"familyName": "Bozkir Display", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=950, sTypoDescender=-260, usWinAscent=1000, usWinDescent=300)
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 3_600_000_000
    builder.font.recalcTimestamp = False
    builder.font.flavor = "woff"
    target.parent.mkdir(parents=True, exist_ok=True)
    builder.save(target)


if __name__ == "__main__":
    write_font()
