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
# Folding takes accents away, so what is longer now may be a line then; and nobody may fill the memory with long ones.
FOLDED_LIMIT_CHARS = 5 * MAX_LINE_CHARS


def is_furniture(line: str) -> bool:
    """Whether a line by itself is none of an article's: an invitation, a button, a counter, a label."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_furniture(line)


@lru_cache(maxsize=20_000)
def _is_furniture(line: str) -> bool:
    text = fold(line).strip(" \u200b:：»«›‹→←▶►•|-–—.!…·*#[]()")
    if len(text) > MAX_LINE_CHARS:
        return False
    return not text or bool(_FURNITURE.fullmatch(text) or _INVITATION.search(text))


def is_related_label(line: str) -> bool:
    """Whether a line announces other articles: what it names, or the links after it, are not of this one."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_related_label(line)


@lru_cache(maxsize=20_000)
def _is_related_label(line: str) -> bool:
    text = fold(line).strip(" :：»«›→▶►•|-–—.!…·*#[]")
    return len(text) <= MAX_LINE_CHARS and bool(_RELATED.match(text))


def is_end_label(line: str) -> bool:
    """Whether a heading opens what follows an article: comments, related lists, the site's bottom."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_end_label(line)


@lru_cache(maxsize=20_000)
def _is_end_label(line: str) -> bool:
    text = fold(line).strip(" :：»«›→▶►•|-–—.!…·*#[]")
    return len(text) <= 80 and any(label.fullmatch(text) for label in (_RELATED, _COMMENTS, _SHARING))


def is_comments_label(line: str) -> bool:
    """Whether a line opens the readers' comments or their form."""
    return len(line) <= FOLDED_LIMIT_CHARS and _is_comments_label(line)


@lru_cache(maxsize=20_000)
def _is_comments_label(line: str) -> bool:
    text = fold(line).strip(" :：»«›→▶►•|-–—.!…·*#[]")
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
    r"|abone ol(?:un)?|subscribe|sign up|log ?in|giris yap|войти|подписаться|жазылу|kayit ol|uye ol"
)
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
    r"|all rights reserved|tum haklari saklidir|her hakki saklidir|все права защищены"
    r"|барлык кукыктары? коргалган|барлық құқықтар|alle rechte vorbehalten|tous droits reserves"
    r"|(?:we|this site) uses? cookies|cerez(?:ler)? (?:kullan|polit)|нашли ошибку|заметили ошибку"
    r"|ctrl ?\+ ?enter|javascript (?:is|to be) (?:disabled|enabled)"
)
_RELATED = re.compile(
    r"(?:ilgili|benzer|diger|son|one cikan|populer|en cok okunan|daha fazla|sizin icin secilen|son eklenen"
    r"|gunun) (?:haber|yazi|icerik|konu|makale|galeri)(?:ler|lar)?"
    r"|ilgili haber\b|bunlar da ilginizi cekebilir|(?:bu haberler |sunlar da )?ilginizi cekebilir"
    r"|bunu da oku(?:yun)?\b|ayrica oku(?:yun)?\b|haberin devami|en cok (?:okunan|yorumlanan)lar|sonraki haber"
    r"|onceki haber"
    r"|(?:читайте|смотрите|см\.?) (?:также|ещ[ее]|по теме)|по теме\b|похожие (?:новости|статьи|материалы"
    r"|записи)|другие (?:новости|материалы)(?: .{0,30})?|материалы по теме|новости по теме|последние новости"
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
