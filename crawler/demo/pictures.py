"""Pictures for the demo site, drawn by column with the standard library only.  No I/O.

A picture is a palette PNG (no photograph, a few kilobytes). Its shapes follow from its name, so every picture's bytes
differ and the same name always gives the same bytes.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

# WordPress's sizes: full, large, medium_large, medium.
SIZES = ((1200, 675), (1024, 576), (768, 432), (300, 169))
MOTIFS = ("steppe", "mountain", "city", "rocket", "field", "flag", "lake", "oil", "yurt", "book")
_SKY, _GROUND = 0, 64  # where in the palette the gradients start; 64 shades each
_FAR, _NEAR, _LIGHT, _DARK, _SUN, _ACCENT = 128, 129, 130, 131, 132, 133
_SCHEMES = (  # sky top, sky bottom, ground top, ground bottom, far, near, light, dark, sun, accent
    (
        (46, 134, 193),
        (214, 234, 248),
        (196, 178, 92),
        (128, 108, 46),
        0x7F96A8,
        0x4E6478,
        0xF7F9F9,
        0x2C3440,
        0xFFD23F,
        0x00AFCA,
    ),
    (
        (240, 120, 74),
        (253, 227, 176),
        (120, 96, 60),
        (70, 52, 34),
        0x9C6A6A,
        0x6A4650,
        0xFFF3E0,
        0x35252A,
        0xFFE08A,
        0xC0392B,
    ),
    (
        (26, 54, 93),
        (150, 180, 210),
        (86, 120, 84),
        (40, 66, 48),
        0x55708C,
        0x34495E,
        0xECF0F1,
        0x1B2631,
        0xFDF2C0,
        0xE67E22,
    ),
    (
        (110, 170, 170),
        (235, 240, 220),
        (150, 190, 96),
        (84, 130, 60),
        0x8FB0A0,
        0x5C8070,
        0xFFFFFF,
        0x2E4038,
        0xFFC93C,
        0x8E44AD,
    ),
)
Paint = Callable[[float, float, int], None]  # from, to (shares of the height, 0 at the top), color


@dataclass(frozen=True, slots=True)
class _Draw:
    """One drawing: numbers between 0 and 1 that follow from its name, and the shape of its picture."""

    name: str
    aspect: float  # height / width

    def number(self, key: str) -> float:
        """A fixed number in [0, 1) for this name and key."""
        return _number(self.name, key)

    def ridge(self, x: float, key: str, *, waves: int = 4) -> float:
        """A smooth skyline in [0, 1] over x in [0, 1]."""
        total = sum(math.sin(x * speed + shift) / n for n, speed, shift in _waves(self.name, key, waves))
        return min(1.0, max(0.0, 0.5 + total / 4))


@lru_cache(maxsize=4_096)
def _number(name: str, key: str) -> float:
    return int.from_bytes(sha256(f"{name} {key}".encode()).digest()[:4], "big") / 2**32


@lru_cache(maxsize=256)
def _waves(name: str, key: str, count: int) -> list[tuple[int, float, float]]:
    return [
        (n, (2.3 * n + 3 * _number(name, f"{key}f{n}")) * math.pi, 6.3 * _number(name, f"{key}p{n}"))
        for n in range(1, count + 1)
    ]


@lru_cache(maxsize=2_048)
def _ground(start: int, height: int) -> bytes:
    """The ground's gradient from row `start` to the lower edge."""
    return bytes(_GROUND + (y - start) * 63 // max(1, height - start) for y in range(start, height))


def picture_path(slug: str, published: datetime, part: int, width: int = 0, height: int = 0) -> str:
    """Where a picture of an article is served; full size without a width."""
    name = slug if part == 1 else f"{slug}-{part}"
    size = "" if width in (0, SIZES[0][0]) else f"-{width}x{height}"
    return f"/wp-content/uploads/{published:%Y/%m}/{name}{size}.png"


@lru_cache(maxsize=512)
def draw(motif: str, name: str, width: int, height: int) -> bytes:
    """The PNG of that motif; `name` decides everything that may vary."""
    drawing = _Draw(name, height / width)
    pixels = bytearray(width * height)
    sky = bytes(_SKY + min(63, y * 100 // height) for y in range(height))
    # Large pictures are drawn two columns at a time: the crawls of the tests ask for all of them.
    step = 2 if width > 400 else 1
    for column in range(0, width, step):
        strip = bytearray(sky)
        _paint_column(motif, drawing, column / width, _painter(strip))
        for same in range(column, min(column + step, width)):
            pixels[same::width] = strip
    return _png(width, height, bytes(pixels), _palette(drawing))


def _painter(strip: bytearray) -> Paint:
    height = len(strip)

    def paint(top: float, bottom: float, color: int) -> None:
        start, stop = max(0, round(top * height)), min(height, round(bottom * height))
        if stop <= start:
            return
        if color == _GROUND:  # a gradient from where the ground starts to the lower edge
            strip[start:stop] = _ground(start, height)[: stop - start]
        else:
            strip[start:stop] = bytes([color]) * (stop - start)

    return paint


def _paint_column(motif: str, d: _Draw, x: float, paint: Paint) -> None:
    if motif == "flag":
        _flag(d, x, paint)
        return
    _disc(d, x, paint, 0.15 + 0.7 * d.number("sun"), 0.2 + 0.15 * d.number("sunh"), 0.055, _SUN)
    horizon = 0.66 + 0.08 * d.number("horizon")
    far = horizon - 0.05 - 0.16 * d.ridge(x, "far")
    paint(far, 1, _FAR)
    paint(horizon - 0.1 * d.ridge(x, "near"), 1, _NEAR)
    paint(horizon, 1, _GROUND)
    shapes = {
        "mountain": _mountain, "city": _city, "rocket": _rocket, "field": _field,
        "lake": _lake, "oil": _oil, "yurt": _yurt, "book": _book,
    }  # fmt: skip
    if motif in shapes:
        shapes[motif](d, x, horizon, paint)


def _disc(d: _Draw, x: float, paint: Paint, cx: float, cy: float, radius: float, color: int) -> None:
    if abs(x - cx) < radius:
        half = math.sqrt(radius**2 - (x - cx) ** 2) / d.aspect
        paint(cy - half, cy + half, color)


def _mountain(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    for n in range(3):
        peak, width = 0.1 + 0.8 * d.number(f"peak{n}"), 0.2 + 0.2 * d.number(f"width{n}")
        height = 0.25 + 0.22 * d.number(f"height{n}")
        top = horizon - height * (1 - abs(x - peak) / width)
        if top < horizon:
            paint(top, horizon, _NEAR if n % 2 else _FAR)
            snow = horizon - height * 0.68 + 0.03 * math.sin(x * 90 + n)
            paint(top, min(snow, horizon), _LIGHT)


def _city(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    lots = 18
    lot, inside = int(x * lots), x * lots % 1
    height = 0.12 + 0.42 * d.number(f"house{lot}") ** 2
    if 0.06 < inside < 0.94 and d.number(f"built{lot}") > 0.12:
        paint(horizon - height, horizon, _DARK if lot % 2 else _NEAR)
        if inside * 5 % 1 > 0.45:
            for row in range(int(height / 0.04)):
                if d.number(f"lit{lot} {row} {int(inside * 5)}") > 0.4:
                    top = horizon - height + 0.014 + row * 0.04
                    paint(top, top + 0.018, _SUN)


def _rocket(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    center, top = 0.3 + 0.4 * d.number("pad"), 0.18 + 0.2 * d.number("rise")
    away = abs(x - center)
    if away < 0.022:
        paint(top + 8 * away**1.3, top + 0.34, _LIGHT)
        paint(top + 0.12, top + 0.16, _ACCENT)
    if away < 0.045:
        paint(max(top + 0.24, top + 0.2 + away * 3), top + 0.36, _ACCENT if away > 0.022 else _LIGHT)
    if away < 0.03:
        paint(top + 0.36, top + 0.56 - away * 5, _SUN)
    if 0.07 < away < 0.085:
        paint(horizon - 0.4, horizon + 0.02, _DARK)


def _field(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    for n in range(14):
        top = horizon + 0.015 + (n / 14) ** 1.5 * (1 - horizon)
        wave = 0.012 * math.sin(x * (9 + n) + 6.3 * d.number(f"row{n}"))
        paint(top + wave, top + wave + 0.006 + n * 0.0012, _SUN)
    if abs(x - 0.2 - 0.6 * d.number("silo")) < 0.025:
        paint(horizon - 0.2, horizon + 0.01, _LIGHT)


def _lake(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    shore = horizon + 0.03 * d.ridge(x, "shore")
    paint(shore, 0.93 + 0.05 * d.ridge(x, "bank"), _ACCENT)
    for n in range(7):
        top = horizon + 0.06 + n * 0.03
        if math.sin(x * 40 + 6.3 * d.number(f"wave{n}")) > 0.72:
            paint(top, top + 0.006, _LIGHT)


def _oil(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    for n in range(3):
        foot = 0.12 + 0.3 * n + 0.1 * d.number(f"rig{n}")
        away = x - foot
        if abs(away) < 0.05:
            paint(horizon - 0.2 + abs(away) * 4, horizon - 0.18 + abs(away) * 4, _DARK)
        if -0.09 < away < 0.09:
            beam = horizon - 0.2 - away * (0.5 + d.number(f"tilt{n}"))
            paint(beam, beam + 0.022, _DARK)
        if 0.08 < away < 0.095:
            paint(horizon - 0.3, horizon - 0.12, _ACCENT)


def _yurt(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    for n in range(2 + int(2 * d.number("count"))):
        center, radius = 0.12 + 0.24 * n + 0.08 * d.number(f"yurt{n}"), 0.07 + 0.03 * d.number(f"size{n}")
        away = abs(x - center)
        if away < radius:
            wall = horizon - 0.06
            dome = wall - math.sqrt(radius**2 - away**2) / d.aspect * 0.62
            paint(dome, horizon + 0.06, _LIGHT)
            paint(wall - 0.012, wall + 0.008, _ACCENT)
            if away < radius * 0.22:
                paint(wall + 0.01, horizon + 0.06, _DARK)


def _book(d: _Draw, x: float, horizon: float, paint: Paint) -> None:
    shelves = 34
    at, inside = int(x * shelves), x * shelves % 1
    if 0.07 < inside < 0.93:
        top = 0.22 + 0.14 * d.number(f"book{at}")
        paint(top, 0.86, (_ACCENT, _DARK, _LIGHT, _NEAR, _FAR)[int(5 * d.number(f"cover{at}"))])
        paint(top + 0.08, top + 0.1, _SUN)
    paint(0.86, 0.9, _DARK)


def _flag(d: _Draw, x: float, paint: Paint) -> None:
    wave = 0.05 * math.sin(x * 7 + 6.3 * d.number("wind"))
    paint(0.08 + wave, 0.92 + wave, _ACCENT)
    for n in range(3):
        if x < 0.08 + 0.05 * d.number(f"band{n}"):
            paint(0.2 + 0.2 * n + wave, 0.23 + 0.2 * n + wave, _LIGHT)
    _disc(d, x, paint, 0.5, 0.46 + wave, 0.1, _SUN)
    if abs(x - 0.5) < 0.2:
        arc = 0.66 + wave + 0.1 * math.cos((x - 0.5) * 12) * 0.6
        paint(arc, arc + 0.03, _SUN)


def _palette(d: _Draw) -> bytes:
    scheme = _SCHEMES[int(len(_SCHEMES) * d.number("scheme"))]
    sky_top, sky_end, ground_top, ground_end, *flat = scheme
    gradients = _gradient(sky_top, sky_end) + _gradient(ground_top, ground_end)
    return gradients + b"".join(color.to_bytes(3, "big") for color in flat)


def _gradient(top: tuple[int, int, int], end: tuple[int, int, int]) -> bytes:
    return bytes(round(a + (b - a) * step / 63) for step in range(64) for a, b in zip(top, end, strict=True))


def _png(width: int, height: int, pixels: bytes, palette: bytes) -> bytes:
    """A palette PNG (PNG specification §11.2): every row starts with filter type 0."""
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
