"""The words of injected text: what it is about, how it pitches, how its addresses read.  No I/O.

Whole words only ("socialist" holds a drug's name), on folded text. In Turkish, Russian, Kazakh and English. A word
alone proves nothing: spam.py asks for a second signal.
"""

from __future__ import annotations

import re
from functools import lru_cache

from archive.language import fold

LOOKED_AT_CHARS = 5_000
_TOPIC = re.compile(
    r"\b(?:casino\w*|kumarhane\w*|bahis\w*|betting|iddaa\w*|slots?|slot oyunlari|rulet|poker|jackpot|porno?\w*"
    r"|xxx|sex shop|sikis\w*|escorts?|eskort\w*|viagra|cialis"
    r"|bookmaker\w*|free ?spins?|freebet|(?:deneme|cevrimsiz|sartsiz|hosgeldin|kayip|yatirim) bonus\w*|1xbet"
    r"|mostbet|vavada|pin-?up|melbet|bahsegel"
    r"|казино\w*|порн\w+|букмекер\w*|ставк\w+ на спорт|игров\w+ автомат\w*|слоты?|слоттар\w*|слот ойын\w*"
    r"|эскорт\w*|проститут\w+|секс|виагра|фриспин\w*|фрибет\w*|бәс тіг\w+|ойын автомат\w*|құмар ойын\w*"
    r"|рулетк\w*|онлайн слот\w*)\b"
)
_PITCH = re.compile(
    r"guncel (?:giris|adres)|yeni (?:giris|adres)|giris adresi|\bgiris\s+(?:\d{4}|yap|–|-)|\bgiris$|(?:deneme"
    r"|yatirim|hosgeldin) bonusu|bonus\w{0,20} \d|(?<!\d)\d+ (?:tl|₺|tenge|тенге|теңге)\b.{0,30}(?:bonus|бонус|фрибет)"
    r"|(?<!\d)\d+ (?:tl|tenge|тенге|теңге) (?:deneme|фрибет|за регистрац)|uye ol|free ?spin|tiklayin|sartsiz"
    r"|cevrimsiz|veren siteler|yuksek oranlar|guvenilir .{0,25}siteler|siteleri listesi|uygulama indir"
    r"|\bfarki!|\badresinde!"
    r"|\boyna$|kazan(?:in)?!|canli bahis$|bahis siteleri$|casino siteleri$"
    r"|официальн\w{1,10} сайт|рабоч\w{1,10} зеркал\w+|\bзеркало\b|\bвход\b|за регистрацию|бездепозитн\w+|без вейджера"
    r"|фриспин\w*|без верификации|быстрым выводом|на деньги|бесплатно|скачать|лучшие онлайн"
    r"|ресми сайты|тіркелу бонус\w+|тегін айналым\w*|жылдам төлем\w*|фрибет|ұтып алы\w+|порталында|ссылка\w*"
    r"|\bкіру\b|үздік онлайн"
    r"|official (?:site|website|mirror)|sign up bonus|no deposit|play (?:now|online)|bonus code|best online"
    r"|cheap|buy .{0,20}online"
)
SPEAKING_HOST = re.compile(
    r"casino|kazino|(?:^|[-.\d])bet|bet(?:[-.\d]|$)|bahis|slot|porn|xxx|giris|zerkalo|bonus|1x|escort|viagra"
    r"|cialis|poker|vulkan|sex"
)
KNOWN_HOSTS = re.compile(
    r"(?:^|\.)(?:facebook|twitter|x|instagram|youtube|youtu|google|googleapis|gstatic|whatsapp|telegram|t"
    r"|linkedin|pinterest|vk|ok|mail|yandex|apple|microsoft|wordpress|w|wp"
    r"|gravatar|feedburner|addtoany|disqus|cloudflare|liveinternet|rambler|reddit|tumblr|flipboard)\.(?:com"
    r"|org|net|ru|kz|me|be)$"
)


def topic_in(text: str) -> str:
    """The first word on betting, pornography or the like; \"\" when there is none."""
    return _first(_TOPIC, text[:LOOKED_AT_CHARS])


def pitch_in(text: str) -> str:
    """The first words of a sales pitch; \"\" when there are none."""
    return _first(_PITCH, text[:LOOKED_AT_CHARS])


@lru_cache(maxsize=8192)
def _first(words: re.Pattern[str], text: str) -> str:
    found = words.search(fold(text))
    return found[0].strip() if found else ""
