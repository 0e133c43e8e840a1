"""Dates as news sites print them, in Turkish, Kazakh, Russian and English.  No I/O, no clock.

A line is cut into tokens, each token gets a letter for what it is (N a number, M a month, C a clock …), and the word
that the letters spell decides: `NMYC` is "6 Ekim 2017 17:45". Labels, weekdays and punctuation need no pattern of their
own. A line with words unknown here goes to dateparser. Refusing a date after the capture is left to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from archive.language import fold
from archive.model import Precision, PrintedDate

# Two labelled dates with a byline stay under 100 characters; what is longer is prose.
MAX_LINE_CHARS = 120
# A year outside these is a typing error, a price or a house number.
OLDEST_YEAR, NEWEST_YEAR = 1900, 2199


def parse_date(text: str, *, captured_at: datetime, zone: ZoneInfo, language: str | None = None) -> PrintedDate | None:
    """The date that `text` prints, in `zone`; of "published … updated …" the publication.

    Counted forms ("3 gün önce") go back from `captured_at` and keep its hour and minute; "6 Ekim" without a year is the
    last one before the capture. None where there is no whole date: a bare year, month, clock or weekday, 31 February,
    prose. `language` is a hint: only dateparser needs it, and "en" reads 10/25/2017 as October.
    """
    if len(text) > MAX_LINE_CHARS:
        return None
    line, now = fold(text), captured_at.astimezone(zone)
    segments = _segments(line) or _segments(_without_foreign_parts(line))
    if segments is None:
        return _ask_dateparser(" ".join(text.split()), now, zone, language)
    # "06.10.2017 Güncelleme: 07.10.2017" was published on the sixth, and so was the same line in the other order.
    told = sorted((segment for segment in segments if segment.tokens), key=lambda segment: "P U-".index(segment.label))
    if not told:
        return None
    tokens, month_first = told[0].tokens, language == "en"
    if told[0].label == "-" and tokens[0].kind == "N":  # "Просмотров: 123 06.10.2017"
        return _read(tokens, now, month_first=month_first) or _read(tokens[1:], now, month_first=month_first)
    return _read(tokens, now, month_first=month_first)


def may_be_date(text: str) -> bool:
    """Whether a text has a digit or a word such as "ago": few lines of a page do, and only they are worth reading."""
    return bool(_DIGIT_OR_AGO.search(fold(text)))


_DIGIT_OR_AGO = re.compile(r"\d|\b(?:once|dun|bugun|ago|yesterday|today|назад|вчера|сегодня|бұрын|кеше|бүгін)\b")


def month_of(word: str) -> int | None:
    """The month that a word names in full, with or without a Kazakh ending; 1..12."""
    token = _WORDS.get(fold(word))
    return token.value if token and token.kind == "M" and (len(word) >= 4 or fold(word) in _SHORT_MONTHS) else None


def weekday_of(word: str) -> int | None:
    """The weekday that a word names in full; 0 is Monday."""
    token = _WORDS.get(fold(word))
    return token.value if token and token.kind == "W" and len(word) >= 4 else None


_SHORT_MONTHS = ("may", "май", "мая")


class _Token(NamedTuple):
    """A piece of a date line."""

    kind: str  # a letter of _WORDS or _cut
    value: int = 0
    zone: tzinfo | None = None  # of a Z


@dataclass(slots=True)
class _Segment:
    """What stands under one label."""

    label: str  # "P" published, "U" updated, "-" about something else, " " none
    tokens: list[_Token] = field(default_factory=list)


_TOKEN = re.compile(
    r"""
      (?P<half>yarim\ saat|жарты\ сағат|полчаса|half\ an\ hour)
    | (?P<now>\b(?:(?:biraz|az)\ (?:once|evvel)|su\ an(?:da)?|simdi|demin|только\ что|сейчас
        |жаңа\ [ғг]ана|қазір|jana\ gana|just\ now|now)\b)
    | (?P<zone>turkiye\ saati(?:yle|\ ile)?\b|(?:по\ )?московск\w{1,4}\ врем\w{1,4}|время\ московское)
    | (?P<iso>(\d{4})-(\d\d)-(\d\d)[t ](\d\d):(\d\d)(?::\d\d(?:[.,]\d{1,9})?)?\ ?(z|[+-]\d\d(?::?\d\d)?)(?!\d))
    | (?P<ymd>(\d{4})\s?[-./]\s?(\d{1,2})\s?[-./]\s?(\d{1,2})(?!\d))
    | (?P<dotted>(?<=\d{4}\ )(\d{1,2})\.(\d\d)\.\d\d(?!\d))
    | (?P<dmy>(\d{1,2})\s?(?P<mark>[-./])\s?(\d{1,2})\s?(?P=mark)\s?'?(\d{4}|\d\d)(?!\d|:\d))
    | (?P<clock>(\d{1,2})(?:\s?:\s?|\.|h)(\d\d)(?!\d)(?:[:.]\d\d(?!\d)(?:[.,]\d{1,9})?)?
        (?:\ ?(am|pm|a\.m\.|p\.m\.|oo|os)(?![^\W\d_]))?
        (?:\ ?\(?(?:(?:gmt|utc)\ ?([+-]\d\d?(?::?\d\d)?)|([+-]\d{4}|\+\d\d:\d\d|\+0\d)|(gmt|utc|z)(?![^\W\d_]))
            (?![\d./:]))?)
    | (?P<count>(?!(?:19|20)\d\d\b)\d[\d.,]{0,9}\ (?:kez\ |kere\ |defa\ |kisi\ |рет\ |раза?\ )?
        (?:okun|goruntu|izlen|yorum|просм|прочит|комментар|қарал|оқыл|көрі|пікір|views?\b|reads?\b|comments?\b)[^\W\d_]*)
    | (?P<number>\d+)
    | (?P<bar>[|•·])
    | (?P<ignored>'[^\W\d_]+|[^\W\d_]+\ tarafindan|yorum(?:lar)?\ (?:yok|yap|kapali)[^\W\d_]*|нет\ комментари\w+
        |no\ comments)
    | (?P<word>[^\W\d_]+)
    """,
    re.VERBOSE,
)


_DIGITS = {1: "N", 2: "N", 3: "N", 4: "Y"}  # three: "120 dakika önce"


def _segments(line: str | None) -> list[_Segment] | None:
    """The line by its labels; None where it holds a word that has no place in a date line."""
    if line is None:
        return None
    segments = [_Segment(" ")]
    for match in _TOKEN.finditer(line):
        kind, word = match.lastgroup, match["word"]
        if kind == "number":
            segments[-1].tokens.append(_Token(_DIGITS.get(len(match[0]), "?"), int(match[0][:4])))
        elif kind == "bar":
            if (
                segments[-1].label == "-"
            ):  # "By Name | 12 March | Updated 13 March": a name ends here, the date is another
                segments.append(_Segment(" "))
        elif word is None:
            segments[-1].tokens.extend(_cut(match))
        elif word == "haber" and line.startswith(":", match.end()):  # "Haber: Aylin Kaya", but "Haber Tarihi:"
            segments.append(_Segment("-"))
        elif token := _WORDS.get(word) or _WORDS.get(word.translate(_IN_RUSSIAN_LETTERS)):
            if token.kind:
                segments[-1].tokens.append(token)
        elif zone := _zone(word):
            segments[-1].tokens.append(_Token("Z", zone=zone))
        elif label := _label(word, before_colon=(before_colon := _COLON.match(line, match.end()) is not None)):
            _open_segment(segments, label, word, before_colon=before_colon)
        elif segments[-1].label != "-":
            return None
    return segments


def _cut(match: re.Match[str]) -> Iterator[_Token]:
    """The tokens of a match that is neither a word nor a number."""
    kind = match.lastgroup
    parts = [part for part in match.groups()[match.re.groupindex[kind] :] if part is not None] if kind else []
    if kind == "dmy":
        day, mark, month, year = parts
        if mark == "." and len(year) == 2 and int(month) > 12:  # 17.45.33
            yield _Token("C", _minutes(int(day), int(month), ""))
            return
        full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)
        yield _Token("D", full * 10_000 + int(month) * 100 + int(day))
    elif kind == "dotted":  # 06.10.2017 17.45.33
        yield _Token("C", _minutes(int(parts[0]), int(parts[1]), ""))
    elif kind == "clock":
        yield _Token("C", _minutes(int(parts[0]), int(parts[1]), parts[2] if len(parts) > 2 else ""))
        if parts[-1][:1] in "+-gu z" and len(parts) > 2:
            yield _Token("Z", zone=_offset(parts[-1]))
    elif kind in ("ymd", "iso"):
        yield _Token("D", int(parts[0]) * 10_000 + int(parts[1]) * 100 + int(parts[2]))
        if kind == "iso":
            yield _Token("C", _minutes(int(parts[3]), int(parts[4]), ""))
            yield _Token("Z", zone=_offset(parts[5]))
    elif kind == "half":
        yield from (_Token("N", 30), _Token("U", 60))
    elif kind == "now":
        yield _Token("J")
    elif kind == "zone":
        yield _Token("Z", zone=ZoneInfo("Europe/Istanbul" if match[0].startswith("t") else "Europe/Moscow"))


def _minutes(hour: int, minute: int, half: str) -> int:
    """Minutes since midnight; 1440 for 24:00, -1 for a clock that does not exist."""
    if half.startswith(("p", "os")) and hour < 12:
        hour += 12
    elif half.startswith(("a", "oo")) and hour == 12:
        hour = 0
    return hour * 60 + minute if minute < 60 and hour * 60 + minute <= 24 * 60 else -1


def _zone(word: str) -> tzinfo | None:
    """The zone that letters behind a clock name."""
    if word in _HOURS_EAST:
        return timezone(timedelta(hours=_HOURS_EAST[word]))
    return ZoneInfo(_ZONES[word]) if word in _ZONES else None


def _offset(printed: str) -> tzinfo:
    """`+06:00`, `+0600`, `+6` or `z` as a time zone; one that does not exist is taken for UTC."""
    if printed[0] not in "+-":
        return UTC
    digits = printed[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if printed[0] == "-" else offset) if offset < timedelta(hours=15) else UTC


_LABELS = {
    "P": re.compile(
        "yayi[nm]|eklen|ekleme|yukle|giri[sl]|olustur|paylas|gonderi|kayit|kaydedil|yazil"
        "|жариял|жарық|көрген|қосыл|салынған|енгізіл|шыққан|jari?[iy]?alan"
        "|опубликован|публикац|размещ|добавл|создан|выложен|publi[sc]|posted|creat|added"
    ),
    "U": re.compile(
        "guncel|duzenle|degisti|revize|yenilen|жаңар|жаңғыр|өзгер|түзет|өңдел|janar|jangar"
        "|обновл|обн$|измен|отредакт|редактирован|правк|updat|modifi|edited|revis"
    ),
    "-": re.compile(
        "kaynak|yazar|yazan|editor|muhabir|by$|foto|okun|okuma|yorum|goruntu|автор|источник|фото|просмотр|комментар|дереккөз"
        "|қаралд|қаралым|көрілім|оқылды"
        "|source|author|views|comments"
    ),
}
_VERB_AT_END = re.compile("[dt][iu]r?$|[дт][ыі]$")  # yayınlandı, güncellenmiştir, жарияланды


_COLON = re.compile(r"\s?(?:\w{1,14}\s?)?:")  # "Okuma süresi:" too


def _label(word: str, *, before_colon: bool) -> str | None:
    found = next((label for label, stems in _LABELS.items() if stems.match(word)), None)
    return found if found != "-" or before_colon or word in ("by", "yazan", "автор") else None


def _open_segment(segments: list[_Segment], label: str, word: str, *, before_colon: bool) -> None:
    """Begin what `word` is the label of, which is the text before it where a sentence ends in it."""
    last = segments[-1]
    if last.label == " " and last.tokens and not before_colon and _VERB_AT_END.search(word):
        last.label = label
        segments.append(_Segment(" "))
    elif last.tokens or last.label == "-":
        segments.append(_Segment(label))
    elif last.label == " " or label == "U":
        last.label = label


# " - ", a bar or a dot between the date and the section, the byline or a counter of readers.
_BETWEEN_PARTS = re.compile(r"\s[-–—/]\s|[|•·●▪»\n\t]")
_FOREIGN_PART_CHARS = 40


def _without_foreign_parts(line: str) -> str | None:
    """The line without a section, byline or counter set off by a bar or a dash; None where that leaves no line."""
    kept = []
    for part in _BETWEEN_PARTS.split(line):
        if _segments(part) is not None:
            kept.append(part)
        elif len(part) > _FOREIGN_PART_CHARS or any(_dates_something(match) for match in _TOKEN.finditer(part)):
            return None  # "15 Temmuz şehitleri | Gündem" tells of a day, it is not of that day
    return " ".join(kept) or None


def _dates_something(match: re.Match[str]) -> bool:
    word = _WORDS.get(match["word"] or "")
    return match.lastgroup in ("iso", "ymd", "dotted", "dmy", "clock", "now") or (
        word is not None and word.kind in ("M", "R", "A")
    )


_DAY_SHAPES = ("D", "R", "NMY", "MNY", "YNM", "YMN", "NM", "MN")
_SHAPES = frozenset(shape for day in _DAY_SHAPES for shape in (day, day + "C", "C" + day))
_COUNTED = re.compile("(?:N?U)+AU*C?")


def _read(tokens: list[_Token], now: datetime, *, month_first: bool) -> PrintedDate | None:
    """The date that the tokens of one segment spell."""
    if any(token.kind == "A" for token in tokens):
        return _read_counted(tokens, now)
    # Without "ago", units are "saat 17:45" and "2017 жыл", and number words are "on" and "a".
    told = _with_short_year([token for token in tokens if token.kind not in "UBWZT"])
    shape = "".join(token.kind for token in told)
    if "C" not in shape and any(token.kind == "T" for token in tokens):
        return None  # "Сегодня вечером" is a programme
    if shape.startswith("R") and ("M" in shape or "D" in shape):  # "сегодня, 15 марта"
        return _read([token for token in tokens if token.kind != "R"], now, month_first=month_first)
    zone = next((token.zone for token in tokens if token.zone), now.tzinfo)
    if shape in _SHAPES:
        values = {token.kind: token.value for token in told}
        return _moment(_day(values, now, month_first=month_first), values.get("C"), zone, now)
    if shape == "J":
        return PrintedDate(now.replace(second=0, microsecond=0), Precision.MINUTE)
    if shape == "C" and (weekdays := [token.value for token in tokens if token.kind == "W"]):
        return _read_weekday(weekdays[0], told[0].value, now)
    first, second = told[: len(told) // 2], told[len(told) // 2 :]
    if "C" in shape and [token.kind for token in first] == [token.kind for token in second]:
        pair = [_read(half, now, month_first=month_first) for half in (first, second)]
        return min((one for one in pair if one), key=lambda one: one.at) if all(pair) else None
    return None


def _with_short_year(told: list[_Token]) -> list[_Token]:
    """The tokens with a number of two digits behind day and month as the year it is: "15 Ekim 23"."""
    kinds = "".join(token.kind for token in told)
    if (place := kinds.find("NMN")) < 0 or not 10 <= (short := told[place + 2].value) <= 99:
        return told
    year = _Token("Y", short + (2000 if short < 70 else 1900))
    return [*told[: place + 2], year, *told[place + 3 :]]


def _day(values: dict[str, int], now: datetime, *, month_first: bool) -> date | None:
    if "R" in values:
        return now.date() + timedelta(days=values["R"])
    if "D" in values:
        year, month, day = values["D"] // 10_000, values["D"] // 100 % 100, values["D"] % 100
        return _date(year, day, month) if month_first and day <= 12 < month else _date(year, month, day)
    if "Y" in values:
        return _date(values["Y"], values["M"], values["N"])
    # A day ahead: the site's clock and ours may differ. Eight years back: 29 February.
    candidates = (_date(year, values["M"], values["N"]) for year in range(now.year + 1, now.year - 9, -1))
    return next((day for day in candidates if day and day <= now.date() + timedelta(days=1)), None)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if OLDEST_YEAR <= year <= NEWEST_YEAR else None
    except ValueError:
        return None


def _moment(day: date | None, minutes: int | None, zone: tzinfo | None, now: datetime) -> PrintedDate | None:
    """`day` at `minutes` after midnight of `zone`, in the zone of `now`."""
    if day is None or minutes == -1:
        return None
    if minutes is None:
        return PrintedDate(datetime.combine(day, time(), now.tzinfo), Precision.DAY)
    at = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    return PrintedDate(at.astimezone(now.tzinfo), Precision.MINUTE)


def _read_weekday(weekday: int, minutes: int, now: datetime) -> PrintedDate | None:
    """The last such weekday whose clock is not after the capture: "Cuma 17:45"."""
    days = (now.date() - timedelta(days=back) for back in range(8))
    moments = (_moment(day, minutes, now.tzinfo, now) for day in days if day.weekday() == weekday)
    return next((moment for moment in moments if moment and moment.at <= now), None)


def _read_counted(tokens: list[_Token], now: datetime) -> PrintedDate | None:
    """So many units before the capture: "1 saat 5 dakika önce", "неделю назад", "2 gün önce 14:30"."""
    tokens = [token._replace(kind="N") if token.kind == "B" else token for token in tokens]
    if not _COUNTED.fullmatch("".join(token.kind for token in tokens)):
        return None
    seconds, months, count = 0, 0, 1
    for token in tokens:
        if token.kind == "A":
            break
        if token.kind == "N":
            count = token.value
        else:
            seconds, months = seconds + max(token.value, 0) * count, months + max(-token.value, 0) * count
            count = 1
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    days_of_month = (day for day in range(now.day, now.day - 4, -1) if _date(year, month + 1, day))
    if (day := next(days_of_month, None)) is None:
        return None
    # Through UTC: an hour is an hour across a change of the zone's offset.
    at = now.replace(year=year, month=month + 1, day=day).astimezone(UTC) - timedelta(seconds=seconds)
    at = at.astimezone(now.tzinfo).replace(second=0, microsecond=0)
    if tokens[-1].kind == "C":
        return _moment(at.date(), tokens[-1].value, now.tzinfo, now)
    return PrintedDate(at, Precision.MINUTE)


def _ask_dateparser(text: str, now: datetime, zone: ZoneInfo, language: str | None) -> PrintedDate | None:
    """What dateparser reads in a line with words unknown here; it must find a day, a month and a year."""
    if len(text) > 60 or not any(character.isdigit() for character in text):
        return None
    from dateparser.date import DateDataParser  # 0.3 s to import, and one line in thousands needs it

    try:
        parser = DateDataParser(
            # Never without a language: it then reads 06.10.2017 as 10 June.
            languages=[language.split("-")[0]] if language else ["tr", "kk", "ru", "en"],
            settings={
                "DATE_ORDER": "DMY",
                "PREFER_DATES_FROM": "past",
                "RELATIVE_BASE": now.replace(tzinfo=None),
                "TIMEZONE": zone.key,
                "TO_TIMEZONE": zone.key,
                "RETURN_AS_TIMEZONE_AWARE": True,
                "RETURN_TIME_AS_PERIOD": True,
                "REQUIRE_PARTS": ["day", "month", "year"],
            },
        )
        found = parser.get_date_data(text)
    except (ValueError, OverflowError, TypeError, RecursionError):
        return None  # a language it does not have, or a line that breaks it
    at = found.date_obj
    if at is None or not OLDEST_YEAR <= at.year <= NEWEST_YEAR:
        return None
    at = at.astimezone(zone)
    if found.period == "time":
        return PrintedDate(at.replace(second=0, microsecond=0), Precision.MINUTE)
    return PrintedDate(at.replace(hour=0, minute=0, second=0, microsecond=0), Precision.DAY)


# Everything below is folded: Turkish and Latin Kazakh without accents, Kazakh Cyrillic with its letters.
_MONTHS = """
ocak oca january jan январь января янв қаңтар қаңт қаң qantar kantar
subat sub february feb февраль февраля февр фев ақпан ақп aqpan akpan
mart mar march март марта наурыз нау nauryz nauriz nayryz
nisan nis april apr апрель апреля апр сәуір сәу sauir sayir
mayis may май мая мамыр мам mamyr mamir
haziran haz june jun июнь июня июн маусым мау mausym mausim maysym
temmuz tem july jul июль июля июл шілде шіл shilde silde
agustos agu agus agust august aug август августа авг тамыз там tamyz tamiz
eylul eyl september sept sep сентябрь сентября сент сен қыркүйек қырк қыр qyrkuiek qyrkuyek
ekim eki october oct октябрь октября окт қазан қаз qazan
kasim kas november nov ноябрь ноября нояб ноя қараша қар qarasha qarasa
aralik ara december dec декабрь декабря дек желтоқсан желт жел jeltoqsan zheltoksan
"""
_WEEKDAYS = """
pazartesi pzt pts pt monday mon понедельник понедельника пн дүйсенбі дс duisenbi
sali sal tuesday tue tues вторник вторника вт сейсенбі сс seisenbi
carsamba car crs ca wednesday wed среда среду среды ср сәрсенбі сәр sarsenbi
persembe per prs pe thursday thu thurs четверг четверга чт бейсенбі бс beisenbi
cuma cum cu friday fri пятница пятницу пятницы пт жұма жм juma
cumartesi cmt cts ct saturday sat суббота субботу субботы сб сенбі senbi
pazar paz pz sunday sun воскресенье воскресенья вс жексенбі жс jeksenbi
"""
_DAY_WORDS = {-2: "evvelki evvelsi onceki позавчера алдыңғы алдыңгүні", -1: "dun yesterday вчера кеше keshe kese",
              0: "bugun today сегодня бүгін bugin", 1: "yarin tomorrow завтра ертең erten"}  # fmt: skip
_UNITS = {  # in seconds; calendar units in months, below zero
    1: "saniye sn second seconds sec secs секунда секунду секунды секунд сек",
    60: "m dakika dk dak minute minutes min mins минута минуту минуты минут мин minut",
    3600: "h saat saati saatinde sa hour hours hr hrs час часа часов ч сағат сағатта сағ sagat sag",
    86_400: "d gun gunu day days день дня дней дн сутки суток күн күні күнгі kun kuni",
    604_800: "w hafta week weeks неделя неделю недели недель нед апта apta",
    -1: "ay month months месяц месяца месяцев мес ай айы айының",
    -12: "yil yili sene year years год года лет г гг жыл жылы жылғы жылдың ж jyl jyly jylgy jyldyn zhyl zhyly zhylgy",
}
_NUMBER_WORDS = """
bir a an one один одну бір bir
iki two два две екі eki
uc three три үш ush
dort four четыре төрт tort
bes five пять бес
alti six шесть алты
yedi seven семь жеті
sekiz eight восемь сегіз
dokuz nine девять тоғыз
on ten десять
"""
_AGO = "once evvel ago назад бұрын buryn burin"
# Words that say nothing on a date line: particles, endings set off by a hyphen, "date", "last", the site's own place.
_SILENT = """
t de da te ta den dan да де та те ve at the of в во от к числа го е ое st nd rd th inci nci uncu шы ші сы сі ы і
tarih tarihi tarihinde tarihli haber haberin son ilk zaman zamani gecen date time last first дата время времени по
местному последнее последняя последний последние уақыты мерзімі соңғы алғаш алғашқы astana almaty астана астаны алматы
астанинское астанинскому около примерно тому yaklasik about
"""
_PARTS_OF_DAY = "sabah aksam gece oglen утром днем вечером ночью таңертең кешке түнде"  # before a clock
_ZONES = {"tsi": "Europe/Istanbul", "мск": "Europe/Moscow", "msk": "Europe/Moscow"}
_HOURS_EAST = {"bst": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3, "trt": 3, "edt": -4, "est": -5, "cdt": -5, "cst": -6,
               "mdt": -6, "mst": -7, "pdt": -7, "pst": -8}  # fmt: skip
# A Russian keyboard has none of these, and one with a Latin i is at hand.
_IN_RUSSIAN_LETTERS = str.maketrans("әғқңөұүһіi", "агкноуухии")


def _words() -> dict[str, _Token]:
    """Every known word, and the Kazakh ones also as a Russian keyboard, or one with a Latin i, writes them."""
    words = dict.fromkeys(_SILENT.split(), _Token(""))
    tables = [
        *(("U", value, spellings) for value, spellings in _UNITS.items()),
        *(("B", number, spellings) for number, spellings in enumerate(_NUMBER_WORDS.strip().splitlines(), 1)),
        *(("R", days, spellings) for days, spellings in _DAY_WORDS.items()),
        *(("W", weekday, spellings) for weekday, spellings in enumerate(_WEEKDAYS.strip().splitlines())),
        *(("M", month, spellings) for month, spellings in enumerate(_MONTHS.strip().splitlines(), 1)),
        ("A", 0, _AGO),
        ("T", 0, _PARTS_OF_DAY),
    ]
    for kind, value, spellings in tables:
        for word in spellings.split():
            for spelling in (word, word.translate(_IN_RUSSIAN_LETTERS), word.replace("q", "k")):
                words[spelling] = _Token(kind, value)
    for month, spellings in enumerate(_MONTHS.strip().splitlines(), 1):
        for word in spellings.split():
            if any(letter in "әғқңөұүһі" for letter in word) or word in ("наурыз", "мамыр", "маусым", "тамыз"):
                endings = ("ның", "нің", "дың", "дің", "да", "де", "ы", "ында", "інде")
                words |= {word + ending: _Token("M", month) for ending in endings}
    return words


_WORDS = _words()
