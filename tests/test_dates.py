"""Dates as Turkish, Kazakh and Russian news sites print them, and lines that are no dates."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from archive.dates import MAX_LINE_CHARS, parse_date
from archive.model import Precision, PrintedDate

ALMATY = ZoneInfo("Asia/Almaty")
ISTANBUL = ZoneInfo("Europe/Istanbul")
FRIDAY_NOON = datetime(2024, 3, 15, 12, 0, 40, tzinfo=ALMATY)
SHARED_DATES = Path(__file__).parents[2] / "shared" / "data" / "dates" / "dates_dev.tsv"


def read(printed: str, *, captured_at: datetime = FRIDAY_NOON, language: str | None = None) -> str:
    """The date as `YYYY-MM-DD`, with `HH:MM` where the clock is known; "" for none."""
    return written(parse_date(printed, captured_at=captured_at, zone=ALMATY, language=language))


def written(found: PrintedDate | None) -> str:
    if found is None:
        return ""
    return found.at.strftime("%Y-%m-%d" if found.precision is Precision.DAY else "%Y-%m-%d %H:%M")


TURKISH = [
    ("15 Kasım 2023", "2023-11-15"),
    ("15 KASIM 2023 14:30", "2023-11-15 14:30"),  # capital dotless I
    ("15 KASİM 2023", "2023-11-15"),  # and the dotted one where it does not belong
    ("15 kasim 2023", "2023-11-15"),
    ("29 EKİM 2023 PAZAR", "2023-10-29"),
    ("29 eki̇m 2023", "2023-10-29"),  # what "EKİM".lower() leaves in other programs
    ("24 Aralık 2022 Cumartesi, 08:05", "2022-12-24 08:05"),
    ("24 ARALIK 2022 CUMARTESI", "2022-12-24"),
    ("Salı, 2 Ocak 2024 - 10:00", "2024-01-02 10:00"),
    ("Çarşamba | 3 Ocak 2024 | 10:00", "2024-01-03 10:00"),
    ("Çar, 3 Oca 2024 10:00", "2024-01-03 10:00"),
    ("3 Şubat 2024 Cumartesi Saat: 09.15", "2024-02-03 09:15"),
    ("3 Subat 2024", "2024-02-03"),
    ("12 Ağu 2021 / 07:30", "2021-08-12 07:30"),
    ("12-Ağustos-2021", "2021-08-12"),
    ("12.Ağustos.2021 07:30:59", "2021-08-12 07:30"),
    ("12/Ağustos/2021", "2021-08-12"),
    ("12Eylül2021", "2021-09-12"),
    ("Eylül 12, 2021 7:05 PM", "2021-09-12 19:05"),
    ("12 Eylül 2021 07:05 ÖS", "2021-09-12 19:05"),  # öğleden sonra
    ("12 Eylül 2021 12:05 ÖÖ", "2021-09-12 00:05"),
    ("Eylül 12, 2021 17:05 pm", "2021-09-12 17:05"),  # WordPress with `H:i a`
    ("19 Mayıs 2022'de", "2022-05-19"),
    ("19 Mayıs 2022 Perşembe günü saat 17:45'te", "2022-05-19 17:45"),
    ("19 Mayıs 2022 tarihinde yayınlandı", "2022-05-19"),
    ("1 Haziran 2023 24:00", "2023-06-02 00:00"),
    ("19 Nisan 2022 17:45 TSİ", "2022-04-19 20:45"),  # Turkish time; Almaty was three hours ahead
    ("19.04.2022 17:45 (GMT+3)", "2022-04-19 20:45"),
    ("08.03.2024", "2024-03-08"),  # the eighth of March, never the third of August
    ("8/3/2024 9:05", "2024-03-08 09:05"),
    ("08.03.24 09:05", "2024-03-08 09:05"),
    ("08.03.98", "1998-03-08"),
    ("08 / 03 / 2024", "2024-03-08"),
    ("08.03.2024-09:05", "2024-03-08 09:05"),
    ("08.03.2024 09.05.33", "2024-03-08 09:05"),
    ("09:05 08.03.2024", "2024-03-08 09:05"),
    ("09:05 | 8 Mart 2024 Cuma", "2024-03-08 09:05"),
    ("  8\u00a0Mart\u20092024\n\t09:05 ", "2024-03-08 09:05"),
    ("8 Mart\u200b 2024", "2024-03-08"),
    ("15 Ekim 23", "2023-10-15"),
    ("15 Ekim '98 14:30", "1998-10-15 14:30"),
    ("15.10.'23", "2023-10-15"),
    ("15 Ağust. 2023", "2023-08-15"),
    ("Pt, 15 Oca 2024", "2024-01-15"),
    ("15.10.2023 14h30", "2023-10-15 14:30"),
    ("19 Nisan 2022 17:45 +03", "2022-04-19 20:45"),
    ("19 Nisan 2022 17:45 Türkiye saatiyle", "2022-04-19 20:45"),
]
LABELLED = [
    ("Tarih: 8 Mart 2024", "2024-03-08"),
    ("Yayın Tarihi : 08.03.2024 09:05", "2024-03-08 09:05"),
    ("YAYINLANMA: 08.03.2024 09:05", "2024-03-08 09:05"),
    ("Haber Giriş: 8 Mart 2024 Cuma 09:05", "2024-03-08 09:05"),
    ("Oluşturulma 8 Mart 2024", "2024-03-08"),
    ("Ekleme: 08.03.2024 09:05:12 - Güncelleme: 09.03.2024 10:00:01 - Okuma: 2431", "2024-03-08 09:05"),
    ("Güncelleme: 09.03.2024 10:00 Yayın: 08.03.2024 09:05", "2024-03-08 09:05"),
    ("Yazan: Ayşe Demir | 08.03.2024 09:05 | Güncelleme: 09.03.2024 10:00", "2024-03-08 09:05"),  # a bar ends names
    ("By John Smith | March 8, 2024 9:05 am | Updated March 9, 2024 10:00 am", "2024-03-08 09:05"),
    ("8 Mart 2024 09:05 (Son güncelleme: 9 Mart 2024 10:00)", "2024-03-08 09:05"),
    ("8 Mart 2024 yayınlandı, 9 Mart 2024 güncellendi", "2024-03-08"),
    ("08.03.2024 09:05 / 09.03.2024 10:00", "2024-03-08 09:05"),
    ("GÜNCELLENME TARİHİ: 9 MART 2024", "2024-03-09"),
    ("Son güncelleme 2 saat önce", "2024-03-15 10:00"),
    ("Gündem | 08.03.2024 09:05 | 12 yorum", "2024-03-08 09:05"),
    ("08.03.2024 09:05 - 1.204 okunma", "2024-03-08 09:05"),
    ("8 Mart 2024 Cuma 09:05 Kaynak: AA", "2024-03-08 09:05"),
    ("8 Mart 2024 09:05 Okuma süresi: 3 dk", "2024-03-08 09:05"),
    ("Yayım tarihi 8 Mart 2024 yazan admin", "2024-03-08"),
    ("admin tarafından 8 Mart 2024 tarihinde yayınlandı", "2024-03-08"),
    ("Опубликовано: 8 марта 2024, 09:05", "2024-03-08 09:05"),
    ("Опубликовано 8 марта 2024 в 09:05. Обновлено 9 марта в 10:00", "2024-03-08 09:05"),
    ("Дата публикации: 08.03.2024", "2024-03-08"),
    ("обновлено 9 марта 2024, 10:00", "2024-03-09 10:00"),
    ("Жарияланды: 8 наурыз 2024, 09:05 Жаңартылды: 9 наурыз 2024", "2024-03-08 09:05"),
    ("8 наурыз 2024 жарияланды", "2024-03-08"),
    ("Жарияланған күні: 08.03.2024 ж.", "2024-03-08"),
    ("Published March 8, 2024 at 9:05 am", "2024-03-08 09:05"),
    ("Yüklenme Tarihi: 8 Mart 2024", "2024-03-08"),
    ("8 Mart 2024 - 09:05 Haber: Aylin Kaya", "2024-03-08 09:05"),
    ("Haber: 8 Mart 2024", "2024-03-08"),
    ("8 Mart 2024 1.234 kez okundu", "2024-03-08"),
    ("8 Mart 2024, 09:05 12 yorum", "2024-03-08 09:05"),
    ("8 Mart 2024 Yorum yapılmamış", "2024-03-08"),
    ("Жариялау күні: 08.03.2024", "2024-03-08"),
    ("8 наурыз 2024 123 рет оқылды", "2024-03-08"),
    ("08.03.2024 09:05 Көрілім: 345", "2024-03-08 09:05"),
    ("Просмотров: 123 08.03.2024", "2024-03-08"),
    ("08.03.2024 Просмотров: 123", "2024-03-08"),
    ("8 марта 2024 123 просмотра", "2024-03-08"),
    ("8 марта 2024, нет комментариев", "2024-03-08"),
    ("обн. 08.03.2024 09:05", "2024-03-08 09:05"),
    ("Published 9:05 AM EST, Fri March 8, 2024", "2024-03-08 19:05"),
]
RELATIVE = [
    ("şimdi", "2024-03-15 12:00"),
    ("biraz önce", "2024-03-15 12:00"),
    ("40 saniye önce", "2024-03-15 12:00"),
    ("5 dk. önce", "2024-03-15 11:55"),
    ("yarım saat önce", "2024-03-15 11:30"),
    ("bir saat önce", "2024-03-15 11:00"),
    ("1 saat 10 dakika önce", "2024-03-15 10:50"),
    ("120 dakika önce", "2024-03-15 10:00"),
    ("2 gün önce 14:30", "2024-03-13 14:30"),
    ("2 ay önce", "2024-01-15 12:00"),
    ("1 yıl evvel", "2023-03-15 12:00"),
    ("BUGÜN 08:00", "2024-03-15 08:00"),
    ("Dün, saat 23:59", "2024-03-14 23:59"),
    ("evvelki gün", "2024-03-13"),
    ("Perşembe 21:10", "2024-03-14 21:10"),
    ("Cuma 11:59", "2024-03-15 11:59"),  # earlier today
    ("Cuma 12:30", "2024-03-08 12:30"),  # later than now: a week ago
    ("14 Mart", "2024-03-14"),
    ("14 Mart 21:10", "2024-03-14 21:10"),
    ("28 Aralık", "2023-12-28"),  # read in March: of last year
    ("16 Mart", "2024-03-16"),  # a clock that runs ahead
    ("29 Şubat", "2024-02-29"),
    ("жаңа ғана", "2024-03-15 12:00"),
    ("10 минут бұрын", "2024-03-15 11:50"),
    ("3 сағат бурын", "2024-03-15 09:00"),  # a Russian keyboard has no ұ
    ("2 күн бұрын", "2024-03-13 12:00"),
    ("бір апта бұрын", "2024-03-08 12:00"),
    ("Бүгін, 08:00", "2024-03-15 08:00"),
    ("Кеше", "2024-03-14"),
    ("keshe 21:10", "2024-03-14 21:10"),
    ("bügin", "2024-03-15"),
    ("2 sağat buryn", "2024-03-15 10:00"),
    ("только что", "2024-03-15 12:00"),
    ("5 мин назад", "2024-03-15 11:55"),
    ("полчаса назад", "2024-03-15 11:30"),
    ("час назад", "2024-03-15 11:00"),
    ("неделю назад", "2024-03-08 12:00"),
    ("Сегодня в 08:00", "2024-03-15 08:00"),
    ("позавчера, 21:10", "2024-03-13 21:10"),
    ("четверг, 21:10", "2024-03-14 21:10"),
    ("2 hours ago", "2024-03-15 10:00"),
    ("yesterday at 21:10", "2024-03-14 21:10"),
    ("dün akşam 20:30", "2024-03-14 20:30"),
    ("Bugün 08:15 Bugün 09:20", "2024-03-15 08:15"),
    ("2 sağ. buryn", "2024-03-15 10:00"),
    ("Кеше 14:30-да", "2024-03-14 14:30"),
    ("бүгін сағат 08:15-те", "2024-03-15 08:15"),
    ("бүгін таңертең 08:15", "2024-03-15 08:15"),
    ("сегодня, 15 марта, 08:30", "2024-03-15 08:30"),
    ("вчера вечером 20:30", "2024-03-14 20:30"),
    ("около часа назад", "2024-03-15 11:00"),
    ("час тому назад", "2024-03-15 11:00"),
    ("2 дн. назад", "2024-03-13 12:00"),
    ("2d ago", "2024-03-13 12:00"),
]
KAZAKH_AND_RUSSIAN = [
    ("22 наурыз 2024, 10:15", "2024-03-22 10:15"),  # after the capture: the caller's to refuse
    ("2023 жылғы 16 желтоқсан", "2023-12-16"),
    ("2023 жылдың 16 желтоқсаны", "2023-12-16"),
    ("2023 ж. 16 желтоқсан, 10:15", "2023-12-16 10:15"),
    ("16-желтоқсан, 2023 жыл", "2023-12-16"),
    ("Желтоқсан 16, 2023", "2023-12-16"),
    ("16 ЖЕЛТОҚСАН 2023", "2023-12-16"),
    ("16 желтоксан 2023", "2023-12-16"),  # typed without Kazakh letters
    ("9 шiлде 2023", "2023-07-09"),  # with a Latin i
    ("сенбі, 9 қыркүйек 2023", "2023-09-09"),
    ("9 қыр. 2023 10:15", "2023-09-09 10:15"),
    ("9 сәуірде 2023", "2023-04-09"),
    ("9 qyrkúıek 2023", "2023-09-09"),  # the Latin of 2018
    ("9 qyrküiek 2023", "2023-09-09"),  # and of 2021
    ("22 naýryz 2019", "2019-03-22"),
    ("16 jeltoqsan 2023, 10:15", "2023-12-16 10:15"),
    ("16 желтоқсан 2023 сағат 10:15", "2023-12-16 10:15"),
    ("9 мая 2023 года", "2023-05-09"),
    ("9 МАЯ 2023", "2023-05-09"),
    ("10:15, 9 мая 2023", "2023-05-09 10:15"),
    ("Вт, 9 мая 2023, 10:15", "2023-05-09 10:15"),
    ("9 авг. 2023 г. в 10:15", "2023-08-09 10:15"),
    ("9 нояб. 2023", "2023-11-09"),
    ("09.05.2023, вторник", "2023-05-09"),
    ("9 мая 2023 10:15 МСК", "2023-05-09 13:15"),
    ("Астана, 9 мая 2023", "2023-05-09"),
    ("14 марта, 21:10", "2024-03-14 21:10"),
    ("15 сауір 2023", "2023-04-15"),  # one Kazakh letter typed as a Russian one, one not
    ("2023 жылдың 15 қазанында", "2023-10-15"),
    ("2024 жылғы наурыздың 15-і", "2024-03-15"),
    ("15 kyrkuyek 2023", "2023-09-15"),  # q as k
    ("2023 zhylgy 15 kazan", "2023-10-15"),
    ("9 мая 2023 в 10:15 по московскому времени", "2023-05-09 13:15"),
    ("9 мая 2023, 10:15 (время астанинское)", "2023-05-09 10:15"),
]
MACHINE = [
    ("2023-05-09T10:15:00+06:00", "2023-05-09 10:15"),
    ("2023-05-09T10:15:00Z", "2023-05-09 16:15"),
    ("2023-05-09 10:15:00.123456", "2023-05-09 10:15"),
    ("2023-05-09T23:30-05:00", "2023-05-10 10:30"),
    ("2023/05/09", "2023-05-09"),
    ("2023.05.09 10:15", "2023-05-09 10:15"),
    ("Tue, 09 May 2023 04:15:00 +0000", "2023-05-09 10:15"),
    ("2024-03-01T00:30:00+06:00", "2024-02-29 23:30"),  # Almaty moved from +06 to +05 that night
]
NOT_DATES = [
    "", " ", "-", "2023", "14:30", "Kasım", "Kasım 2023", "Cuma", "15", "15.11", "20231115", "önce", "2 saat", "bir",
    "31 Nisan 2023", "29 Şubat 2023", "0 Kasım 2023", "15 Kasım 1023", "15.13.2023", "2023-02-30", "00.00.0000 00:00",
    "15 Kasım 2023 24:01", "15 Kasım 2023 14:60", "15 Kasım 2023 99:00", "31 апреля 2023", "31 қыркүйек 2023",
    "15-17 Kasım 2023", "15.11.2023 - 17.11.2023", "15.11.2023 10:00-12:00", "2023-2024", "999 yıl önce",
    "15 Kasım 2023 14:99 Güncelleme: 16.11.2023 10:00", "3-1", "14.99 TL", "Covid-19", "Haberler 7/24", "1/2 final",
    "29 Ekim Cumhuriyet Bayramı", "15 Temmuz şehitleri | Gündem", "1 Mayıs'ta meydanlar doldu", "1986 Желтоқсан ісі",
    "15 Kasım 2023'te Astana'da düzenlenen törende konuşan bakan", "В 2023 году прошло 9 заседаний", "geçen hafta",
    "15 Ekim 5 yorum 3", "12 yorum", "5 просмотров", "15 марта 5", "32 Ekim 23", "15.10 14:30", "Bugün akşam",
]  # fmt: skip


@pytest.mark.parametrize(("printed", "expected"), TURKISH + LABELLED + RELATIVE + KAZAKH_AND_RUSSIAN + MACHINE)
def test_dates_as_sites_print_them(printed: str, expected: str) -> None:
    assert read(printed) == expected


@pytest.mark.parametrize("printed", NOT_DATES)
@pytest.mark.parametrize("language", [None, "tr"])
def test_lines_that_print_no_whole_date(printed: str, language: str | None) -> None:
    assert read(printed, language=language) == ""


@pytest.mark.parametrize(
    ("printed", "language", "expected"),
    [
        ("6. Oktober 2017", "de", "2017-10-06"),
        ("6 жовтня 2017 17:45", "uk", "2017-10-06 17:45"),
        ("6 oktyabr 2017", "az", "2017-10-06"),
        ("6. Oktober 2017", "xx", ""),  # a language that nobody reads
        ("10/25/2017", "en", "2017-10-25"),
        ("10/11/2017", "en", "2017-11-10"),
        ("10/25/2017", "tr", ""),
    ],
)
def test_other_languages_are_read_when_named(printed: str, language: str, expected: str) -> None:
    assert read(printed, language=language) == expected


def test_the_moment_is_in_the_zone_of_the_site() -> None:
    """A capture is in UTC; "3 saat önce" and "dün" are of the site's own clock and calendar."""
    captured_at = datetime(2024, 3, 14, 22, 30, tzinfo=UTC)  # already the 15th in Almaty

    counted = parse_date("3 saat önce", captured_at=captured_at, zone=ALMATY)
    yesterday = parse_date("dün 09:00", captured_at=captured_at, zone=ISTANBUL)

    assert counted == PrintedDate(datetime(2024, 3, 15, 0, 30, tzinfo=ALMATY), Precision.MINUTE)
    assert yesterday == PrintedDate(datetime(2024, 3, 14, 9, 0, tzinfo=ISTANBUL), Precision.MINUTE)
    assert counted.at.tzinfo is ALMATY


def test_hours_are_counted_across_a_change_of_the_zone() -> None:
    """The hour before midnight of 29 February 2024 came twice in Almaty."""
    captured_at = datetime(2024, 2, 29, 19, 30, tzinfo=UTC)

    found = parse_date("2 saat önce", captured_at=captured_at, zone=ALMATY)

    assert found is not None
    assert found.at.astimezone(UTC) == captured_at - timedelta(hours=2)


def test_a_month_before_the_31st_is_the_last_of_that_month() -> None:
    assert read("1 ay önce", captured_at=datetime(2024, 3, 31, 12, tzinfo=ALMATY)) == "2024-02-29 12:00"


def test_prose_is_not_searched_for_a_date() -> None:
    prose = "15 Kasım 2023 " + "." * MAX_LINE_CHARS

    assert read(prose) == ""


def test_no_text_breaks_the_reader() -> None:
    """Pages are hostile: whatever the pieces and their order, the answer is a date or None."""
    pieces = [*"0123456789:./-+|'’ \n", "31", "2023", "9999", "00", "Kasım", "қазан", "önce", "назад", "saat", "yıl",
              "dün", "Cuma", "am", "öö", "gmt", "utc+99", "Güncelleme", "Kaynak:", "٣٤", "²", "\x00", "İ"]  # fmt: skip
    rng = random.Random(20240315)

    for _ in range(3000):
        line = "".join(rng.choice(pieces) + rng.choice(("", " ")) for _ in range(rng.randint(1, 14)))
        found = parse_date(line, captured_at=FRIDAY_NOON, zone=ALMATY, language="tr")
        assert found is None or found.at.tzinfo is ALMATY, line


def test_a_common_form_never_reaches_dateparser() -> None:
    """Patterns read the forms that sites print: 17 µs a line where dateparser takes 600."""
    lines = ["06 Ekim 2017 Cuma, 17:45", "06.10.2017 17:45", "6 октября 2017, 17:45", "3 saat önce"]
    script = (
        "import sys, datetime, zoneinfo; from archive.dates import parse_date; zone = zoneinfo.ZoneInfo('Asia/Almaty');"
        f"[parse_date(line, captured_at=datetime.datetime.now(zone), zone=zone, language='tr') for line in {lines!r}];"
        "sys.exit('dateparser' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.shared
def test_every_line_of_the_shared_set_is_read() -> None:
    if not SHARED_DATES.exists():
        pytest.skip("../shared is not here")
    captured_at = datetime(2017, 10, 8, 12, tzinfo=ALMATY)
    rows = [row.split("\t") for row in SHARED_DATES.read_text().splitlines() if not row.startswith("#")]

    wrong = {
        printed: (found, expected)
        for printed, language, expected in rows
        if (found := read(printed, captured_at=captured_at, language=language)) != expected
    }

    assert len(rows) == 113
    assert wrong == {}
