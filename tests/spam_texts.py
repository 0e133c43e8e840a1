"""Lines as they are injected into hacked sites, of our own words and with invented names, for tests and bench/spam.py.

By language, then by what they sell: whole lines, and labels of links. Every address ends in .example (RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one spammer writes."""

    name: str
    language: str
    lines: tuple[str, ...]
    labels: tuple[str, ...]
    hosts: tuple[str, ...]


CAMPAIGNS = (
    Campaign(
        "bonus",
        "tr",
        (
            "Kumarbey deneme bonusu 2025: üye olana anında 300 TL nakit!",
            "Çevrimsiz bonus veren güvenilir siteler listesi her gün güncelleniyor.",
            "Kartopu Bahis güncel adresine buradan ulaşabilir, hemen oynamaya başlayabilirsin.",
            "Slot oyunlarında kazandıran saatler ve Zeusbey giriş linki",
        ),
        ("kumarbey giriş", "bedava bonus", "kartopu bahis", "bonus veren siteler", "zeusbey yeni adres"),
        ("kumarbey7.example", "kartopu-giris.example", "zeusbey.example", "bonusdunyasi.example"),
    ),
    Campaign(
        "loans",
        "tr",
        (
            "Kredi notu düşük olanlara 10 dakikada onay, kefilsiz nakit kredi için hemen başvurun!",
            "Senetle borç para veren güvenilir firmalar, evraksız ve masrafsız.",
            "Anında kredi almak isteyenler tıklayın: aynı gün hesabınızda.",
            "Faizsiz kredi kampanyası bugün son gün, hemen başvur.",
        ),
        ("kefilsiz kredi", "hızlı kredi başvuru", "senetle nakit", "anında kredi veren yerler"),
        ("hizlikredim.example", "senetlenakit.example", "kredi-onay.example"),
    ),
    Campaign(
        "theses",
        "tr",
        (
            "Tez yazdırma ve ödev yaptırma hizmeti: uygun fiyat, gizlilik garantili, hemen arayın!",
            "Parayla tez yazan merkez, %100 özgün, 7/24 destek.",
            "Üniversite diploması satın al, e-devlet kayıtlı diploma satın alma hizmeti.",
        ),
        ("tez yazdırma", "ödev yaptırma siteleri", "parayla tez yazdır", "diploma satın al"),
        ("tezmerkezim.example", "odevyap.example", "diploma-al.example"),
    ),
    Campaign(
        "potency",
        "tr",
        (
            "Kamagra jel satın al, kapıda ödeme ve gizli kargo ile iki günde elinizde.",
            "Geciktirici sprey fiyatları en ucuz burada, hemen sipariş ver!",
            "Zayıflama hapı ile bir ayda on kilo: indirimli satın alın.",
        ),
        ("kamagra satın al", "geciktirici sprey", "cialis fiyatları", "zayıflama çayı"),
        ("guceczanem.example", "kamagra-tr.example", "formdakal.example"),
    ),
    Campaign(
        "followers",
        "tr",
        (
            "Instagram takipçi satın al: ucuz, anında teslim, şifresiz!",
            "Replika saat modelleri kapıda ödeme ile, A kalite ve garantili.",
            "Hacklink satın al, sitenizi ilk sayfaya taşıyın.",
            "Sohbet hattı: bayan arkadaş arayanlar hemen tıklayın",
        ),
        ("takipçi satın al", "replika saat", "hacklink al", "tanışma siteleri"),
        ("takipcim.example", "saatreplika.example", "linkpazari.example", "tanis-sohbet.example"),
    ),
    Campaign(
        "casino",
        "ru",
        (
            "Клуб «Золотой Барс» — играть в слоты на деньги, вывод за пять минут без верификации.",
            "Онлайн-казино с лицензией: промокод на 200 фриспинов новым игрокам",
            "Барс Бет: ставки на спорт, актуальное зеркало на сегодня",
        ),
        ("барс казино", "играть в слоты", "ставки онлайн", "барс зеркало", "фриспины за регистрацию"),
        ("bars-club.example", "zolotoybars24.example", "barsbet.example"),
    ),
    Campaign(
        "loans",
        "ru",
        (
            "Займ на карту без отказа и проверок, деньги за 5 минут круглосуточно!",
            "Микрозаймы онлайн всем с 18 лет, оформить заявку можно здесь.",
            "Кредит под залог авто без справок, срочно и анонимно.",
        ),
        ("займ на карту", "микрозаймы онлайн", "кредит без отказа", "деньги в долг"),
        ("dengi-srazu.example", "zaim-onlain.example", "kredit-bez.example"),
    ),
    Campaign(
        "diplomas",
        "ru",
        (
            "Купить диплом о высшем образовании с занесением в реестр, доставка по стране.",
            "Курсовые на заказ недорого: дипломные и рефераты без предоплаты.",
            "Копии часов швейцарских марок со скидкой, гарантия год.",
        ),
        ("купить диплом", "курсовая на заказ", "копии часов", "купить права"),
        ("diplom-reestr.example", "kursach24.example", "tik-tak-kopii.example"),
    ),
    Campaign(
        "meetings",
        "ru",
        (
            "Сайт знакомств для взрослых: девушки рядом с вами, регистрация бесплатно.",
            "Виагра и дженерики без рецепта, анонимная доставка в день заказа.",
            "Заработок на криптовалюте без вложений: играй и выводи на карту.",
        ),
        ("знакомства без регистрации", "дженерики", "виагра купить", "крипта без вложений"),
        ("vstrechi-tut.example", "apteka-muzh.example", "kripto-dohod.example"),
    ),
    Campaign(
        "casino",
        "kk",
        (
            "Алтын Барыс казиносында тіркел де, 15000 теңге бонус ал!",
            "Онлайн слоттарда ойнап, ақшаңды картаға бірден шығар — Барысбет.",
            "Спортқа бәс тігу: үздік коэффициент, жаңа айна сайты осында.",
        ),
        ("алтын барыс казино", "слот ойындары", "бәс тігу онлайн", "казино бонус"),
        ("altynbarys.example", "barysbet-kz.example", "slot-oiyn.example"),
    ),
    Campaign(
        "loans",
        "kk",
        (
            "Шағын несие анықтамасыз, 10 минутта картаңызға түседі!",
            "Онлайн несие алу үшін тез рәсімдеңіз, кепілсіз және кепілдіксіз.",
            "Курстық жұмысқа тапсырыс бер: арзан, сапалы, мерзімінде.",
        ),
        ("онлайн несие", "шағын несие", "диплом сатып алу", "кепілсіз несие"),
        ("tez-nesie.example", "nesie24.example", "kurstyk.example"),
    ),
    Campaign(
        "essays",
        "en",
        (
            "Write my essay for me: cheap custom essays online, money back guaranteed.",
            "Best essay writing service with 24/7 support, order now and get a discount!",
            "Dissertation help from real writers, no deposit.",
        ),
        ("essay writing service", "write my paper", "cheap essays online", "dissertation help"),
        ("essay-owl.example", "papershelper.example", "writemypaper24.example"),
    ),
    Campaign(
        "pharmacy",
        "en",
        (
            "Buy generic viagra online without prescription, free shipping worldwide.",
            "Cheap cialis from a Canadian pharmacy, discount for first order.",
            "Payday loans with bad credit: apply online today, instant approval.",
        ),
        ("buy viagra online", "cheap cialis", "canadian pharmacy", "payday loans", "bad credit loans"),
        ("bluepills-rx.example", "canmeds.example", "paydaybird.example"),
    ),
    Campaign(
        "replicas",
        "en",
        (
            "Replica watches with free shipping, best prices on fake rolex of the season.",
            "Cheap jerseys wholesale from the official outlet store, order now!",
            "Meet single women online today, sign up free and start dating.",
            "Earn daily with our crypto trading bot, join now and get a bonus code.",
        ),
        ("replica watches", "cheap jerseys", "rolex outlet", "russian brides", "crypto signals"),
        ("replica-hut.example", "jerseyoutlet.example", "lovelybrides.example", "coinbot88.example"),
    ),
    Campaign(
        "casino",
        "zh",
        ("澳门线上娱乐城官网注册送彩金，真人荷官百家乐在线开户。", "博彩平台推荐：老虎机、棋牌、彩票一站式下载"),
        ("娱乐城注册", "百家乐技巧", "彩票平台", "老虎机下载"),
        ("yule8888.example", "boyu-app.example", "laohuji.example"),
    ),
    Campaign(
        "replicas",
        "ja",
        (
            "ブランドコピー財布が激安!スーパーコピー専門店、送料無料で通販中。",
            "オンラインカジノおすすめ比較、入金不要ボーナスあり。",
        ),
        ("スーパーコピー", "ルイヴィトン 財布 激安", "腕時計コピー", "カジノ ボーナス"),
        ("brandcopy-jp.example", "tokei-kopi.example", "saifu888.example"),
    ),
    Campaign(
        "loans",
        "ar",
        (
            "احصل على قرض سريع بدون كفيل، سجل الآن والموافقة خلال دقائق.",
            "أفضل موقع كازينو اون لاين مع عروض مجانية للاعبين الجدد.",
        ),
        ("قرض سريع", "كازينو اون لاين", "مراهنات رياضية", "تمويل شخصي"),
        ("qard-now.example", "kazino-arab.example", "rahan24.example"),
    ),
)
