"""What an edit changed: facts, wording or trifles, in Turkish, Kazakh, Russian and English as newspapers write them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from archive.differences import diff_words
from archive.substance import MOST_LETTERS, Said, Substance, Weight, substance

TITLE = "Astana’da toplantı"


def edit(old: str, new: str, language: str | None = "tr") -> Substance:
    return substance(Said(TITLE, None, old), Said(TITLE, None, new), language)


@pytest.mark.parametrize(
    ("language", "old", "new", "what"),
    [
        # numbers
        ("tr", "Kazada 12 kişi yaralandı.", "Kazada 15 kişi yaralandı.", "a number: 12 → 15"),
        ("tr", "Ekmek yüzde on zamlandı.", "Ekmek yüzde yirmi zamlandı.", "a number: on → yirmi"),
        ("tr", "Ekmek yüzde on beş zamlandı.", "Ekmek yüzde 16 zamlandı.", "a number: on beş → 16"),
        ("tr", "Dolar 18,5 liraya çıktı.", "Dolar 18,7 liraya çıktı.", "a number: 18,5 → 18,7"),
        ("tr", "Ticaret 1.234,5 milyon dolara ulaştı.", "Ticaret 1.243,5 milyon dolara ulaştı.",
         "a number: 1.234,5 milyon → 1.243,5 milyon"),
        ("tr", "12 Türk ve 15 Kazak geldi.", "15 Türk ve 12 Kazak geldi.", "2 numbers: 12 → 15, 15 → 12"),
        ("tr", "Kazada ölen oldu.", "Kazada ölen oldu. Yaralı sayısı 7’ye çıktı.",
         "a number: +7’ye; wording: +Yaralı sayısı çıktı"),
        ("ru", "Выросло на 12 процентов, до 1 500 тенге.", "Выросло на 15 процентов, до 1 700 тенге.",
         "2 numbers: 12 → 15, 1 500 → 1 700"),
        ("kk", "Бағасы 12 пайызға өсті.", "Бағасы 15 пайызға өсті.", "a number: 12 → 15"),
        ("kk", "Оған он екі адам келді.", "Оған жиырма адам келді.", "a number: он екі → жиырма"),
        # dates
        ("tr", "Tören 5 Ekim 2017’de yapıldı.", "Tören 6 Ekim 2017’de yapıldı.",
         "a date: 5 Ekim 2017’de → 6 Ekim 2017’de"),
        ("tr", "TÖREN 5 KASIM 2017 günü.", "Tören 5 Aralık 2017 günü.", "a date: 5 KASIM 2017 → 5 Aralık 2017"),
        ("tr", "Heyet Cuma günü döndü.", "Heyet Perşembe günü döndü.", "a date: Cuma → Perşembe"),
        ("ru", "Визит прошёл 5 октября 2017 года.", "Визит прошёл 6 октября 2017 года.",
         "a date: 5 октября 2017 → 6 октября 2017"),
        ("kk", "Жиын 2017 жылғы 5 қазанда өтті.", "Жиын 2017 жылғы 6 қазанда өтті.",
         "a date: 2017 жылғы 5 қазанда → 2017 жылғы 6 қазанда"),
        # names
        ("tr", "Toplantıya Rusya Dışişleri Bakanı Sergey Lavrov katıldı.",
         "Toplantıya Rusya Dışişleri Bakanı Vladimir Putin katıldı.", "a name: Sergey Lavrov → Vladimir Putin"),
        ("tr", "Lavrov Astana’ya geldi. Bakan Lavrov konuştu.", "Putin Astana’ya geldi. Bakan Putin konuştu.",
         "a name: Lavrov → Putin"),
        ("tr", "Uçak dün Iğdır’a indi.", "Uçak dün İzmir’e indi.", "a name: Iğdır’a → İzmir’e"),
        ("tr", "Bakan İçişleri komisyonunda konuştu.", "Bakan Dışişleri komisyonunda konuştu.",
         "a name: İçişleri → Dışişleri"),
        ("ru", "Об этом сообщил президент Назарбаев.", "Об этом сообщил президент Токаев.",
         "a name: Назарбаев → Токаев"),
        ("kk", "Кеше министр Әбдірахманов сөз сөйледі.", "Кеше министр Тілеуберді сөз сөйледі.",
         "a name: Әбдірахманов → Тілеуберді"),
        ("en", "The minister met Mr Lavrov in Astana.", "The minister met Mr Putin in Almaty.",
         "2 names: Lavrov → Putin, Astana → Almaty"),
    ],
)  # fmt: skip
def test_another_number_date_or_name_is_an_edit_of_substance(language: str, old: str, new: str, what: str) -> None:
    found = edit(old, new, language)

    assert (found.summary, found.weight) == (what, Weight.SUBSTANCE)


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("tr", "Nüfus 1.234.500 oldu.", "Nüfus 1234500 oldu."),
        ("tr", "Nüfus 1.234.500 oldu.", "Nüfus 1 234,5 bin oldu."),
        ("tr", "Bütçe 2,5 milyar tenge.", "Bütçe 2.500.000.000 tenge."),
        ("tr", "Saat 17:45’te başladı.", "Saat 17.45'te başladı."),
        ("tr", "Yüzde 12 arttı.", "Yüzde 12,0 arttı."),
        ("tr", "Yirmi beş kişi geldi.", "25 kişi geldi."),
        ("tr", "Tören 5 Ekim 2017'de yapıldı.", "Tören 05.10.2017'de yapıldı."),
        ("tr", "Tören 2017-10-05 günü.", "Tören 5 EKİM 2017 günü."),
        ("tr", "ISPARTA’dan İZMİR’e gidildi.", "Isparta'dan İzmir'e gidildi."),
        ("tr", "“Evet” dedi, Bakan.", '"Evet" dedi Bakan…'),
        ("ru", "Выросло до 1\u00a0500,50 тенге.", "Выросло до 1500,5 тенге."),
        ("ru", "Ещё двадцать пять человек.", "Еще 25 человек."),
        ("kk", "Бюджет 3 млн теңге.", "Бюджет 3 000 000 теңге."),
        ("en", "It cost 1,234.5 million dollars.", "It cost 1.2345 billion dollars."),
    ],
)
def test_another_way_to_print_the_same_is_a_trifle(language: str, old: str, new: str) -> None:
    assert edit(old, new, language) == Substance(Weight.TRIFLE, ("punctuation, capitals or spacing",))


@pytest.mark.parametrize(
    ("language", "old", "new", "what"),
    [
        ("tr", "Fiyatlar hızla arttı.", "Fiyatlar hızla yükseldi.", "wording: arttı → yükseldi"),
        ("tr", "Bakan Astana’ya geldi.", "Bakan Astana’dan ayrıldı.", "wording: Astana’ya geldi → Astana’dan ayrıldı"),
        ("tr", "Heyette Kazakistan vardı.", "Heyette Kazakistanlı vardı.", "wording: Kazakistan → Kazakistanlı"),
        ("tr", "Tören 5 Ekim’de oldu.", "Tören 5 Ekim 2017’de oldu.", "wording: 5 Ekim’de → 5 Ekim 2017’de"),
        ("tr", "Birinci.\n\nİkinci 40.", "İkinci 40.\n\nBirinci.", "the order of paragraphs"),
        ("tr", "Toplantı bitti.",
         "Toplantı bitti. Yarın yine bir araya gelecekler ve ayrıntıları tek tek ele alacaklar.",
         "wording: 11 words added, 0 removed"),
        ("ru", "Поездка Назарбаева прошла.", "Визит Назарбаева прошёл.", "wording: Поездка прошла → Визит прошёл"),
        ("kk", "Елбасы кеше Астанада болды.", "Елбасы кеше Астанаға келді.",
         "wording: Астанада болды → Астанаға келді"),
    ],
)  # fmt: skip
def test_the_same_in_other_words_is_wording(language: str, old: str, new: str, what: str) -> None:
    found = edit(old, new, language)

    assert (found.summary, found.weight) == (what, Weight.WORDING)


def test_a_headline_counts_by_its_words() -> None:
    def retitled(old: str, new: str) -> Substance:
        return substance(Said(old, None, "Metin."), Said(new, None, "Metin."), "tr")

    assert retitled("Ekmek zamlandı", "Ekmek ucuzladı").changes == ("headline: Ekmek zamlandı → Ekmek ucuzladı",)
    assert retitled("Ekmek zamlandı", "EKMEK ZAMLANDI!").weight is Weight.TRIFLE
    assert retitled("Ekmek zamlandı", "Ekmek  zamlandı").changes == ("layout",)
    assert edit("Bir cümle. Bir cümle daha.", "Bir cümle.\n\nBir cümle daha.").changes == ("layout",)
    long = retitled("Ekmek " * 40, "Simit " * 40).summary
    assert len(long) < 180 and " … → Simit" in long


def test_a_lead_that_the_text_repeats_is_said_once() -> None:
    text = "Fırıncılar un fiyatından yakındı.\n\nZam yolda."

    with_lead = Said(TITLE, "Fırıncılar un fiyatından yakındı.", text)

    assert substance(Said(TITLE, None, text), with_lead, "tr").weight is Weight.TRIFLE
    other = with_lead._replace(lead="Zam yüzde 12.")
    assert substance(with_lead, other, "tr").summary == "a number: +12; wording: +Zam yüzde"


def test_what_moved_within_the_text_is_no_other_fact() -> None:
    old = "Bakan Lavrov 12 Ekim 2017 günü Astana’da konuştu.\n\nDolar 18 lira."
    new = "Dolar 18 lira.\n\nBakan Lavrov 12 Ekim 2017 günü Astana’da konuştu."

    assert edit(old, new).weight is Weight.WORDING


def test_german_nouns_are_no_names() -> None:
    assert edit("Er sah den Hund.", "Er sah den Vogel.", "de").summary == "wording: Hund → Vogel"


@pytest.mark.parametrize("words", [200, 1_500, 20_000])
def test_hostile_texts_are_compared_in_bounded_time(words: int) -> None:
    pool, chance = [f"söz{n}" for n in range(90)], random.Random(1)
    texts = [" ".join(chance.choices(pool, k=words)) for _ in range(2)]
    twins = ["a b " * (words // 2), "a c " * (words // 2)]
    parts = [text.replace(" ", "\n\n") for text in texts]

    began = time.process_time()
    for old, new in (texts, twins, parts):
        edit(old, new)

    assert time.process_time() - began < 8


def _word(chance: random.Random, letters: int = 8) -> str:
    return "".join(chance.choices("abcdefghijklmnoprstuvyz", k=letters))


TRAPS: dict[str, Callable[[random.Random], str]] = {  # shape → a piece of text, never twice the same
    "capitalised words": lambda chance: f"ve {_word(chance).capitalize()} ",
    "short names": lambda chance: f"e {_word(chance, 3).capitalize()} ",
    "numbers": lambda chance: f"{chance.randrange(10**8)} ile ",
    "digits": lambda chance: f"{chance.randrange(10)} ",
    "dates": lambda chance: f"{chance.randint(1, 28)} Ekim{chance.choice(['', f' {chance.randint(1900, 2099)}'])} ve ",
    "short paragraphs": lambda chance: f"p{chance.randrange(110)} metin\n\n{_word(chance)}\n\n",
    "lines of one word": lambda chance: f"{_word(chance, 2)}\n",
    "paragraphs of one letter": lambda chance: f"{chance.choice('ab')}\n\n",
}


@pytest.mark.parametrize("letters", [MOST_LETTERS - 1_000, 1_000_000])
@pytest.mark.parametrize("shape", TRAPS)
def test_no_shape_of_a_long_text_takes_long(shape: str, letters: int) -> None:
    """Each took a minute or more in the indexer's transaction, where the lengths were not bounded."""
    chance = random.Random(3)
    pieces = [[TRAPS[shape](chance) for _ in range(letters // 3)] for _ in range(2)]
    old, new = ("".join(side)[:letters] for side in pieces)

    began = time.process_time()
    edit(old, new)
    weighed = time.process_time()
    diff_words(old, new)

    assert weighed - began < 6  # 1 s where nothing else runs
    assert time.process_time() - weighed < 10


@pytest.mark.parametrize("words", [1, 5, 40, 300, 1_400])
def test_many_changed_paragraphs_between_others_do_not_take_long(words: int) -> None:
    chance, pool = random.Random(4), [f"söz{n}" for n in range(110)]
    anchors = [_word(chance) for _ in range(140_000 // (9 + 6 * words))]
    old, new = ("\n\n".join(f"{one}\n\n{' '.join(chance.choices(pool, k=words))}" for one in anchors) for _ in "ab")

    began = time.process_time()
    edit(old, new)
    diff_words(old, new)

    assert time.process_time() - began < 10  # 2 s where nothing else runs


@pytest.mark.parametrize("items", [1_400, 2_900, 5_900])
@pytest.mark.parametrize("between", [" ", "\n", "\n\n"])
def test_every_second_word_or_paragraph_may_change(between: str, items: int) -> None:
    chance, old, new = random.Random(7), list[str](), list[str]()
    for _ in range(items // 2):
        kept = f"söz{chance.randrange(70)}"
        old, new = [*old, kept, _word(chance)], [*new, kept, _word(chance)]

    began = time.process_time()
    edit(between.join(old), between.join(new))
    diff_words(between.join(old), between.join(new))

    assert time.process_time() - began < 9  # 3 s where nothing else runs


def test_a_change_in_a_text_too_long_to_be_read_whole_is_told_from_its_paragraphs() -> None:
    chance = random.Random(5)
    parts = [f"Bakan {_word(chance)} ile konuştu." for _ in range(10_000)]
    edited = [*parts[:5_000], "Kazada 12 kişi yaralandı.", *parts[5_000:]]
    corrected = [*parts[:5_000], "Kazada 15 kişi yaralandı.", *parts[5_000:]]

    old, new = "\n\n".join(edited), "\n\n".join(corrected)

    assert edit(old, new).summary == "a number: 12 → 15"
    assert edit(old, old.upper()).weight is Weight.TRIFLE
    assert edit(old, old.replace(" ", "  ")).summary == "layout"
    assert edit(old, "\n\n".join(reversed(edited))).summary == "the order of paragraphs"
    assert [piece.text for piece in diff_words(old, new) if piece.change != "same"] == ["12", "15"]


def test_of_a_text_changed_throughout_and_too_long_the_words_are_counted() -> None:
    chance = random.Random(6)
    old, new = (" ".join(_word(chance) for _ in range(40_000)) for _ in range(2))

    assert edit(old, new).summary == "wording: 40000 words added, 40000 removed"
    assert edit(old, old + " 2017").summary == "names or numbers among 1 words added, 0 removed"
    assert edit(old, old.replace(" ", ", ")).weight is Weight.TRIFLE


def test_every_digit_of_a_long_number_counts() -> None:
    long = "1234567890" * 3

    assert edit(f"Sayı {long}1 oldu.", f"Sayı {long}2 oldu.").weight is Weight.SUBSTANCE


def test_whatever_a_page_says_is_weighed() -> None:
    """The indexer asks in its transaction: nothing may be raised."""
    chance, signs = random.Random(2), "aA İIıi0123456789.,:;’'-–“”\n\t\u0301\u00a0әҚж²½٣一\U0001f600"
    words = ["yüz", "milyar", "bir", "5 Ekim", "2017 жылғы", "31.02.2017", "0000-00-00", "Cuma’", "9" * 5_000, "1.234,"]
    hostile = [" ".join(["yüz"] * 300_000), "9" * 2_000_000, "1.234" * 100_000, "milyar " * 100_000]
    texts = ["".join(chance.choices(signs, k=60)) for _ in range(300)]
    texts += [" ".join(chance.choices(words, k=10)) for _ in range(300)]

    began = time.process_time()
    for language in ("tr", "kk", "ru", "de", "zh", None):
        for old, new in pairwise(texts):
            assert edit(old, new, language).summary
    for text in hostile:
        assert edit(text, text + " son", "tr").summary

    assert time.process_time() - began < 60
