"""Folding, the language of a text, and words that find each other however they are written or typed."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from archive.language import find_words, fold, language_of, lower, read_words, search_pairs, search_terms, written_words

SHARED_SENTENCES = Path(__file__).parents[2] / "shared" / "data" / "search"


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("İstanbul ISPARTA ısı iğne", "istanbul isparta isi igne"),
        ("KASIM", "kasim"),
        ("İ".lower(), "i"),  # i and a combining dot
        ("I\u0307zmir", "izmir"),
        ("ÇĞÖŞÜ çğöşü", "cgosu cgosu"),
        ("Kâğıt, îmân, sükûn", "kagit, iman, sukun"),
        ("s\u0327eker", "seker"),  # decomposed, as macOS writes it
        ("Ёлка, йод, Щука", "елка, йод, щука"),
        ("и\u0306од", "йод"),  # a decomposed й stays й
        ("ӘҒҚҢӨҰҮҺІ", "әғқңөұүһі"),
        ("Qazaqstan naýryz şañyraq", "qazaqstan nayryz sanyraq"),
        ("Astana’da Astana'da Astanaʼda Astana`da", "astana'da " * 3 + "astana'da"),
        ("Straße Æther Łódź", "strasse aether lodz"),
        ("so\u00adft\u200b", "soft"),
        ("", ""),
    ],
)
def test_folding_for_comparison(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_folding_twice_is_folding_once() -> None:
    every_letter = "".join(chr(code) for code in range(0x20, 0x2000))

    assert fold(fold(every_letter)) == fold(every_letter)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("ISPARTA İZMİR", "tr", "ısparta izmir"),
        ("ISPARTA", "az", "ısparta"),
        ("QYZYLORDA ŞI", "kk-latin", "qyzylorda şı"),
        ("FIFA", "en", "fifa"),
        ("FIFA", None, "fifa"),
        ("ҚАЗАҚСТАН", "kk", "қазақстан"),
    ],
)
def test_lower_case_by_the_rules_of_the_language(text: str, language: str | None, expected: str) -> None:
    assert lower(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cumhurbaşkanı bugün bir açıklama yaptı.", "tr"),
        ("KAZAKİSTAN HABERLERİ", "tr"),
        ("Toplanti bugun Astana ile ilgili bir aciklama ve imza ile sona erdi", "tr"),
        ("Bonus veren siteler listesi burada bulunuyor", "tr"),
        ("Президент бүгін мәлімдеме жасады", "kk"),
        ("Қазақ", "kk"),
        ("Qazaqstannıñ prezidenti bügin mälimdeme jasadı", "kk"),
        ("Qazaqstan Respublikasy prezidenti búgin málimdeme jasady", "kk"),
        ("Президент Казахстана сделал сегодня заявление", "ru"),
        ("Глава МИД Мұрат Нұртілеу прибыл с официальным визитом в столицу соседнего государства в среду", "ru"),
        ("Українська мова є державною", "uk"),
        ("The president of Kazakhstan made a statement today", "en"),
        ("Der Präsident hat in Berlin mit der Presse gesprochen und ist abgereist", "de"),
        ("Prezident bu gün əhəmiyyətli bəyanat verdi", "az"),
        ("Алматы", None),
        ("Haber", None),
        ("Samsung Galaxy Note", None),
        ("2017 / 17:45", None),
        ("日本語のテキスト", None),
        ("", None),
    ],
)
def test_the_language_of_a_text(text: str, expected: str | None) -> None:
    assert language_of(text) == expected


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("Haber", "tr", "tr"),
        ("Алматы", "kk", "kk"),
        ("порно", "tr", None),  # a Turkish page explains no Cyrillic
        ("Haber", "ru", None),
        ("Қазақстан жаңалықтары", "tr", "kk"),  # the text speaks for itself
        ("123", "tr", None),
    ],
)
def test_a_hint_decides_only_what_the_text_leaves_open(text: str, hint: str, expected: str | None) -> None:
    assert language_of(text, hint=hint) == expected


SAME = [
    ("Astana", "Astana’da", "Astana'nın", "astanaʼya", "ASTANA`DAN", "astanada", "Astanalı"),
    ("Kazakistan", "KAZAKİSTAN", "KAZAKISTAN", "Kazakistan’ın", "kazakistanda", "Kazakistandan"),
    ("İstanbul", "ISTANBUL", "istanbul", "ıstanbul", "i̇stanbul", "İSTANBUL'DA", "istanbulda"),
    ("kırım", "KIRIM", "Kırım'ın"),
    ("çalışıyor", "calisiyor", "CALISIYOR", "ÇALIŞIYORLAR", "çalışmak", "calismak", "çalıştı"),
    ("öğrenci", "öğrenciler", "ogrenciler", "ogrencilerin", "ÖĞRENCİLERİN", "OGRENCI"),
    ("seçim", "seçimlerde", "secimlerde", "SEÇİMLERİN", "SECIM"),
    ("cumhurbaşkanı", "cumhurbaskani", "Cumhurbaşkanının", "CUMHURBAŞKANI'NIN"),
    ("kâğıt", "kağıt", "kagit", "kâğıdı"),
    ("rüzgâra", "rüzgar", "RÜZGARIN"),
    ("Kur’an", "Kur'an'ın", "Kuran"),
    ("Tokayev", "Tokayev'in", "Tokayevin", "TOKAYEV"),
    ("2017", "2017'de", "2017’nin"),
    ("Қазақстан", "қазақстанда", "ҚАЗАҚСТАННЫҢ", "Қазақстанмен"),
    ("кітап", "кітабы", "кітаптар", "кітаптарды", "кiтап"),
    ("өңір", "өңірлерде", "өңірдегі", "ӨҢІРЛЕР"),
    ("Тоқаев", "Тоқаевтың"),
    ("ёлка", "елки", "ЁЛКУ"),
    ("заявление", "заявления", "ЗАЯВЛЕНИЯМИ"),
    ("Токаев", "Токаева"),
    ("COVID", "covid", "Covid'e"),
    # one word that the dictionary gives several lemmas
    ("güzellik", "güzelliği", "güzelliğinden", "GUZELLIGINDEN"),
    ("seçmen", "seçmenin", "seçmenler", "SECMENLERIN"),
    ("tüketici", "tüketicilere", "tuketiciler"),
    ("gerçekleşmek", "gerçekleşti", "GERCEKLESMEK"),
    ("ayırıyor", "ayıracağım", "ayırmak"),
    ("okşamak", "okşar", "okşuyor"),
    ("okumak", "oku", "okuyor"),
    ("Evenler", "Evenlerin", "evenlerden"),
    ("gerçekleştirdi", "gerçekleştirildi", "gerçekleşmesi", "gerçekleştirebilmek"),  # and not "gerçek", truth
    ("çevirdi", "çevrildi", "çevrilen", "CEVIRMEK"),
    ("belirtmek", "belirtti", "belirtiyor"),
    ("dönmek", "döndü", "dönen", "dönenler"),
    ("sever", "severler", "sevdi"),
    ("taşır", "taşıyor", "taşımak"),
    ("merkez", "merkezi", "merkezinde", "MERKEZİ"),
    ("amaç", "amaçla", "amacı"),
    ("secim", "seçim", "SEÇİM"),  # and not "seci" of mine
    ("Qazaqstan", "QAZAQSTANDA", "Qazaqstannyñ", "Қазақстан"),
    ("jañalyqtar", "жаңалықтар"),
]


@pytest.mark.parametrize("forms", SAME, ids=lambda forms: str(forms[0]))
def test_forms_of_one_word_have_one_term(forms: tuple[str, ...]) -> None:
    terms = {form: search_terms(form) for form in forms}

    assert len({tuple(words) for words in terms.values()}) == 1, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ölüm", "olmak"),
        ("Astana", "aş"),
        ("Алматы", "алма"),
        ("kadın", "kadı"),
        ("шық", "шик"),
        ("қазан", "казан"),
        ("oku", "ok"),
        ("alan", "almak"),
        ("yazar", "yazmak"),
        ("ekmek", "ek"),
    ],
)
def test_other_words_have_other_terms(one: str, other: str) -> None:
    assert search_terms(one) != search_terms(other)


@pytest.mark.parametrize(
    ("typed", "found", "not_found"),
    [
        ("kalmak", "kalan", "kalın"),
        ("görüşmek", "görüşme", "görünüş"),
        ("kuşku", "kuşkusuz", "kuşak"),
    ],
)
def test_a_word_also_stands_for_the_forms_that_are_words_of_their_own(typed: str, found: str, not_found: str) -> None:
    """Not the other way round: who looks for a minister, "bakan", does not mean everybody who looks."""
    rows = {row for word in read_words(f"{found} {not_found}") for row in word.rows}
    (root,), (term,) = search_terms(typed), search_terms(found)

    assert [one for form, one in rows if form == root] == [term]
    assert root not in [one for form, one in rows if form == fold(found)]


def test_terms_come_in_the_order_of_the_text() -> None:
    text = "Astana’da, 2017'de: öğrenciler — «Қазақстанда» O'Neill"

    assert search_terms(text) == ["astana", "2017", "ogrenci", "қазақстан", "oneill"]


def test_pairs_keep_the_folded_form_beside_the_term() -> None:
    assert search_pairs("Öğrencilerin Astana’dan", "tr") == [("ogrencilerin", "ogrenci"), ("astana", "astana")]


def test_a_word_of_either_cyrillic_language_has_both_terms() -> None:
    """Nothing in "балалар" tells Kazakh from Russian; in a text that is Kazakh it has the Kazakh term only."""
    asked = {term for _, term in search_pairs("балалар")}

    written = search_terms("Балалар үшін ән кеші өтті")

    assert written[0] in asked
    assert len(asked) == 2


def test_a_plainly_typed_word_finds_the_written_one_through_the_vocabulary() -> None:
    """ "olum" may be a form of "olmak" as well; the vocabulary of the texts knows that it was written "ölüm"."""
    vocabulary = defaultdict(set)
    for form, term in search_pairs("Ölüm haberi geldi", "tr"):
        vocabulary[form].add(term)

    ((form, term),) = search_pairs("olum")

    assert {term} | vocabulary[form] >= set(search_terms("ölüm"))


@pytest.mark.parametrize("text", ["", " \n", "!?…—«»", "'", "’’’", "\x00", "\u0307", "😀"])
def test_text_without_words_has_no_terms(text: str) -> None:
    assert search_terms(text) == []


def test_every_term_is_one_token_for_sqlite() -> None:
    text = "Åse i̇ş é\u0301 x\u0301y naïve ½ ² ﬁ 日本 A\u200bB Ŀl ҚаЗ’аҚ ʼn"

    assert search_terms(text) and all(term.isalnum() and term == term.lower() for term in search_terms(text))


@pytest.mark.parametrize(
    "text", ["Astana’da İSTANBUL", "'Astana' ve astana-", "æ Astana", "i̇ş A\u200bstana", "naASTANA aastana"]
)
def test_words_are_found_by_their_first_letters_as_among_all(text: str) -> None:
    forms = frozenset({"astana", "istanbul", "is"})

    assert find_words(text, forms) == [word for word in written_words(text) if word[2] in forms]
    assert find_words(text, frozenset(), ("ast",)) == [word for word in written_words(text) if word[2][:3] == "ast"]


def test_long_words_take_no_long_time() -> None:
    """2 ** 10 spellings are tried at most, and 64 letters read, whatever a page writes."""
    letters = {"cgiosu", "x", "қа", "лар", "я", "字", "a'"}

    assert all(len(term) <= 64 for word in letters for term in search_terms(word * 200_000))


def test_no_dictionary_is_loaded_on_import() -> None:
    code = "import sys, archive.language; archive.language.fold('İ'); print('simplemma' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.shared
@pytest.mark.parametrize(("language", "recall", "precision"), [("tr", 0.945, 0.89), ("kk", 0.92, 0.91)])
def test_words_find_the_sentences_that_hold_their_lemma(language: str, recall: float, precision: float) -> None:
    """Floors a little below the table that bench/search_quality.py prints."""
    if not SHARED_SENTENCES.exists():
        pytest.skip("../shared is not here")
    bench = runpy.run_path(str(Path(__file__).parents[1] / "bench" / "search_quality.py"))
    sentences = bench["read_sentences"](SHARED_SENTENCES / bench["SENTENCES"][language])
    queries = bench["typed_queries"](sentences, language)

    rows, match = bench["approaches"](sentences, language)["search_terms with vocabulary"]
    found_recall, found_precision = bench["measure"](rows, match, queries)["all"]

    assert len(queries) > 100
    assert found_recall >= recall
    assert found_precision >= precision
