"""Lines that stand on a page round its article and are not of it: sharing, related posts, comments, adverts.  No I/O.

Only the wording is judged here, in Turkish, Russian, Kazakh, English and the main western languages; where a line
stands is judged in body.py.
"""

from __future__ import annotations

import re
from functools import lru_cache

from archive.language import fold

# Longer lines are prose that happens to begin with such words.
MAX_LINE_CHARS = 140
NOTICE_LIMIT_CHARS = 3_000
# Folding takes accents away, so what is longer now may be a line then; and nobody may fill the memory with long ones.
FOLDED_LIMIT_CHARS = 5 * MAX_LINE_CHARS
_ORNAMENTS = " \u200b:：»«›‹→←▶►▪■●◆•|-–—.!…·*#[]()"


def is_furniture(line: str) -> bool:
    """Whether a line by itself is none of an article's: an invitation, a button, a counter, a label."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_furniture(line)


@lru_cache(maxsize=20_000)
def _is_furniture(line: str) -> bool:
    text = fold(line).strip(_ORNAMENTS)
    if _PIECE.search(text) and _is_of_labels(text):
        return True
    if len(text) > MAX_LINE_CHARS:
        return len(text) <= 3 * MAX_LINE_CHARS and bool(_POSTED.match(text))
    if not text or _FURNITURE.fullmatch(text) or _INVITATION.search(text):
        return True
    text = _COUNTERS.sub("", text).strip(_ORNAMENTS) if _COUNTED.search(text) else text
    return not text or bool(_ADDRESS.fullmatch(text) or _POSTED.match(text))


def _is_of_labels(text: str) -> bool:
    """Whether a line is fields set off from each other: who added it, how often it was read, where to print it."""
    pieces = [piece.strip(_ORNAMENTS) for piece in _PIECE.split(text) if piece.strip(_ORNAMENTS)]
    return len(pieces) > 1 and 2 * sum(bool(_LABEL.match(piece)) for piece in pieces) > len(pieces)


def is_date_line(line: str) -> bool:
    """Whether a line is nothing but a date, perhaps with its label and a counter."""
    if len(line) > MAX_LINE_CHARS:
        return False
    text = fold(line).strip(_ORNAMENTS)
    text = _COUNTERS.sub("", text).strip(_ORNAMENTS) if _COUNTED.search(text) else text
    return bool(_DATE_LINE.fullmatch(text))


def is_notice(text: str) -> bool:
    """Whether a paragraph reads like a publisher's notice on rights and reuse; a story on copyright may, too."""
    return len(text) <= NOTICE_LIMIT_CHARS and _is_notice(text)


@lru_cache(maxsize=1_024)
def _is_notice(text: str) -> bool:
    return len(set(_NOTICE.findall(fold(text)))) >= 2


def is_related_label(line: str) -> bool:
    """Whether a line announces other articles: what it names, or the links after it, are not of this one."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_related_label(line)


@lru_cache(maxsize=20_000)
def _is_related_label(line: str) -> bool:
    text = fold(line).strip(_ORNAMENTS)
    return len(text) <= MAX_LINE_CHARS and bool(_RELATED.match(text))


def is_end_label(line: str) -> bool:
    """Whether a heading opens what follows an article: comments, related lists, the site's bottom."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_end_label(line)


@lru_cache(maxsize=20_000)
def _is_end_label(line: str) -> bool:
    text = fold(line).strip(_ORNAMENTS)
    return len(text) <= 80 and any(label.fullmatch(text) for label in (_RELATED, _COMMENTS, _SHARING))


def is_comments_label(line: str) -> bool:
    """Whether a line opens the readers' comments or their form."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_comments_label(line)


@lru_cache(maxsize=20_000)
def _is_comments_label(line: str) -> bool:
    text = fold(line).strip(_ORNAMENTS)
    return len(text) <= 80 and bool(_COMMENTS.fullmatch(text))


_FURNITURE = re.compile(
    r"reklam(?:lar)?(?: alani)?(?: \d+x\d+)?|advertisement|advertising|anzeige|werbung|publicite|publicidad"
    r"|реклама|жарнама|ad|annonse"
    r"|(?:bunu )?paylas(?:in|iniz)?|share(?: this)?(?: article| story| page)?|поделиться(?: с друзьями"
    r"| ссылкой)?|бөлісу|teilen|partager|compartir"
    r"|facebook|twitter|x|whatsapp|telegram|linkedin|pinterest|instagram|youtube|vk|вконтакте|одноклассники"
    r"|e-?mail|e-?posta|print|copy link"
    r"|yazdir|yazici ciktisi|распечатать|версия для печати|басып шыгару|drucken|imprimer"
    r"|geri don|geri|назад|back(?: to top)?|yukari(?: cik)?|basa don|наверх|ana sayfa|home|главная|басты бет"
    r"|yorum(?:lar)?(?: yok| yap(?:in|iniz)?| yaz(?:in)?(?:\.{3})?| gonder)?|\d+ yorum(?:lar)?"
    r"|комментари[ийев]+(?: \(?\d+\)?)?|\d+ комментари[ийяев]+"
    r"|пікір(?:лер)?(?: \(?\d+\)?)?|(?:\d+ )?comments?(?: \(?\d+\)?)?|leave a (?:reply|comment)"
    r"|kommentare?(?: \d+)?|no comments"
    r"|\d[\d., ]*(?:okunma|goruntulenme|okundu|kez okundu|views?|просмотр(?:ов|а)?|каралым|оқылды|reads?)"
    r"|(?:okunma|goruntulenme|просмотров|просмотры|views)(?: sayisi)?[: ]*\d[\d., ]*"
    r"|etiket(?:ler)?|tags?|теги|метки|тегтер|schlagworte|etiquetas|mots-cles"
    r"|devamini oku|devami|read more|continue reading|читать (?:далее|дальше|полностью)|толығырақ|подробнее"
    r"|weiterlesen|lire la suite|leer mas|mehr"
    r"|foto galeri|galeri|video|fotograflar|a-|a\+|a|yazi boyutu|dinle|listen|anhoren|слушать|loading"
    r"|yukleniyor|skip to content|icerige atla"
    r"|sayfa(?:lar)?:?(?: \d+)*(?: / \d+)?|pages?:?(?: \d+)*|страниц[аы]:?(?: \d+)*|беттер?:?(?: \d+)*|\d{1,3}"
    r"|onceki(?: haber| yazi)?|sonraki(?: haber| yazi)?|next|previous"
    r"|рубрик[аи]|раздел|kategori(?:ler)?|bolum|автор|yazar|источник|kaynak|©.{0,60}"
    r"|abone ol(?:un)?|subscribe|sign up|log ?in|giris yap|войти|подписаться|жазылу|kayit ol|uye ol"
)
_PIECE = re.compile(r"[|•·]|\n")
_LABEL = re.compile(
    r"(?:ekleyen|yazan|yazar|editor|haberi ekleyen|okunma|goruntulenme|kategori|bolum|etiket(?:ler)?|tarih|yayin tarihi"
    r"|guncelleme|yorum(?:lar)?|yazdir|paylas|kaynak|автор|рубрика|раздел|категория|просмотр\w*|комментари\w*|теги|метки"
    r"|источник|распечатать|поделиться|дата|опубликовано|санат|пікір\w*|қаралды|оқылды|author|posted|category|categories"
    r"|views|reads|comments|tags|print|share|source|published|updated)\b"
)
# Counters in a row, as under many old articles.
_COUNTERS = re.compile(
    r"(?:\b(?:просмотр(?:ов|ы)|комментари(?:ев|и)|прочтен(?:ий|о)|оценка|рейтинг|views?|reads?|comments?|hits?"
    r"|okunma(?: sayisi)?|goruntulenme|yorum(?:lar)?|оқылды|қаралды|пікірлер) ?[:(]? ?[\d.,  ]*\)?[ |,;/•·]*)+"
    r"(?:версия для печати|распечатать|yazdir|print|поделиться)?$"
)
_COUNTED = re.compile(r"\d\)?(?: (?:версия для печати|распечатать|yazdir|print|поделиться))?$")
# What blog themes print under each article.
_POSTED = re.compile(
    r"this (?:entry|post) was (?:posted|published) (?:on|in)|you can (?:follow|leave) (?:any|a) (?:responses?|comment)"
    r"|(?:новость|запись|заметка) (?:была )?(?:оставлена|опубликована|размещена) .{0,40}(?:\d|в )"
    r"|bu yazi .{4,40} tarihinde .{0,60}kategorisinde"
)
_MONTHS = (
    r"ocak|subat|mart|nisan|mayis|haziran|temmuz|agustos|eylul|ekim|kasim|aralik|январ[ья]|феврал[ья]|марта?|апрел[ья]"
    r"|ма[йя]|июн[ья]|июл[ья]|августа?|сентябр[ья]|октябр[ья]|ноябр[ья]|декабр[ья]|қантар|ақпан|наурыз|сәуір|мамыр"
    r"|маусым|шілде|тамыз|қыркүйек|қазан|қараша|желтоқсан|january|february|march|april|may|june|july|august"
    r"|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|januar|februar|marz|mai|juni"
    r"|juli|oktober|dezember"
)
_WEEKDAYS = (
    r"pazartesi|sali|carsamba|persembe|cuma(?:rtesi)?|pazar|понедельник|вторник|среда|четверг|пятница|суббота"
    r"|воскресенье|дүйсенбі|сейсенбі|сәрсенбі|бейсенбі|жұма|сенбі|жексенбі|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
)
_DATE_LINE = re.compile(
    r"(?=.*\d)(?:(?:yayin(?:lanma|lama)?(?: tarihi)?|guncelleme(?: tarihi)?|tarih|eklenme(?: tarihi)?|опубликовано"
    r"|обновлено|добавлено|дата|жарияланды|published|updated|posted|last modified)[ :]*)*"
    r"(?:(?:"
    + _MONTHS
    + "|"
    + _WEEKDAYS
    + r"|\d{1,4}|saat|г|года|жыл(?:ы|гы)?|utc|gmt|am|pm|[а-я]?в|at|on)\b[ ,.:/|–-]*){2,9}"
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_INVITATION = re.compile(
    r"(?:telegram|whatsapp|twitter|instagram|facebook|youtube|google (?:news|haberler)|bulten"
    r"|e-?bulten)\S* (?:\S+ ){0,3}?(?:abone ol|takip ed|katil|uye ol)"
    r"|(?:abone ol|takip ed|katil)\S* (?:\S+ ){0,4}?(?:telegram|whatsapp|twitter|instagram|google)"
    r"|подписывайтесь на (?:наш|канал|нас)|присоединяйтесь к нам|следите за нами|читайте нас (?:в|на)"
    r"|телеграм-каналымызга жазыл|бізге жазыл"
    r"|(?:sign up|subscribe) (?:for|to) (?:our|the|free)|follow us on|join our (?:telegram|whatsapp)"
    r"|melden sie sich .{0,40}newsletter|newsletter abonnieren"
    r"|e-?posta (?:hesabiniz|adresiniz) yayimlanmayacak|yorum yazin|yorum yapmak icin"
    r"|ваш e-?mail не будет опубликован|your e-?mail address will not be"
    r"|администрация сайта не нес[её]т|all rights reserved|tum haklari saklidir|her hakki saklidir|все права защищены"
    r"|барлык кукыктары? коргалган|барлық құқықтар|alle rechte vorbehalten|tous droits reserves"
    r"|(?:we|this site) uses? cookies|cerez(?:ler)? (?:kullan|polit)|нашли ошибку"
    r"|замети(?:ли|те) (?:в тексте )?(?:ошибку|опечатку)"
    r"|ctrl ?\+ ?enter|javascript (?:is|to be) (?:disabled|enabled)"
)
_NOTICE = re.compile(
    r"hak(?:ki|lari) sakli|hakki .{0,30}aittir|izinsiz|alinti|cogaltila|kopyalana|kaynak goster|rights reserved"
    r"|copyright|©|reproduc|все права|авторск\w+ прав|перепечатк|гиперссылк|при (?:полном|частичном|использовании"
    r"|цитировании)|не нес[её]т ответственност|редакци|барлык кукык|құқықтар\w* қоргал|сілтеме|көшір|vorbehalten"
    r"|vervielfaltig|nachdruck"
)
_RELATED = re.compile(
    r"(?:ilgili|benzer|diger|son|one cikan|populer|en cok okunan|daha fazla|sizin icin secilen|son eklenen"
    r"|gunun) (?:haber|yazi|icerik|konu|makale|galeri)(?:ler|lar)?"
    r"|ilgili haber\b|bunlar da ilginizi cekebilir|(?:bu haberler |sunlar da )?ilginizi cekebilir"
    r"|bunu da oku(?:yun)?\b|ayrica oku(?:yun)?\b|haberin devami|en cok (?:okunan|yorumlanan)lar|sonraki haber"
    r"|onceki haber"
    r"|(?:читайте|смотрите|см\.?) (?:также|ещ[ее]|по теме)|по теме\b"
    r"|последние (?:новости|публикации|статьи|материалы|комментарии)(?: .{0,20})?|похожие (?:новости|статьи|материалы"
    r"|записи)|другие (?:новости|материалы)(?: .{0,30})?|материалы по теме|новости по теме|ссылки по теме"
    r"|самое читаемое|ещ[ее] по теме|популярн(?:ое|ые)(?: .{0,20})?|главные новости|новости партнеров"
    r"|оқи отырыңыз\b|тагы оқыңыз\b|ұқсас (?:жаңалықтар|мақалалар)|соңгы жаңалықтар|осы тақырып(?:та"
    r"|қа)\b.{0,20}|басқа жаңалықтар"
    r"|(?:related|similar|more|other|recommended|popular|trending|latest|recent|most read|you may also"
    r"|you might also|also read|read also|read next|see also|don't miss|more from"
    r"|more on)(?: .{0,30})?(?:articles?|stories|posts?|news|content|coverage|topics|links|like|read|next)"
    r"|read more\b|read also\b|also read\b|see also\b|related\b|recommended(?: for you)?|most (?:read|popular"
    r"|viewed)|trending(?: now)?|editor'?s picks?|lesen sie auch\b|mehr zum thema"
    r"|das konnte sie auch interessieren|a lire aussi\b|lire aussi\b|lea tambien\b|te puede interesar"
    r"|leggi anche\b|les ogsa\b|meistgelesen"
)
_COMMENTS = re.compile(
    r"(?:okuyucu )?yorum(?:lar|lari)?(?: \(?\d+\)?)?|yorum (?:yap(?:in)?|yaz(?:in)?|birakin?)|\d+ yorum"
    r"|bir (?:yorum|cevap) (?:yaz|birakin?)(?:in)?|(?:bir )?cevap yaz(?:in)?"
    r"|комментарии(?: .{0,20})?|оставить комментарий|обсуждение|добавить комментарий|пікірлер|пікір (?:қалдыру"
    r"|жазу)|comments?(?: .{0,12})?|leave a (?:reply|comment)|kommentare|commentaires|comentarios"
)
_SHARING = re.compile(r"(?:bunu )?paylas(?:in)?|share(?: this)?|поделиться|бөлісу")
