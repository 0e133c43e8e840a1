"""What injected text is made of, as patterns on folded words: subjects, pitches, how news speaks, how addresses read.

Data alone; lexicon.py says how they are looked up. Each branch begins with three plain letters, by which it is found.
"""

from __future__ import annotations

import re

# Subjects → patterns that begin at a word. Those of VICE are hardly ever a site's own business; the others are what
# news writes about too, and weigh less.
VICE = ("gambling", "sex", "potency", "forgery", "loans", "dating")
TOPICS = {
    "gambling": (
        r"casino\w*|kumarhane\w*|kumar (?:site|oyna|oyun)\w*|bahis\w*|betting (?:site|odds|tip|online|bonus|app)\w*"
        r"|(?:sports?|online|live) betting|iddaa\w*|slots?|slot (?:oyun|site)\w*|rulet(?:i|te)?|rulet oyun\w*"
        r"|poker\w*|jackpot\w*|bookmaker\w*|bookie\w*|free ?spins?|freebet\w*|sportsbook\w*|baccarat\w*"
        r"|bakara (?:oyna|site)\w*|blackjack\w*|roulette|gambling|bingo sit\w*|sweet bonanza|gates of olympus"
        r"|aviator oyun\w*|deneme bonus\w*|cevrimsiz bonus\w*|sartsiz (?:bonus|deneme)\w*|hosgeldin bonus\w*"
        r"|kayip bonus\w*|yatirim bonus\w*|1xbet|mostbet|vavada|pin-?up|melbet|bahsegel|spor bahis\w*|казино\w*"
        r"|букмекер\w*|ставк\w+ на спорт|ставк\w+ онлайн|игров\w+ автомат\w*|слоты?|слотов|слоттар\w*|слот ойын\w*"
        r"|рулетк\w*|покер\w*|фриспин\w*|фрибет\w*|джекпот\w*|онлайн слот\w*|бәс тіг\w+|ойын автомат\w*"
        r"|құмар ойын\w*|тотализатор\w*|лудоман\w*|ставкалар\w*|krupiye\w*|slot (?:kazandir|jackpot|masa)\w*"
        r"|hangi slot\w*|canli bahis\w*|bets with|sports bets?|spin the reels|win big at|highest odds"
        r"|вулкан (?:россия|клуб|казино|вегас|платинум)|крути\w* барабан\w*|игровой клуб|футболға ставка"
        r"|ставка қой\w*|лотере\w* онлайн"
    ),
    "sex": (
        r"porno?\w*|xxx|sex shop|sikis(?:me\w*|en\w*|leri?|i)|escorts?|eskort\w*|seks (?:video|hikaye|film)\w*"
        r"|sex (?:video|chat|hikaye|film|cam)\w*|ifsa izle\w*|adult (?:video|dating|chat)\w*|webcam girl\w*"
        r"|nude\w* girl\w*|порн\w+|эскорт\w*|проститут\w+|секс\w*|интим\W?услуг\w*|интим знакомств\w*"
        r"|девушк\w+ по вызову|жезөкше\w*|hot singles|call girls?|milf|mutlu son\w*|yetiskin (?:film|video)\w*"
        r"|индивидуалк\w*|досуг для мужчин"
    ),
    "potency": (
        r"viagra\w*|cialis\w*|levitra\w*|kamagra\w*|sildenafil\w*|tadalafil\w*|vardenafil\w*|tramadol\w*|xanax\w*"
        r"|modafinil\w*|oxycodone\w*|geciktirici\w*|penis buyut\w*|ereksiyon hap\w*|cinsel guc\w*|afrodizyak\w*"
        r"|zayiflama (?:hap|cay|urun)\w*|kilo verdiren\w*|weight loss (?:pill|tea)\w*|diet pill\w*|online pharmac\w*"
        r"|online drugstore\w*|generic (?:pill|drug|med)\w*|canadian pharmac\w*|виагр\w*|сиалис\w*|левитр\w*"
        r"|силденафил\w*|дженерик\w*|дапоксетин\w*|для потенци\w+|потенцияны\w*|таблетк\w+ для похуд\w+"
        r"|средств\w+ для похуд\w+|арықтату\w* (?:шай|дәрі)\w*|онлайн.аптек\w+|penis\w*|erken bosalma\w*"
        r"|ereksiyon\w*|sertlesme sorun\w*|cinsel (?:performans|istek)\w*|hydrocodone|ambien|adderall|valium"
        r"|oxycontin|phentermine|no rx|мужск\w+ сил\w+|эрекци\w+|увеличени\w+ член\w*|ерлер қуат\w*|еркектік қуат\w*"
    ),
    "forgery": (
        r"replika (?:saat|canta|ayakkabi|urun)\w*|replica\w* (?:watch|bag|handbag|shoe|rolex)\w*|fake rolex\w*"
        r"|imitasyon (?:saat|canta)\w*|cheap (?:jersey|nike|ugg|ray.?ban|oakley|rolex|louis|gucci)\w*"
        r"|rolex replica\w*|essay writ\w*|essays? (?:for sale|online|service)\w*|write my (?:essay|paper)\w*"
        r"|custom (?:essay|paper)\w*|term papers? (?:for|online|help|writ)\w*|dissertation (?:writ|help|serv)\w*"
        r"|homework help\w*|paper writing serv\w*|tez (?:yazdir|yaptir|yazim merkez)\w*|odev (?:yaptir|yazdir"
        r"|yapan)\w*|parayla (?:tez|odev)\w*|(?:sahte )?diploma satin\w*|sahte (?:diploma|kimlik|pasaport)\w*"
        r"|ehliyet satin\w*|hacklink\w*|backlink\w*|takipci (?:satin|hile|paket)\w*|instagram takipci\w*"
        r"|begeni satin\w*|buy (?:follower|likes|diploma|backlink|essay|viagra)\w*|iptv (?:satin|uyelik|bayi)\w*"
        r"|warez\w*|keygen\w*|реплик\w+ (?:час|сум|бренд)\w*|копи\w+ (?:час|брендов|швейцарск|сумок)\w*|люкс копи\w*"
        r"|курсов\w+ на заказ|дипломн?\w* на заказ|диплом\w* (?:купить|недорого|с занесением|о высшем)"
        r"|купить диплом\w*|купить (?:права|паспорт|справк\w+|аккаунт\w*|аттестат\w*)|реферат\w* на заказ"
        r"|диссертаци\w+ на заказ|контрольн\w+ на заказ|накрутк\w+ (?:лайк|подписч|просмотр)\w*|прогон сайт\w*"
        r"|курстық жұмыс\w* (?:тапсырыс|сатып|жаз)\w*|дипломдық жұмыс\w* (?:тапсырыс|сатып|жаз)\w*|диплом сатып\w*"
        r"|tez (?:yazan|danisman|hazirla)\w*|tezini\w* (?:biz|yaz)\w*|odev(?:ini\w*|leri\w*)? (?:hazir|yap|yaz)\w*"
        r"|birebir (?:kopya|canta|saat|urun)\w*|kopya (?:canta|saat|urun)\w*|dofollow\w*|link paketi\w*"
        r"|begeni ve izlenme\w*|izlenme paket\w*|takipci ve begeni\w*|term papers?|phd writers?|designer (?:bags?"
        r"|handbags?) (?:outlet|sale|replica)\w*|louis vuitton (?:outlet|sale|replica)\w*|аттестаты и дипломы"
        r"|диплом\w* любого вуза|гознак|напишем (?:курсов|диплом|реферат|диссерт)\w*|(?:курсов|дипломн)\w+ под ключ"
        r"|копии сумок|люксов\w+ копи\w*|дипломын жасай\w*|диплом жаса\w*|курстық жұмыс жаз\w*"
    ),
    "loans": (
        r"payday loan\w*|personal loan\w*|quick loan\w*|instant loan\w*|cash advance\w*|cash loan\w*|loans? online"
        r"|bad credit\w*|no credit check|credit repair\w*|kefilsiz (?:kredi|nakit)\w*|senetle (?:nakit|borc"
        r"|kredi)\w*|hizli kredi\w*|aninda (?:kredi|nakit)\w*|evraksiz kredi\w*|faizsiz (?:kredi|nakit|borc)\w*"
        r"|tefeci\w*|borc para veren\w*|nakit avans\w*|kredi notu dusuk\w*|sms kredi\w*|микрозайм\w*|займ(?:ы|ов"
        r"|а)? (?:на карту|онлайн|без)|онлайн.займ\w*|кредит\w* под залог|кредит\w* без\w*|кредит\w* онлайн"
        r"|кредит\w* наличн\w*|деньги в долг|деньги под залог|деньги на карту|срочн\w+ (?:кредит|займ|деньги)\w*"
        r"|автоломбард\w*|микронесие\w*|шағын несие\w*|несие ал\w*|онлайн несие\w*|кепілсіз несие\w*|жедел несие\w*"
        r"|қарызға ақша\w*|acil (?:nakit|kredi|para)\w*|nakit ihtiyac\w*|kredi cebini\w*"
        r"|kara liste\w* .{0,12}kredi\w*|kredi veren (?:banka\w* ve|firma|yer)\w*|sicili bozuk\w*|kredi gunu\w*"
        r"|same day loans?|bad credit borrower\w*|деньги до зарплаты|кредит\w* пенсионер\w*|займ\w* (?:безработн"
        r"|пенсионер|студент)\w*|с плохой (?:кредитной )?историей|жалақыға дейін\w*|ақша керек\w*|қарыз ақша\w*"
    ),
    "coins": (
        r"bitcoin\w*|ethereum\w*|kripto\w*|crypto\w*|airdrop\w*|forex\w*|ikili opsiyon\w*|binary option\w*|usdt"
        r"|altcoin\w*|биткоин\w*|биткойн\w*|крипт\w+|эфириум\w*|форекс\w*|бинарн\w+ опцион\w*|трейдинг\w*|трейдер\w*"
        r"|pasif gelir\w*|kazanc garantisi\w*|double your (?:bitcoin|money|crypto)|passive income"
        r"|торгуй\w* на бирж\w*|торгов\w+ бот\w*|пассивн\w+ доход\w*|заработ\w+ без вложен\w*"
    ),
    "dating": (
        r"tanisma (?:site|uygulama)\w*|arkadaslik site\w*|evlilik site\w*|bayan arkadas\w*|sohbet hatti\w*"
        r"|canli sohbet\w*|gorunt\w+ sohbet\w*|meet (?:single|girl|women|local|sexy)\w*|mail.order bride\w*"
        r"|russian bride\w*|hookup\w*|single (?:women|girls|ladies)|(?:online|start|adult) dating|dating (?:site"
        r"|app)\w*|сайт\w* знакомств\w*|знакомств\w+ (?:для|без|онлайн|с)|онлайн знакомств\w*|невест\w+ (?:из"
        r"|онлайн)|танысу сайт\w*|онлайн танысу\w*|қыздармен танысу\w*|evlenmek isteyen\w*|bayanlar seni\w*"
        r"|yalniz (?:bayan|kadin)\w*|одинок\w+ (?:женщин|девуш|дам)\w*|девушки ищут\w*|қыздар сізді\w*"
    ),
    "goods": (
        r"louis vuitton|gucci\w*|rolex\w*|ray.?ban\w*|michael kors|nike air\w*|air jordan\w*|outlet store\w*"
        r"|jerseys?|ugg boots?|pandora charm\w*|replika\w*|replica\w*|imitasyon\w*|реплик\w+|люкс.копи\w*|iptv"
        r"|seo (?:hizmet|paket|service|ajans)\w*|kredi (?:basvuru|veren|cek)\w*|ihtiyac kredi\w*|займ(?:ы|а|ов|у"
        r"|ом)?|микрокредит\w*|full (?:hd )?(?:indir|izle)\w*|film izle\w*|dizi izle\w*|bedava (?:indir|izle"
        r"|oyun)\w*|crack indir\w*|torrent\w*|mp3 indir\w*|скачать бесплатн\w*|смотреть онлайн\w*|essays?"
        r"|diet\w* pill\w*|pills?"
    ),
}
PITCHES = (
    r"guncel (?:giris|adres)\w*|yeni (?:giris|adres)\w*|giris (?:adres\w*|yap\w*|linki|\d{4}|–|-)|giris$|bonusu?$"
    r"|bonuslu|deneme bonusu|yatirim bonusu|hosgeldin bonusu|bonus\w{0,20} \d+|uye ol\w*|free ?spins?|tiklayin"
    r"|tikla$|tikla kazan|sartsiz|cevrimsiz|veren siteler\w*|yuksek oran\w*|guvenilir .{0,25}siteler\w*"
    r"|siteleri listesi|uygulama(?:si|yi)? indir\w*|farki!|adresinde!|oyna$|oynayin|kazan(?:in)?!|canli bahis$"
    r"|bahis siteleri$|casino siteleri$|satin al\w*|siparis ver\w*|siparis hatti|en ucuz\w*|ucuz\w*"
    r"|en uygun fiyat\w*|uygun fiyat\w*|fiyat (?:listesi|teklif|al)\w*|fiyatlari$|indirim kodu|indirimli\w*"
    r"|kupon kod\w*|kapida odeme\w*|hemen (?:basvur|uye|al|tikla|kazan|indir|oyna|kayit|arayin|ara|izle|incele)\w*"
    r"|aninda (?:onay|kazan|odeme|hesab|teslim)\w*|ucretsiz (?:deneme|indir|kayit|uyelik|kargo|oyna)\w*|bedava\w*"
    r"|garantili\w*|gizli kargo|resmi site\w*|resmi adres\w*|whatsapp hatti\w*|en iyi .{0,30}siteler\w*"
    r"|en guvenilir\w*|izle$|indir$|kayit ol\w*|katil kazan\w*|dakikada (?:onay|kredi|nakit)\w*|komisyonsuz"
    r"|masrafsiz|evraksiz|kefilsiz|basvurun|официальн\w{1,10} сайт\w*|рабоч\w{1,10} зеркал\w+|зеркал\w+|вход"
    r"|за регистрацию|регистрация|бездепозитн\w+|без (?:вейджера|верификации|справок|отказ\w*|проверок|проверки"
    r"|залога|предоплат\w*|поручител\w*|регистрации|смс|рецепта|посредник\w*|комиссии|процентов)|фриспин\w*"
    r"|быстрым выводом|на деньги|бесплатно|скачать|лучшие онлайн|купить|закажи\w*|заказать|недорого|дешев\w+"
    r"|скидк\w+|доставк\w+|распродаж\w+|по низк\w+ цен\w+|низкие цены|анонимн\w+|круглосуточно|на карту|под ключ"
    r"|оформи\w*|онлайн.заявк\w*|заявк\w+ онлайн|жми\w*|кликай\w*|переходи\w*|регистрируй\w*|играй\w*|играть"
    r"|промокод\w*|на заказ|гарантия|гарантируем|за (?:\d+|пять|десять) минут\w*|выигра\w+|ресми сайт\w*"
    r"|тіркелу бонус\w*|тіркел\w+|тегін\w*|жылдам төлем\w*|фрибет\w*|ұтып алы\w*|порталында|ссылка\w*|кіру"
    r"|үздік онлайн\w*|сатып ал\w*|арзан\w*|тапсырыс бер\w*|жеткізіп бер\w*|жеңілдік\w*|кепілсіз|анықтамасыз"
    r"|минутта\w*|жүктеп ал\w*|ойна\w*|осында бас\w*|тез рәсімде\w*|анонимді|official (?:site|website|mirror)"
    r"|sign.?up bonus|no deposit|play (?:now|online|for real)|bonus code\w*|best online|cheap\w*|buy .{0,25}online"
    r"|buy now|order (?:now|online)|discount\w*|best prices?|low(?:est)? prices?|free shipping|fast shipping"
    r"|apply (?:now|online|today)|sign up|no prescription|without (?:a )?prescription|for sale|wholesale|coupon\w*"
    r"|promo codes?|instant (?:approval|cash|download|payout)\w*|guaranteed|free download|join (?:now|free)"
    r"|money back|visit (?:our|us)|near you|top rated|same day|kaydol\w*|buraya$|icin buraya|sitemizde|numaralari"
    r"|kargo bizden|memnun kalmazsan\w*|fiyat alin|garantisi|cebini\w*|kazandiriyor|seni bekliyor\w*"
    r"|sizi bekliyor\w*|yeni uyeler\w*|mobil giris|biz yazalim|yarina hazir|eczanede yok|tl'den\w*|hizli cekim"
    r"|yuksek oran|ayni gun paran\w*|firsati kacirma\w*|arayin\w*|iletisim hatti|whatsapp hatt\w*|telegram hatti"
    r"|звони\w*|забирай\w*|оплата при получении|оптом|под ваши\w*|ждут вас|ждем вас|дарит|новым клиентам"
    r"|круглые сутки|за минуту|оплата после|қош келді\w*|екі есе|тіркеусіз|аласыз|жеткіземіз|жасаймыз|қоңырау шал\w*"
    r"|сізді күт\w*|керек пе|өткізіп алма\w*|tonight|this week only|claim your|fast payout|right now|want to chat"
    r"|in 24 hours|no rx|limited offer|win big|top 10 \w+|rank #?1|for \$\d+|off handbags"
)
# How news tells of such things; in a sentence of its own it outweighs a pitch's words.
NEWS = (
    r"operasyon\w*|gozalti\w*|tutuklan\w*|tutuklu\w*|mahkeme\w*|polis\w*|jandarma\w*|savci\w*|bakan(?:i|ligi?"
    r"|lik)?\w{0,4}|yasa ?disi\w*|yasalar\w*|yasasi\w*|kanun\w*|ceza\w*|sorusturma\w*|uzman\w*|acikla(?:di|nan"
    r"|ma)\w*|soyle(?:di|yen)\w*|belirt(?:ti|en)\w*|dedi|kaydetti\w*|konustu|ifade etti|bildir(?:di|ildi)\w*"
    r"|milletvekil\w*|denetim\w*|yasaklan\w*|bagimli\w*|suclu\w*|magdur\w*|полици\w*|полицейск\w*|суд|суда|суде"
    r"|судом|судеб\w*|задержа\w*|закон\w*|депутат\w*|министр\w*|министерств\w*|прокур\w*|следств\w*|следовател\w*"
    r"|уголовн\w*|эксперт\w*|сообщил\w*|заявил\w*|рассказал\w*|запре\w+|мошенни\w*|осужд\w*|штраф\w*|врач\w*"
    r"|исследован\w*|парламент\w*|мажилис\w*|незаконн\w*|нелегальн\w*|полиция\w*|заңсыз\w*|заң|заңы\w*|заңнама\w*"
    r"|прокуратура\w*|қылмыс\w*|сарапшы\w*|айтты|мәлімде\w*|хабарла\w*|ұстал\w*|айыппұл\w*|мәжіліс\w*|тыйым\w*"
    r"|дәрігер\w*|сотта\w*|сот|police|court\w*|lawmaker\w*|law|laws|said|told|minister\w*|ministry|arrest\w*"
    r"|prosecutor\w*|illegal\w*|investigat\w*|regulat\w*|according to|study|researchers?|parliament\w*|addict\w*"
    r"|charged|sentenced|fined"
    r"|деп|деді|дейді|дегін\w*|жеткізді|атап өтті|по словам|сказал\w*|отметил\w*|добавил\w*"
    r"|подчеркнул\w*|пояснил\w*|говорит\w*"
)
# Scripts without spaces between words, or whose words take their endings in front: by the bare string.
OTHER_TOPICS = {
    "gambling": (
        r"娱乐城|娛樂城|博彩|彩票|赌场|賭場|百家乐|老虎机|真人荷官|棋牌|时时彩|六合彩|カジノ|パチンコ|パチスロ"
        r"|ブックメーカー|카지노|바카라|토토사이트|슬롯|كازينو|قمار|مراهنات|الرهان|足球投注|投注平台|德州扑克"
        r"|スロット攻略|オンカジ|بوكر|روليت"
    ),
    "sex": (
        r"成人(?:视频|电影|网站|小説|动画)|色情|av女優|無修正|エロ|无码|裸聊|援交|約炮|约炮|야동|섹스|سكس|اباحي"
        r"|إباحي"
    ),
    "potency": (
        r"バイアグラ|シアリス|精力剤|ダイエットサプリ|伟哥|壮阳|偉哥|減肥薬|减肥药|비아그라|فياجرا|سياليس|للتخسيس"
        r"|早漏|تأخير القذف|تكبير القضيب|ED治療薬"
    ),
    "forgery": (
        r"スーパーコピー|ブランドコピー|コピー(?:品|時計|財布|バッグ)|偽ブランド|高仿|仿表|精仿|代写|论文代|代考"
        r"|办证|假证|代开发票|卒論代行|レポート代行|외국인등록증|ساعات مقلدة|ماركات مقلدة|كتابة (?:الأبحاث|المقالات"
        r"|الرسائل)|代开.{0,4}发票|名表|刻章办|毕业证办|コピー商品|شهادات جامعية"
    ),
    "loans": (
        r"カードローン|即日融資|消費者金融|闇金|贷款|貸款|借贷|信用卡套现|대출|قرض سريع|قروض|تمويل شخصي|現金化"
        r"|お金借りる|ソフト闇金|无抵押|当天放款|سلفة"
    ),
    "coins": (r"比特币|虚拟币|仮想通貨|ビットコイン|코인 ?투자|بيتكوين|العملات الرقمية|فوركس|تداول"),
    "dating": (
        r"出会い系|マッチングアプリ|交友网|채팅앱|مواقع تعارف|زواج مسيار|تعارف بنات|تعرف على بنات|بنات للتعارف"
        r"|相亲网"
    ),
    "goods": (
        r"財布|腕時計|スニーカー|アウトレット|ヴィトン|シャネル|グッチ|エルメス|プラダ|ロレックス|包包|手表|名牌"
        r"|حقائب|عطور"
    ),
}
OTHER_PITCHES = (
    r"激安|通販|送料無料|正規品|最安値|専門店|新品|販売|セール|格安|人気|公式(?:サイト|通販)|クーポン|お得"
    r"|ランキング|无需|免费|優惠|优惠|注册|下载|官网|开户|送彩金|购买|代购|现货|特价|正品|无抵押|当天放款|추천|가입"
    r"|무료|할인|شراء|اشتر|رخيص|أرخص|ارخص|عروض|خصم|تخفيضات|احصل على|سجل الآن|مجان|اضغط هنا|أفضل (?:موقع|مواقع"
    r"|الأسعار)|بدون (?:كفيل|وصفة)|توصيل|首选|注册即送|货到付款|一比一|代开|安心|国内発送|攻略|高収入|اربح|العب"
    r"|الدفع عند الاستلام|من مدينتك|اون لاين"
)
# Sums of money beside what is sold, and hours that no news keeps.
MONEY = (
    r"(?<!\d)\d[\d., ]{0,12}\s?(?:tl|₺|₸|тенге|теңге|tenge|руб\w*|usdt?|€|\$)(?!\w).{0,30}(?:bonus|бонус|фрибет"
    r"|deneme|за регистрац|nakit|kredi|займ|кредит|несие|кэшб)|(?:bonus|бонус)\w{0,20}.{0,20}\d{2,}|%\s?100 (?:bonus"
    r"|gizli|orijinal)|7/24|24/7"
)
# Words that addresses of the kind are made of; what other names hold too ("credit") only between dots and dashes.
SPEAKING_HOST = re.compile(
    r"casino|kazino|bet(?:[-.\d]|$)|(?:^|[-.\d])bet(?:s|ting|\d)|bahis|slots?(?:[-.\d]|$)|(?:^|[-.\d])slot|porn|xxx"
    r"|giris|zerkalo|bonus|1x|escort|eskort|viagra|cialis|poker|vulkan|(?:^|[-.\d])sex|sex(?:[-.\d]|$)|jackpot"
    r"|kumar(?:[-.\d]|$)|pharm(?:acy)?(?:rx|[-.\d]|$)|(?:^|[-.\d])rx(?:[-.\d]|$)|pills|(?:^|[-.\d])meds?(?:[-.\d]|$)"
    r"|kamagra|essay|(?:^|[-.\d])(?:tez|odev|thesis|diplom\w{0,2}|loans?|kredi|credit|zaim\w?|zajm\w?|mikrozaim\w?"
    r"|seo|btc|coins?|crypto|kripto|forex|iptv|outlet|cheap|replica|replika|dating|hacklink|backlink|takipci"
    r"|followers|rolex|watches|jerseys)(?:[-.\d]|$)|payday|loan(?:s)?(?:[-.\d]|$)|kredi(?:[-.\d]|$)|replica|replika"
    r"|hacklink|backlink|takipci|znakomstv|dating(?:[-.\d]|$)|tanisma|cheap"
)
# Names that nobody would remember, made for a season: a word and a number, or a cheap ending.
THROWAWAY_HOST = re.compile(
    r"[a-z]{2}[-_]?\d{2,}[-a-z]*\.[a-z]+$|-[a-z]+\d+\.[a-z]+$|\.(?:xyz|top|club|vip|bet|casino|icu|buzz|online|site"
    r"|shop|store|fun|win|live|pro|link|click|cyou|rest|sbs|bid|loan|men|work|monster|poker|porn|sex|xxx|tk|ml|ga|cf"
    r"|gq|su)$"
)
# That everybody links to.
KNOWN_HOSTS = re.compile(
    r"(?:^|\.)(?:facebook|twitter|x|instagram|youtube|youtu|google|googleapis|gstatic|whatsapp|telegram|t|linkedin"
    r"|pinterest|vk|ok|mail|yandex|apple|microsoft|wordpress|w|wp|vimeo|tiktok|threads|bsky|dailymotion|gravatar"
    r"|feedburner|addtoany|disqus|cloudflare|liveinternet|rambler|reddit|tumblr|flipboard|twimg|spotify"
    r"|googletagmanager|googlesyndication|doubleclick|wikipedia|wikimedia|creativecommons|schema|w3|gmpg)\.(?:com"
    r"|org|net|ru|kz|me|be|app|social)$"
)
