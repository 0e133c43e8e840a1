"""Dates as the demo site prints them.  No I/O."""

from __future__ import annotations

from datetime import datetime

_MONTHS = {
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "kk": "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
_DAYS = "Pazartesi Salı Çarşamba Perşembe Cuma Cumartesi Pazar"
# RSS and HTTP dates are English whatever the locale (RFC 9110 §5.6.7).
_ENGLISH_DAYS, _ENGLISH_MONTHS = "Mon Tue Wed Thu Fri Sat Sun", "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def printed(moment: datetime, lang: str = "tr") -> str:
    """ "06 Ekim 2017 Cuma, 17:45"; Kazakh and Russian pages name no weekday."""
    month, day = _MONTHS[lang].split()[moment.month - 1], _DAYS.split()[moment.weekday()]
    return f"{moment:%d} {month} {moment.year}{' ' + day if lang == 'tr' else ''}, {moment:%H:%M}"


def printed_day(moment: datetime) -> str:
    """ "06.10.2017", as the old static pages have it."""
    return f"{moment:%d.%m.%Y}"


def rss_date(moment: datetime) -> str:
    """ "Fri, 06 Oct 2017 17:45:00 +0600" (RFC 822)."""
    day, month = _ENGLISH_DAYS.split()[moment.weekday()], _ENGLISH_MONTHS.split()[moment.month - 1]
    return f"{day}, {moment:%d} {month} {moment:%Y %H:%M:%S %z}"
