"""What is found of injected content, in every form it takes and in words no rule was written for, and what is not.

The pages are a plain theme's; the lines are those of spam_texts.py. A second set of tests reads genuine stories on the
same subjects: nothing of theirs may go.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from archives import capture
from spam_texts import CAMPAIGNS, Campaign
from test_extract import SHIPPED, payload

from archive.extract import extract
from archive.extract.covert import decoded
from archive.extract.elements import Elements
from archive.extract.hiding import Hiding, how_hidden
from archive.extract.lexicon import _beginnings, _index, words_in
from archive.extract.signals import other_host, script_of, site_of
from archive.model import Extracted, FindingKind, PageKind

URL = "https://kazakistan.kz/turkistanda-yeni-kutuphane/"
AT = datetime(2025, 3, 22, 10, tzinfo=UTC)
BODY = (
    "Türkistan’da üç yıldır süren onarımın ardından eski kervansaray, kütüphane olarak kapılarını okurlara açtı.",
    "Açılışta konuşan müdür Ayjan Serikova, raflarda kırk bin kitabın bulunduğunu ve yarısının bağış olduğunu söyledi.",
    "Kütüphanenin çocuk bölümünde haftada iki gün masal saati yapılacak, yaşlı okurlar için de evlere kitap taşınacak.",
    "Kent sakinleri, akşamları geç saatlere dek açık kalacak salonun öğrencilere kolaylık olduğunu anlatıyor.",
)
OWN_HTML = "".join(f"<p>{text}</p>\n" for text in BODY)


def page(
    *,
    before: str = "",
    head: str = "",
    title: str = "Türkistan’da yeni kütüphane",
    top: str = "",
    body: str = OWN_HTML,
    side: str = "",
    foot: str = "",
    after: str = "",
    comments: str = "",
) -> str:
    """A page of a plain theme, with room for what others put in."""
    return (
        f'{before}<!DOCTYPE html><html lang="tr"><head><meta charset="utf-8"><title>{title} – Kazakistan.kz</title>'
        f'<meta property="og:site_name" content="Kazakistan.kz">{head}</head><body>{top}<header class="ust">'
        '<a href="/">Kazakistan.kz</a></header><nav><ul><li><a href="/kategori/kultur/">Kültür</a></li><li>'
        '<a href="/kategori/spor/">Spor</a></li></ul></nav><main><article><h1>Türkistan’da yeni kütüphane</h1>'
        f'<p class="tarih">20 Mart 2025 14:05</p><div class="icerik">{body}</div></article>{comments}</main>'
        '<aside class="yan"><h4>Son haberler</h4><ul><li><a href="/baska-haber-basligi/">Bir başka haber başlığı</a>'
        f"</li></ul>{side}</aside><footer><p>KAZAKİSTAN.KZ HABER SİTESİ</p></footer>{foot}</body></html>{after}"
    )


def read(html: str, url: str = URL) -> Extracted:
    return extract(payload(html.encode(), "text/html; charset=utf-8"), capture(url, AT), SHIPPED)


def links(campaign: Campaign, between: str = " ") -> str:
    return between.join(
        f'<a href="https://{campaign.hosts[number % len(campaign.hosts)]}/">{label}</a>'
        for number, label in enumerate(campaign.labels)
    )


def anchor(campaign: Campaign, number: int = 0) -> str:
    line = campaign.lines[number % len(campaign.lines)]
    return f'<a href="https://{campaign.hosts[0]}/">{line}</a>'


def inside(block: str) -> str:
    """The article with a block after its second paragraph."""
    paragraphs = [f"<p>{text}</p>\n" for text in BODY]
    return "".join([*paragraphs[:2], block, *paragraphs[2:]])


def fill(shape: str) -> Callable[[Campaign], str]:
    return lambda c: shape.replace("LINKS", links(c)).replace("LINE", c.lines[0]).replace("ANCHOR", anchor(c))


def in_script(write: Callable[[str], str]) -> Callable[[Campaign], str]:
    return lambda c: page(foot=f"<script>{write(links(c))}</script>")


def codes(text: str) -> str:
    return ",".join(str(ord(letter)) for letter in text)


# How it is put in → the page, and the kind of the finding.
FORMS: dict[str, tuple[Callable[[Campaign], str], FindingKind]] = {
    "links after the footer": (lambda c: page(foot=f"<div>{links(c)}</div>"), FindingKind.FOOTER),
    "a list after the footer": (
        lambda c: page(foot=f"<ul><li>{links(c, '</li><li>')}</li></ul>"),
        FindingKind.FOOTER,
    ),
    "a linked line after the footer": (lambda c: page(foot=f"\n{anchor(c)}\n"), FindingKind.FOOTER),
    "display:none": (lambda c: page(body=inside(f'<div style="display:none">{links(c)}</div>')), FindingKind.HIDDEN),
    "off-screen": (
        lambda c: page(top=f'<div style="position:absolute;left:-5000px">{links(c)}</div>'),
        FindingKind.HIDDEN,
    ),
    "a list off-screen": (
        lambda c: page(foot=f'<ul style="position:fixed;top:-999px"><li>{links(c, "</li><li>")}</li></ul>'),
        FindingKind.HIDDEN,
    ),
    "no height": (
        lambda c: page(foot=f'<div style="height:0;overflow:hidden">{links(c)} {c.lines[0]}</div>'),
        FindingKind.HIDDEN,
    ),
    "font-size 0": (lambda c: page(body=inside(f'<p style="font-size:0px">{links(c)}</p>')), FindingKind.HIDDEN),
    "opacity 0": (lambda c: page(body=inside(f'<div style="opacity:0">{links(c)}</div>')), FindingKind.HIDDEN),
    "white on white": (
        lambda c: page(body=inside(f'<div style="background:#fff"><p style="color:#ffffff">{links(c)}</p></div>')),
        FindingKind.HIDDEN,
    ),
    "a marquee of one point": (
        lambda c: page(foot=f'<marquee height="1" width="1" scrollamount="9000">{links(c)}</marquee>'),
        FindingKind.HIDDEN,
    ),
    "a class of its own style": (
        lambda c: page(top=f'<style>.qzx1{{position:absolute;left:-9999px}}</style><div class="qzx1">{links(c)}</div>'),
        FindingKind.HIDDEN,
    ),
    "an id of its own style": (
        lambda c: page(foot=f'<style>#kk77,#kk78{{display:none}}</style><div id="kk77">{links(c)}</div>'),
        FindingKind.HIDDEN,
    ),
    "noscript": (lambda c: page(foot=f"<noscript>{links(c)}</noscript>"), FindingKind.HIDDEN),
    "a linked paragraph": (lambda c: page(body=inside(f"<p>{anchor(c)}</p>")), FindingKind.BODY),
    "links at the end of the text": (lambda c: page(body=OWN_HTML + f"<p>{links(c, ', ')}</p>"), FindingKind.BODY),
    "a linked sentence in a paragraph": (
        lambda c: page(body=OWN_HTML.replace("</p>\n", f" {anchor(c)}</p>\n", 1)),
        FindingKind.BODY,
    ),
    "before the doctype": (lambda c: page(before=f"{c.lines[0]}\n"), FindingKind.BEFORE),
    "links before the doctype": (lambda c: page(before=f"<div>{links(c)}</div>"), FindingKind.BEFORE),
    "after </html>": (lambda c: page(after=f"\n{links(c)}"), FindingKind.AFTER),
    "a line after </html>": (lambda c: page(after=f"\n<p>{c.lines[0]}</p>"), FindingKind.AFTER),
    "written by a script": (in_script(lambda h: f"document.write('{h}');"), FindingKind.SCRIPT),
    "written escaped": (
        in_script(lambda h: f"document.write(decodeURIComponent('{quote(h)}'));"),
        FindingKind.SCRIPT,
    ),
    "written in codes": (
        in_script(lambda h: f"document.write(String.fromCharCode({codes(h)}));"),
        FindingKind.SCRIPT,
    ),
    "written in base64": (
        in_script(lambda h: f"document.body.innerHTML+=atob('{base64.b64encode(h.encode()).decode()}');"),
        FindingKind.SCRIPT,
    ),
    "written in \\x": (
        in_script(
            lambda h: (
                "document.write('"
                + "".join(f"\\x{b:02x}" if b < 128 else chr(b) for b in h.encode("latin-1", "ignore"))
                + "');"
            )
        ),
        FindingKind.SCRIPT,
    ),
    "a script that sends readers away": (
        lambda c: page(head=f'<script>window.location.href="https://{c.hosts[0]}/lp";</script>'),
        FindingKind.REDIRECT,
    ),
    "a script that sends some away": (
        lambda c: page(
            foot='<script>var r=document.referrer;if(/google|yandex|bing/.test(r)&&!document.cookie.match("zz1"))'
            f'{{document.cookie="zz1=1";location.replace("https://{c.hosts[1]}/?k=1");}}</script>'
        ),
        FindingKind.REDIRECT,
    ),
    "a script whose way is in codes": (
        lambda c: page(foot=f"<script>location.href=String.fromCharCode({codes('https://' + c.hosts[0])});</script>"),
        FindingKind.REDIRECT,
    ),
    "meta refresh": (
        lambda c: page(head=f'<meta http-equiv="Refresh" content="3; url=https://{c.hosts[0]}/">'),
        FindingKind.REDIRECT,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_whatever_it_sells(form: str) -> None:
    """The finding names the place and the domain, and nothing of it is in the article."""
    make, kind = FORMS[form]
    for campaign in CAMPAIGNS:
        got = read(make(campaign))

        seen = [(finding.kind.value, finding.evidence, finding.excerpt[:60]) for finding in got.findings]
        label = f"{campaign.name} in {campaign.language}: {seen}"
        assert kind in {finding.kind for finding in got.findings}, label
        assert got.article is not None, label
        assert [block.text for block in got.article.blocks] == list(BODY), label
        assert got.article.title == "Türkistan’da yeni kütüphane", label
        if form not in ("before the doctype", "a line after </html>"):
            domains = {domain for finding in got.findings for domain in finding.domains}
            assert domains & set(campaign.hosts), label
        for finding in got.findings:
            assert len(finding.evidence) == len(finding.weights) >= 2
            assert 0.6 <= finding.score <= 1
            assert (finding.hidden_by is not None) == (finding.kind is FindingKind.HIDDEN), label


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.name}-{c.language}")
def test_visible_lines_without_a_link_are_found_by_what_they_sell(campaign: Campaign) -> None:
    """Each line as a paragraph of its own among the article's."""
    for line in campaign.lines:
        got = read(page(body=inside(f"<p>{line}</p>")))

        assert got.article is not None and [b.text for b in got.article.blocks] == list(BODY), line
        assert {finding.kind for finding in got.findings} == {FindingKind.BODY}, line


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.name}-{c.language}")
def test_a_widget_of_links_beside_the_article_is_found(campaign: Campaign) -> None:
    got = read(page(side=f'<div class="widget"><div class="textwidget">{links(campaign)}</div></div>'))

    assert {finding.kind for finding in got.findings} == {FindingKind.SIDEBAR}
    assert {domain for finding in got.findings for domain in finding.domains} >= set(
        campaign.hosts[: len(campaign.labels)]
    )


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.name}-{c.language}")
def test_a_title_and_a_summary_that_were_changed_stay_out(campaign: Campaign) -> None:
    """In <title>, og:title and og:description; the headline still says what the article is called."""
    line = campaign.lines[0]
    head = f'<meta property="og:title" content="{line}"><meta property="og:description" content="{line}">'

    got = read(page(title=f"{line} - Türkistan’da yeni kütüphane", head=head))

    assert got.article is not None
    assert got.article.title == "Türkistan’da yeni kütüphane"
    assert got.article.lead is None
    assert FindingKind.TITLE in {finding.kind for finding in got.findings}


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.name}-{c.language}")
def test_a_comment_that_sells_is_found(campaign: Campaign) -> None:
    comment = (
        '<div id="comments" class="comments-area"><ol class="commentlist"><li class="comment"><p>Çok sevindim, '
        f'annemle mutlaka gideceğiz.</p></li><li class="comment"><p>{anchor(campaign)}</p></li></ol></div>'
    )

    got = read(page(comments=comment))

    assert {finding.kind for finding in got.findings} == {FindingKind.COMMENT}
    assert not any("sevindim" in finding.excerpt for finding in got.findings)


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda c: f"{c.name}-{c.language}")
def test_a_text_that_was_replaced_is_no_article(campaign: Campaign) -> None:
    body = "".join(f"<p>{anchor(campaign, n)}</p>" for n in range(3)) + f"<p>{links(campaign, '. ')}</p>" * 2
    assert read(page(body=body)).kind is PageKind.REPLACED


def test_a_frame_that_nobody_sees_is_found_where_its_address_speaks() -> None:
    got = read(
        page(foot='<iframe src="https://kumarbey-casino.example/lp" width="1" height="1" style="border:0"></iframe>')
    )
    assert [(f.kind, f.domains) for f in got.findings] == [(FindingKind.HIDDEN, ("kumarbey-casino.example",))]


def test_a_frame_over_the_whole_page_is_found() -> None:
    style = "position:fixed;top:0;left:0;width:100%;height:100%;z-index:9999"
    got = read(page(foot=f'<iframe src="https://kartopu-giris7.example/" style="{style}"></iframe>'))
    assert [f.kind for f in got.findings] == [FindingKind.BODY]


def test_a_canonical_address_elsewhere_counts_in_bad_company_only() -> None:
    canonical = '<link rel="canonical" href="https://kumarbey7.example/turkistan/">'
    alone = read(page(head='<link rel="canonical" href="https://ajans.example/kutuphane/">'))
    beside = read(page(head=canonical, foot=f"<div>{links(CAMPAIGNS[0])}</div>"))

    assert alone.findings == ()
    assert FindingKind.REDIRECT in {finding.kind for finding in beside.findings}


def test_a_word_of_the_article_that_was_made_a_link_is_found_and_stays() -> None:
    for style in (
        "color:inherit;text-decoration:none",
        "color:#000;cursor:text",
        "text-decoration: none; color: #222222",
    ):
        linked = OWN_HTML.replace("kütüphane", f'<a href="https://sessiz.example/" style="{style}">kütüphane</a>', 1)

        got = read(page(body=linked))

        assert got.article is not None and [block.text for block in got.article.blocks] == list(BODY)
        assert [(f.kind, f.domains) for f in got.findings] == [(FindingKind.BODY, ("sessiz.example",))]


def test_a_hidden_link_in_a_sentence_is_found_whatever_it_says() -> None:
    hidden = '<a href="https://sessiz.example/" style="position:absolute;left:-9000px">gece gündüz</a>'
    got = read(page(body=OWN_HTML.replace("</p>\n", f" {hidden}</p>\n", 1)))

    assert got.article is not None and "gece gündüz" not in got.article.text
    assert [(f.kind, f.hidden_by) for f in got.findings] == [(FindingKind.HIDDEN, "off-screen")]


def test_of_words_as_frequent_the_same_is_named_in_every_process() -> None:
    """The order of a set of words is drawn anew when a process starts; a row must not be."""
    html = page(foot="".join(f'<a href="https://s{n}.example/">bahis siteleri giris yeni {n}</a> ' for n in range(9)))
    code = "import sys, test_spam; print(test_spam.read(sys.stdin.read()).findings)"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=html,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
        ).stdout
        for seed in "012"
    }
    assert printed == {f"{read(html).findings}\n"} and "the word bahis in link after link" in printed.pop()


JAPANESE = (
    '<html lang="ja"><head><title>ルイヴィトン 財布 コピー 激安通販 送料無料</title></head><body>'
    "<h1>ルイヴィトン 財布 コピー "
    "激安</h1><p>当店では最高品質のブランド財布を激安価格で販売しております。正規品と同じ素材を使用し、送料無料でお届けいたします。</p>"
    "<p>人気の腕時計、バッグ、スニーカーも新品がセール中。今なら全品クーポン配布中、お得な専門店です。</p></body></html>"
)


def test_a_shop_in_japanese_under_the_sites_own_address_is_no_article() -> None:
    got = read(JAPANESE, "https://kazakistan.kz/saifu/lv-8841.html")
    assert (got.kind, FindingKind.REPLACED in {f.kind for f in got.findings}) == (PageKind.REPLACED, True)


def test_a_door_to_other_sites_in_the_sites_own_language_is_no_article() -> None:
    text = (
        "Casino siteleri arasında en yüksek bonus veren adresleri sizler için derledik, güncel giriş linkleri aşağıda.",
        "Canlı casino oyunlarında kazanmak isteyenler deneme bonusu fırsatını kaçırmasın, üyelik bir dakika sürüyor.",
        "Slot oyunları ve rulet masaları günün her saatinde açık, yatırım şartı olmadan bahis heyecanı sizi bekliyor.",
    )
    html = page(title="Deneme bonusu veren casino siteleri 2025", body="".join(f"<p>{one}</p>" for one in text))
    html = html.replace("<h1>Türkistan’da yeni kütüphane</h1>", "<h1>Deneme bonusu veren casino siteleri 2025</h1>")

    got = read(html, "https://kazakistan.kz/deneme-bonusu-veren-siteler/")

    assert (got.kind, FindingKind.REPLACED in {f.kind for f in got.findings}) == (PageKind.REPLACED, True)


# ---------------------------------------------------------------- what is no injected content

STORIES = {
    "betting raid, tr": (
        "tr",
        "Yasa dışı bahis çetesine şafak operasyonu: 42 gözaltı",
        (
            "Emniyet, deneme bonusu ile üye toplayan yasa dışı bahis sitelerinde 42 kişiyi gözaltına aldı.",
            "Savcılık, şüphelilerin casino ve slot oyunları üzerinden bir yılda 3 milyar TL topladığını açıkladı.",
            "Sitelerin “hemen üye ol, 500 TL bonus kazan” diyen reklamlarla gençlere ulaştığı belirtildi.",
            "Uzmanlar, bahis bağımlılığının aileleri yıktığını, sitelerin her gün yeni giriş adresi aldığını söyledi.",
            "Bakanlık geçen yıl kapatılan kumar sitesi sayısının on bini aştığını bildirdi.",
        ),
    ),
    "short betting note, tr": (
        "tr",
        "Bahis reklamına ceza",
        (
            "Üst kurul, canlı yayında bahis sitesi tanıtan kanala para cezası verdi.",
            "Kanal, casino reklamının kendisinden habersiz eklendiğini savundu.",
        ),
    ),
    "credit rates, tr": (
        "tr",
        "İhtiyaç kredisi faizleri düştü: bankaların son oranları",
        (
            "Merkez Bankası’nın kararıyla bankalar ihtiyaç kredisi faizlerini indirdi, başvurular ikiye katlandı.",
            "En ucuz kredi veren bankanın oranı yüzde 2,9; kredi başvurusu şubeden ya da internetten yapılabiliyor.",
            "Ekonomistler, kredi notu düşük olanların tefecilere yönelmemesi gerektiğini belirtti.",
            "Konut kredilerinde ise indirimin yaz aylarında gelmesi bekleniyor.",
        ),
    ),
    "fake pills, tr": (
        "tr",
        "Zayıflama çayından zehirlenen üç kadın hastanede",
        (
            "İnternetten satın alınan zayıflama hapı ve çayı kullanan üç kadın hastaneye kaldırıldı.",
            "Doktorlar, viagra ve benzeri ilaçların da internette kapıda ödeme ile reçetesiz satıldığını söyledi.",
            "Bakanlık, ürünleri satan 12 sitenin kapatıldığını açıkladı.",
        ),
    ),
    "pornography law, ru": (
        "ru",
        "В парламенте обсудили закон о запрете порнографии в интернете",
        (
            "Депутаты предложили блокировать порносайты, сообщила пресс-служба мажилиса.",
            "По словам экспертов, порнографию чаще всего смотрят подростки, а бесплатно скачать её можно за минуту.",
            "Министр заявил, что за год заблокировано девять тысяч сайтов, в том числе сайты эскорт-услуг.",
            "Правозащитники считают, что закон написан так широко, что под запрет попадут и учебники по анатомии.",
        ),
    ),
    "casino raid, ru": (
        "ru",
        "Подпольное казино закрыли в Шымкенте",
        (
            "Полиция задержала организаторов подпольного казино, в котором нашли сорок игровых автоматов и рулетку.",
            "Игрокам обещали фриспины и бонус за регистрацию, ссылка приходила в мессенджере.",
            "Прокуратура напомнила, что букмекерские конторы могут работать только по лицензии.",
            "Онлайн-казино в стране запрещены, однако зеркала сайтов открываются каждый день.",
        ),
    ),
    "microcredit, ru": (
        "ru",
        "Казахстанцы набрали микрокредитов на рекордную сумму",
        (
            "Займы на карту без отказа и справок довели до банкротства тысячи семей, говорится в докладе агентства.",
            "Депутаты предложили запретить микрозаймы онлайн по ночам и ограничить их рекламу.",
            "Средняя ставка, по данным регулятора, достигла 46 процентов годовых.",
        ),
    ),
    "diplomas, ru": (
        "ru",
        "Купить диплом за миллион: как работает рынок поддельных документов",
        (
            "Объявления «купить диплом с занесением в реестр» выходят каждый день, рассказал следователь.",
            "Суд приговорил организатора к четырём годам, его клиенты отделались штрафами.",
            "Эксперты говорят, что курсовые на заказ пишут уже не люди, а программы.",
        ),
    ),
    "betting addiction, kk": (
        "kk",
        "Лудомания: құмар ойынға тәуелділер саны артты",
        (
            "Сарапшылардың айтуынша, елде құмар ойынға тәуелді 400 мыңға жуық адам бар, олардың көбі жастар.",
            "Мәжіліс депутаты онлайн казино мен бәс тігу жарнамасына толық тыйым салуды ұсынды.",
            "Полиция былтыр екі мыңнан астам заңсыз казино сайтын бұғаттағанын хабарлады.",
            "Дәрігерлер бонус пен тегін айналымдар уәде ететін хабарламаларды ашпауға кеңес береді.",
        ),
    ),
    "crypto, kk": (
        "kk",
        "Криптовалюта биржасы жабылды: салымшылар ақшасын қайтара алмай жүр",
        (
            "Алматыда криптовалютаға салым салған мыңнан астам адам полицияға шағым түсірді.",
            "Оларға тез байып кетуге болады, тіркелген адамға бонус беріледі деп уәде еткен.",
            "Прокуратура мұндай сайттардың заңсыз екенін ескертті.",
        ),
    ),
    "loan sharks, en": (
        "en",
        "Payday loans trap thousands, study finds",
        (
            "Researchers said people with bad credit pay up to nine times what they borrowed from payday lenders.",
            "Ads that promise instant approval and no credit check are shown to teenagers, according to the study.",
            "The ministry told reporters it would cap interest on quick loans next year.",
        ),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_genuine_story_stays_a_story(name: str) -> None:
    """The words are all there; nothing is found and nothing goes, whatever the theme shows beside it."""
    language, title, paragraphs = STORIES[name]
    body = "".join(f"<p>{text}</p>\n" for text in paragraphs)
    html = page(title=title, body=body).replace("Türkistan’da yeni kütüphane</h1>", f"{title}</h1>")
    html = html.replace('lang="tr"', f'lang="{language}"').replace("Bir başka haber başlığı", title)

    got = read(html, "https://kazakistan.kz/haber-hikayesi/")

    assert [(f.kind, f.evidence, f.excerpt) for f in got.findings] == []
    assert got.article is not None
    assert [block.text for block in got.article.blocks] == list(paragraphs)
    assert got.article.title == title


@pytest.mark.parametrize(
    "extra",
    [
        # A menu of a house with many titles, switched by a script.
        '<div class="menu" style="display:none"><ul><li><a href="https://sabahgazetesi.example/">Sabah</a></li><li>'
        '<a href="https://ekonomidunyasi.example/">Ekonomi</a></li><li><a href="https://sporsayfasi.example/">Spor</a>'
        '</li><li><a href="https://kadinca.example/">Kadınca</a></li></ul></div>',
        # A credit of who made the site, and partners, seen by all.
        '<p>Yazılım: <a href="https://birajans.example/">Bir Ajans</a></p>',
        '<div class="dostlar">Dostlarımız: <a href="https://akmola.example/">Akmola Haber</a> '
        '<a href="https://aktau.example/">Aktau Haber</a> '
        '<a href="https://taraz.example/">Taraz Haber</a></div>',
        # A language switch and a notice, hidden until asked for.
        '<div id="dil" style="display:none"><a href="/kk/">Қазақша</a> <a href="/ru/">Русский</a></div>',
        '<div style="display:none" class="cerez">Bu site çerez kullanır. <a href="https://cerez.example/">Ayrıntı</a></div>',
        # Text for screen readers, a counter, a weather box.
        '<a href="#icerik" style="position:absolute;left:-9999px">İçeriğe geç</a>',
        '<noscript><img src="https://sayac.example/p.gif"></noscript>',
        "<noscript>Bu sayfa için tarayıcınızda JavaScript açık olmalıdır.</noscript>",
        '<div style="display:none"><a href="https://hava.example/almati">Almatı</a> <a href="https://hava.example/astana">'
        'Astana</a> <a href="https://hava.example/">10 günlük hava</a></div>',
        "<script>document.write(\"<a href='https://sayac.example/'><img src='https://sayac.example/x.gif'></a>\");</script>",
        '<iframe src="https://olcum.example/f" style="display:none" width="0" height="0"></iframe>',
        "<script>function paylas(u){window.open('https://paylas.example/?u='+u)}" + "/* " + "a" * 700 + " */</script>",
    ],
)
def test_what_sites_hide_or_put_at_the_end_is_theirs(extra: str) -> None:
    got = read(page(foot=extra))

    assert [(f.kind, f.evidence, f.excerpt) for f in got.findings] == []
    assert got.article is not None and [block.text for block in got.article.blocks] == list(BODY)


def test_a_machines_note_outside_the_document_is_no_finding() -> None:
    note = "<b>Warning</b>: Undefined variable $x in <b>/srv/haber/index.php</b> on line <b>12</b><br />\n"
    assert read(page(before=note, after="\n<!-- 0.123 s --> 48 queries in 0.4 seconds")).findings == ()


def test_a_link_to_a_partner_in_a_story_is_no_finding() -> None:
    body = (
        OWN_HTML
        + '<p>Kaynak: <a href="https://tass.example/obschestvo/1">Открыта новая библиотека, сообщает ТАСС</a></p>'
    )
    assert read(page(body=body)).findings == ()


# ---------------------------------------------------------------- the parts


@pytest.mark.parametrize(
    "style, way",
    [
        ("display: NONE", "display:none"),
        ("visibility:hidden", "visibility:hidden"),
        ("position:absolute; left:-5000px", "off-screen"),
        ("margin-left:-9999px", "off-screen"),
        ("text-indent:-999em", "text-indent off-screen"),
        ("font-size:0", "font-size 0"),
        ("font-size: 1px;", "font-size 0"),
        ("font-size:0.9em", ""),
        ("font-size:10px", ""),
        ("opacity:0", "opacity 0"),
        ("opacity:.01", "opacity 0"),
        ("opacity:0.5", ""),
        ("height:0;overflow:hidden", "no size"),
        ("height:1px;width:1px;position:absolute", "no size"),
        ("height:100px;overflow:hidden", ""),
        ("color:#fff;background:#FFFFFF", "letters in the colour of the ground"),
        ("color:#fff;background:#000", ""),
        ("color:white", ""),
        ("color:transparent", "transparent letters"),
        ("transform:scale(0)", "scaled to nothing"),
        ("clip:rect(0,0,0,0)", "clipped away"),
        ("margin-top:-10px", ""),
    ],
)
def test_how_a_style_hides(style: str, way: str) -> None:
    from lxml import html

    assert how_hidden(html.fromstring(f'<div style="{style}">x</div>')) == way


def test_a_style_that_holds_for_one_width_of_screen_hides_nothing() -> None:
    from lxml import html

    tree = html.document_fromstring(
        "<style>@media (max-width:600px){.a{display:none}.b{display:none}} .c , p.d{display:none}</style>"
        "<p class=a>1</p><p class=b>2</p><p class=c>3</p><p class=d>4</p>"
    )
    hiding = Hiding(Elements(tree))
    assert [bool(hiding.of(p)[0]) for p in tree.iter("p")] == [False, False, True, True]


@pytest.mark.parametrize(
    "code, shown",
    [
        ("eval(unescape('%3Ca%20href%3D%22https%3A//x.example%22%3E'))", '<a href="https://x.example">'),
        (f"atob('{base64.b64encode(b'https://x.example/yol').decode()}')", "https://x.example/yol"),
        (f"String.fromCharCode({codes('https://x.example')})", "https://x.example"),
        ("'ht'+'tps://x.'+'example'", "https://x.example"),
        ("'elpmaxe.x//:sptth'.split('').reverse().join('')", "https://x.example"),
        (
            f"atob('{base64.b64encode(quote('<a href=https://x.example>').encode()).decode()}') // decodeURI",
            "<a href=https://x.example>",
        ),
    ],
)
def test_what_scripts_spell_is_read(code: str, shown: str) -> None:
    assert shown in decoded(code)


@pytest.mark.parametrize(
    "text, topics",
    [
        ("The socialist said that basketball slots open", {"gambling"}),
        ("socialist", set()),
        ("sıkıştıran paragraf", set()),
        ("Deneme bonusu veren siteler", {"gambling"}),
        ("Сайты знакомств", {"dating"}),
        ("время займет", set()),
        ("онлайн казинода ойна", {"gambling"}),
        ("スーパーコピー 時計", {"forgery"}),
        ("", set()),
    ],
)
def test_words_are_whole(text: str, topics: set[str]) -> None:
    assert words_in(text).topics.keys() == topics


def test_every_pattern_begins_with_letters_it_can_be_found_by() -> None:
    assert [key for key in _index() if len(key) != 3 or set(key) & set("()[]?*+.|")] == []
    assert _beginnings("(?:ab|c)?def") == [("abd", "ef"), ("cde", "f"), ("def", "")]


@pytest.mark.parametrize(
    "link, host",
    [
        ("https://a.example/x", "a.example"),
        ("//www.a.example", "a.example"),
        (r"http:\\a.example\x", "a.example"),
        ("https://user@a.example:8080/", "a.example"),
        ("https://haber.com.tr/", ""),
        ("https://img.haber.com.tr/", ""),
        ("https://www.haber.com.tr.evil.example/", "haber.com.tr.evil.example"),
        ("https://facebook.com/x", ""),
        ("/x", ""),
        ("mailto:a@b.example", ""),
    ],
)
def test_other_sites(link: str, host: str) -> None:
    assert other_host(link, url="https://spor.haber.com.tr/a/") == host


def test_scripts_of_writing() -> None:
    assert script_of("Kısa") == ""
    assert script_of("В городе открыли новую библиотеку") == "cyrillic"
    assert script_of("激安通販送料無料財布") == "zh" or script_of("激安の財布を通販で買う") == "ja"
    assert site_of("a.b.com.tr") == "b.com.tr"
