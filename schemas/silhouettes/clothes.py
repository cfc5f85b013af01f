"""Silhouettes of clothes: coats and jackets, tops, dresses and bottoms."""

from schemas.silhouettes.record import CLOTH, EVERY_FIT, FOLDABLE, FOLDED, TURNED, WORN, Silhouette

COATS_AND_JACKETS = (
    Silhouette(
        name="trench-coat",
        shows=CLOTH | {"hardware", "lining"},
        cuts={"presentation": WORN},
        size_wording="garment",
        nouns=("Trench Coat", "Trench Coat", "Trenchcoat", "Trench-coat", "トレンチコート", "Trench Coat"),
        group="outerwear",
        category=("TRENCH COATS", "TRENCH COATS", "TRENCHCOATS", "TRENCHS", "トレンチコート", "TRENCH COATS"),
        category_pattern=r"trench|gabardina|风衣|トレンチ",
        match_priority=10,
        title_words="""
            en: trench, trenchcoat
            de: trench
            fr: trench, trench coat, trenchcoat
            ja: トレンチ
            zh: 风衣
            it: trench, impermeabile trench
            es: gabardina, trench
        """,
        usual_usd=230,
        materials=("gabardine", "cotton", "leather", "twill"),
    ),
    Silhouette(
        name="coat",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        cuts={"closure": ("buttons", "zip", "belt"), "fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Coat", "Coat", "Mantel", "Manteau", "コート", "Overcoat"),
        group="outerwear",
        category=("COATS", "COATS", "MÄNTEL", "MANTEAUX", "コート", "OVERCOATS"),
        category_pattern=r"coat|jacket|outerwear|m[aä]ntel|jacke|manteau|veste|外套|大衣|コート|ジャケット",
        match_priority=510,
        title_words="""
            en: coat, overcoat, topcoat, greatcoat, peacoat, pea coat, reefer coat, chesterfield coat, wrap coat,
                kimono coat, cocoon coat, crombie
            de: mantel, mäntel, wollmantel, caban, kurzmäntel, ulster
            fr: manteau, pardessus, caban, paletot
            ja: チェスターコート, ピーコート, Pコート, ステンカラーコート, オーバーコート
            zh: 大衣
            it: cappotto, cappotti, soprabito
            es: abrigo, sobretodo
        """,
        usual_usd=210,
        materials=("wool", "cotton", "cashmere", "boucle"),
    ),
    Silhouette(
        name="car-coat",
        shows=CLOTH | {"hardware"},
        cuts={"closure": ("buttons", "zip"), "fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Car Coat", "Car Coat", "Kurzmantel", "Manteau trois-quarts", "カーコート", "Car Coat"),
        group="outerwear",
        category=("CAR COATS", "CAR COATS", "KURZMÄNTEL", "MANTEAUX TROIS-QUARTS", "カーコート", "CAR COATS"),
        category_pattern=r"car ?coat|kurzm[aä]ntel|trois-quarts|カーコート",
        match_priority=30,
        title_words="""
            en: mac!, macs!, mackintosh, raincoat, rain coat, balmacaan
            de: regenmantel, regenmäntel, kurzmäntel, autocoat
            fr: manteau trois-quarts, imperméable
            ja: レインコート, マッキントッシュ
            it: impermeabile, impermeabili
            es: impermeable, chubasquero largo
        """,
        usual_usd=190,
        materials=("cotton", "wool", "gabardine"),
    ),
    Silhouette(
        name="duffle-coat",
        shows=CLOTH | {"hardware", "lining"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Duffle Coat", "Duffle Coat", "Dufflecoat", "Duffle-coat", "ダッフルコート", "Duffle Coat"),
        group="outerwear",
        category=("DUFFLE COATS", "DUFFLE COATS", "DUFFLECOATS", "DUFFLE-COATS", "ダッフルコート", "DUFFLE COATS"),
        category_pattern=r"duff(le|el)|ダッフル",
        match_priority=20,
        title_words="""
            en: duffel coat, toggle coat, dufflecoat
            de: duffelcoat, duffle coat, dufflecoats
            fr: duffle coat, kabig
            ja: ダッフル
            it: montgomery
            es: trenca
        """,
        usual_usd=200,
        materials=("wool",),
    ),
    Silhouette(
        name="cape",
        shows=CLOTH,
        cuts={"closure": ("open", "buttons"), "presentation": WORN},
        size_wording="garment",
        nouns=("Cape", "Cape", "Umhang", "Cape", "ケープ", "Cape"),
        group="outerwear",
        category=("CAPES", "CAPES", "UMHÄNGE", "CAPES", "ケープ", "CAPES"),
        category_pattern=r"\bcapes?\b|poncho|cloak|umh[aä]ng|ケープ",
        match_priority=500,
        title_words="""
            en: poncho, cloak, capelet
            de: umhänge, poncho, cape, ponchos
            fr: cape, poncho, pèlerine
            ja: ポンチョ, マント
            it: mantella, poncho
            es: capa, poncho
        """,
        usual_usd=170,
        materials=("wool", "knit"),
    ),
    Silhouette(
        name="quilted-jacket",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        cuts={"closure": ("buttons", "zip"), "presentation": WORN},
        size_wording="garment",
        nouns=(
            *("Quilted Jacket", "Quilted Jacket", "Steppjacke", "Veste matelassée", "キルティングジャケット"),
            "Quilted Jacket",
        ),
        group="outerwear",
        category=(
            *("QUILTED JACKETS", "QUILTED JACKETS", "STEPPJACKEN", "VESTES MATELASSÉES", "キルティングジャケット"),
            "QUILTED JACKETS",
        ),
        category_pattern=r"quilt|stepp|matelass|trapuntat|キルティング",
        match_priority=90,
        title_words="""
            en: quilted coat, quilted liner jacket, diamond-quilted jacket, liner jacket, barn quilted jacket
            de: steppmantel, steppjacken
            fr: veste matelassée, manteau matelassé, blouson matelassé
            ja: キルトジャケット, キルティングコート
            it: giacca trapuntata
            es: chaqueta acolchada
        """,
        usual_usd=150,
        materials=("nylon", "cotton"),
    ),
    Silhouette(
        name="puffer-jacket",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        cuts={"presentation": WORN},
        size_wording="garment",
        nouns=("Puffer Jacket", "Puffer Jacket", "Pufferjacke", "Doudoune", "ダウンジャケット", "Puffer Jacket"),
        group="outerwear",
        category=(
            "PUFFER JACKETS",
            "PUFFER JACKETS",
            "PUFFERJACKEN",
            "DOUDOUNES",
            "ダウンジャケット",
            "PUFFER JACKETS",
        ),
        category_pattern=r"puffer|down (jacket|coat)|daunen|doudoune|piumin|羽绒|ダウン",
        match_priority=100,
        title_words="""
            en: puffer, puffer coat, down jacket, down coat, padded jacket, padded coat, puffa jacket,
                puffer parka, puffer blouson
            de: daunenjacke, daunenjacken, daunenmantel, daunenparka, pufferjacken, winterjacke, wattierte jacke
            fr: doudoune
            ja: ダウンコート, ダウン, パファージャケット, 中綿ジャケット
            zh: 羽绒服
            it: piumino, piumini
            es: plumífero, plumas!, anorak acolchado
        """,
        usual_usd=160,
        materials=("nylon",),
    ),
    Silhouette(
        name="gilet",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        cuts={"closure": ("buttons", "zip"), "presentation": WORN},
        size_wording="garment",
        nouns=("Puffer Vest", "Gilet", "Steppweste", "Gilet matelassé", "ダウンベスト", "Sleeveless Jacket"),
        group="outerwear",
        category=("VESTS", "GILETS", "STEPPWESTEN", "GILETS", "ダウンベスト", "SLEEVELESS JACKETS"),
        category_pattern=(
            r"gilets?\b(?! en maille)|^vests?$|puffer vest|body ?warmer|sleeveless jacket|westen?\b|ダウンベスト"
        ),
        match_priority=80,
        title_words="""
            en: puffer vest, gilet, down vest, padded vest, quilted vest, padded gilet, bodywarmer, body warmer,
                sleeveless puffer, down gilet
            de: steppweste, daunenweste, weste, westen
            fr: gilet matelassé, doudoune sans manches, gilet sans manches, bodywarmer
            ja: ダウンベスト, キルティングベスト, 中綿ベスト
            it: gilet imbottito, smanicato, smanicati
            es: chaleco acolchado
        """,
        usual_usd=95,
        materials=("nylon", "cotton"),
    ),
    Silhouette(
        name="denim-jacket",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=(
            "Trucker Jacket",
            "Trucker Jacket",
            "Truckerjacke",
            "Veste trucker",
            "トラッカージャケット",
            "Trucker Jacket",
        ),
        group="outerwear",
        category=(
            *("TRUCKER JACKETS", "TRUCKER JACKETS", "TRUCKERJACKEN", "VESTES TRUCKER", "トラッカージャケット"),
            "TRUCKER JACKETS",
        ),
        category_pattern=(
            r"(denim|jeans?) ?jacke|trucker ?jack|vestes? (trucker|en jean)|gジャン|(トラッカー|デニム)ジャケット"
        ),
        match_priority=52,
        title_words="""
            en: denim jacket, jean jacket, jeans jacket, trucker jacket, western jacket
            de: jeansjacke, jeansjacken, denimjacke, truckerjacke, truckerjacken
            fr: veste en jean, veste trucker
            ja: Gジャン, デニムジャケット, ジージャン
            zh: 牛仔夹克, 牛仔外套
            it: giacca di jeans, giubbotto di jeans
            es: cazadora vaquera, chaqueta vaquera
        """,
        usual_usd=90,
        materials=("denim", "corduroy", "cotton", "suede"),
    ),
    Silhouette(
        name="windbreaker",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Windbreaker", "Windbreaker", "Windjacke", "Coupe-vent", "ウインドブレーカー", "Windcheater"),
        group="outerwear",
        category=("WINDBREAKERS", "WINDBREAKERS", "WINDJACKEN", "COUPE-VENTS", "ウインドブレーカー", "WINDCHEATERS"),
        category_pattern=(
            r"wind ?(breaker|cheater|jacke)|coupe-?vent|rain jacket|regenjacke|softshell|ウ[イィ]ンドブレーカー"
        ),
        match_priority=54,
        title_words="""
            en: windcheater, windrunner, anorak, windbreaker jacket, coach jacket, softshell, softshell jacket,
                shell jacket, rain jacket, wind jacket, cagoule
            de: windjacken, windbreaker, regenjacke, regenjacken, softshelljacke, anorak, übergangsjacke
            fr: k-way, anorak
            ja: ウィンドブレーカー, アノラック, マウンテンパーカー, レインジャケット
            zh: 冲锋衣
            it: giacca a vento, k-way
            es: cortavientos, chubasquero
        """,
        usual_usd=80,
        materials=("nylon", "gabardine"),
    ),
    Silhouette(
        name="track-jacket",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=(
            *("Track Jacket", "Track Top", "Trainingsjacke", "Veste de survêtement", "トラックジャケット"),
            "Track Jacket",
        ),
        group="outerwear",
        category=(
            *("TRACK JACKETS", "TRACK TOPS", "TRAININGSJACKEN", "VESTES DE SURVÊTEMENT", "トラックジャケット"),
            "TRACK JACKETS",
        ),
        category_pattern=r"track (jacket|top)|tracksuit (jacket|top)|trainingsjacke|vestes? de surv|トラックジャケット",
        match_priority=56,
        title_words="""
            en: track top, tracksuit top, tracksuit jacket, training jacket, warm-up jacket
            de: trainingsjacken, sportjacke, sweatjacke, sweatjacken
            fr: veste de survêtement, veste de jogging
            ja: トラックトップ, ジャージ上
            it: giacca della tuta
            es: chaqueta de chándal
        """,
        usual_usd=60,
        materials=("jersey", "nylon", "cotton"),
    ),
    Silhouette(
        name="fleece-jacket",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Fleece Jacket", "Fleece Jacket", "Fleecejacke", "Veste polaire", "フリースジャケット", "Fleece Jacket"),
        group="outerwear",
        category=(
            *("FLEECE JACKETS", "FLEECE JACKETS", "FLEECEJACKEN", "VESTES POLAIRES", "フリースジャケット"),
            "FLEECE JACKETS",
        ),
        category_pattern=r"fleece|polaire|フリース",
        match_priority=58,
        title_words="""
            en: zip fleece, fleece, half-zip fleece, teddy jacket, sherpa jacket
            de: fleecejacken, fleece, teddyjacke
            fr: polaire
            ja: フリース, ボアジャケット
            it: pile, giacca in pile
            es: forro polar
        """,
        usual_usd=70,
        materials=("shearling", "wool", "jersey"),
    ),
    Silhouette(
        name="parka",
        shows=CLOTH | {"lining", "quilting"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Parka", "Parka", "Parka", "Parka", "モッズコート", "Parka"),
        group="outerwear",
        category=("PARKAS", "PARKAS", "PARKAS", "PARKAS", "モッズコート", "PARKAS"),
        category_pattern=r"parka|anorak|モッズコート",
        match_priority=95,
        title_words="""
            en: fishtail parka, down parka, hooded parka
            de: parkas, winterparka
            fr: parka
            zh: 派克大衣
            it: parka
            es: parka
        """,
        usual_usd=170,
        materials=("cotton", "nylon", "canvas"),
    ),
    Silhouette(
        name="bomber-jacket",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Bomber Jacket", "Bomber Jacket", "Blouson", "Blouson", "ブルゾン", "Bomber Jacket"),
        group="outerwear",
        category=("BOMBER JACKETS", "BOMBER JACKETS", "BLOUSONS", "BLOUSONS", "ブルゾン", "BOMBER JACKETS"),
        category_pattern=r"bomber|blouson|flight jacket|ブルゾン|^(jackets?|jacken?|vestes?|ジャケット)$",
        match_priority=60,
        title_words="""
            en: bomber, blouson, flight jacket, varsity jacket, harrington jacket, harrington, aviator jacket,
                baseball jacket, college jacket, ma-1, jacket
            de: blouson, blousons, bomberjacke, bomberjacken, bomber, lederjacke, fliegerjacke, collegejacke,
                jacke, jacken
            fr: blouson, bomber, blouson aviateur, teddy, perfecto
            ja: ブルゾン, ボンバージャケット, MA-1, スタジャン, ライダースジャケット, ライダース, ジャンパー
            zh: 夹克
            it: bomber, giubbotto, giubbotti, giubbino
            es: cazadora, bomber, chaqueta bomber
        """,
        usual_usd=130,
        materials=("nylon", "suede", "leather", "shearling"),
    ),
    Silhouette(
        name="blazer",
        shows=CLOTH | {"lining"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Blazer", "Blazer", "Sakko", "Veste de costume", "テーラードジャケット", "Blazer"),
        group="clothing",
        category=("BLAZERS", "BLAZERS", "SAKKOS", "VESTES DE COSTUME", "テーラードジャケット", "BLAZERS"),
        category_pattern=r"blazer|suit jacket|sport coat|sakko|vestes? de costume|テーラード",
        match_priority=70,
        title_words="""
            en: suit jacket, tailored jacket, sport coat, sports coat, sportcoat, dinner jacket, tuxedo jacket,
                smoking jacket, double-breasted jacket, single-breasted jacket
            de: sakkos, blazer, jackett, jacketts, sakko
            fr: blazer, veste de costume, veste de tailleur, veste de smoking, veston
            ja: ブレザー, テーラードジャケット, スーツジャケット
            zh: 西装外套
            it: blazer, giacca da completo, giacca monopetto, giacca doppiopetto
            es: blazer, americana
        """,
        usual_usd=150,
        materials=("wool", "cotton", "linen", "velvet"),
    ),
)

TOPS = (
    Silhouette(
        name="sweater",
        shows=CLOTH,
        cuts={"neckline": ("round", "v", "roll"), "fit": EVERY_FIT, "presentation": FOLDABLE},
        folded_shows=FOLDED | {"neckline"},
        size_wording="garment",
        nouns=("Sweater", "Jumper", "Pullover", "Pull", "セーター", "Sweater"),
        group="clothing",
        category=("SWEATERS", "JUMPERS", "PULLOVER", "PULLS", "セーター", "SWEATERS"),
        category_pattern=r"sweater|knit|jumper|pullover|cashmere|strick|maille|\bpulls?\b|针织|セーター|ニット",
        match_priority=430,
        title_words="""
            en: sweater, jumper, pullover, sweatshirt, sweat shirt, sweat!, half zip top, quarter zip top, crewneck,
                turtleneck, turtle neck sweater, roll neck, rollneck, mock neck sweater, crew neck, knit sweater,
                knitted top, knit top, knit pullover, guernsey, sweater top
            de: pullover, pulli, pullis, strickpullover, rollkragenpullover, rolli, troyer, sweatshirt, sweatshirts,
                strickpulli, sweater
            fr: pull, pull-over, pullover, chandail, col roulé, sweat!, sweats!, sweat-shirt, sweatshirt
            ja: ニットセーター, プルオーバー, スウェット, スウェットシャツ, トレーナー, タートルネックニット,
                ニットプルオーバー, ジャンパーセーター
            zh: 毛衣, 针织衫
            it: maglione, maglioni, pullover, dolcevita, felpa, felpe
            es: jersey, suéter, sudadera, pulóver
        """,
        usual_usd=85,
        materials=("knit", "wool", "cotton", "cashmere", "cable-knit", "rib-knit"),
    ),
    Silhouette(
        name="cardigan",
        shows=CLOTH,
        cuts={
            "neckline": ("round", "v"),
            "closure": ("open", "buttons", "zip"),
            "fit": EVERY_FIT,
            "presentation": FOLDABLE,
        },
        folded_shows=FOLDED | {"neckline", "closure"},
        size_wording="garment",
        nouns=("Cardigan", "Cardigan", "Strickjacke", "Gilet en maille", "カーディガン", "Cardigan"),
        group="clothing",
        category=("CARDIGANS", "CARDIGANS", "STRICKJACKEN", "GILETS EN MAILLE", "カーディガン", "CARDIGANS"),
        category_pattern=r"cardigan|strickjacke|gilets? en maille|カーディガン|开衫",
        match_priority=420,
        title_words="""
            en: cardi, zip cardigan, cardigan
            de: strickjacken, cardigan, cardigans, strickmantel
            fr: cardigan, gilet en maille, gilet en tricot, gilet en laine
            ja: カーデ, カーデガン
            zh: 开衫
            it: cardigan
            es: cárdigan, rebeca
        """,
        usual_usd=90,
        materials=("knit", "wool", "cashmere", "cable-knit"),
    ),
    Silhouette(
        name="hoodie",
        shows=CLOTH | {"hardware", "lining"},
        cuts={"fit": EVERY_FIT, "presentation": FOLDABLE},
        folded_shows=FOLDED | {"hardware", "lining"},
        size_wording="garment",
        nouns=("Hoodie", "Hoodie", "Hoodie", "Sweat à capuche", "パーカー", "Hoodie"),
        group="clothing",
        category=("HOODIES", "HOODIES", "HOODIES", "SWEATS À CAPUCHE", "パーカー", "HOODIES"),
        category_pattern=r"hood|sweat ?shirt|\bsweats?\b|track ?top|felpa|卫衣|パーカー",
        match_priority=410,
        title_words="""
            en: hoody, hooded sweatshirt, hooded sweater, hooded pullover, zip hoodie, hooded top, hooded sweat
            de: kapuzenpullover, kapuzenpulli, kapuzensweatshirt, kapuzenjacke, hoodies, sweatjacke mit kapuze,
                kapuzensweater
            fr: hoodie, sweat à capuche, sweat-shirt à capuche, sweat capuche, sweat zippé à capuche
            ja: フーディー, フーディ, パーカ, ジップパーカー, プルオーバーパーカー
            zh: 卫衣
            it: felpa con cappuccio, hoodie
            es: sudadera con capucha, hoodie
        """,
        usual_usd=65,
        materials=("jersey", "cotton"),
    ),
    Silhouette(
        name="shirt",
        shows=CLOTH,
        cuts={"sleeve": ("short", "long"), "fit": EVERY_FIT, "presentation": FOLDABLE},
        folded_shows=FOLDED,
        size_wording="garment",
        nouns=("Button-Down Shirt", "Shirt", "Hemd", "Chemise", "シャツ", "Shirt"),
        group="clothing",
        category=("SHIRTS", "SHIRTS", "HEMDEN", "CHEMISES", "シャツ", "SHIRTS"),
        category_pattern=r"\bshirt|blouse|\btops?\b|tunic|hemd|bluse|chemise|camic|衬衫|シャツ|ブラウス",
        match_priority=440,
        title_words="""
            en: shirt, button-down shirt, button-up shirt, overshirt, shirt jacket, shacket, blouse, dress shirt,
                tuxedo shirt, bowling shirt, camp shirt, hawaiian shirt, casual shirt, formal shirt, oxford shirt,
                oxford button-down, shirtjacket
            de: hemd, hemden, bluse, blusen, hemdbluse, jeanshemd, hemdjacke, overshirt, oberhemd, businesshemd,
                freizeithemd
            fr: chemise, chemisier, surchemise, blouse, liquette
            ja: ワイシャツ, ブラウス, オーバーシャツ, シャツジャケット, アロハシャツ, ネルシャツ, シャツブラウス
            zh: 衬衫, 衬衣
            it: camicia, camicie, camicetta, camicette, blusa, sovracamicia
            es: camisa, blusa, sobrecamisa
        """,
        usual_usd=60,
        materials=("cotton", "denim", "silk", "linen"),
    ),
    Silhouette(
        name="t-shirt",
        shows=CLOTH,
        cuts={"neckline": ("round", "v"), "sleeve": ("short", "long"), "fit": EVERY_FIT, "presentation": FOLDABLE},
        folded_shows=FOLDED | {"neckline"},
        size_wording="garment",
        nouns=("T-Shirt", "T-Shirt", "T-Shirt", "T-shirt", "Tシャツ", "T-Shirt"),
        group="clothing",
        category=("T-SHIRTS", "T-SHIRTS", "T-SHIRTS", "T-SHIRTS", "Tシャツ", "T-SHIRTS"),
        category_pattern=(
            r"\bt-? ?shirts?\b|\btees?\b|(?<!shirts & )\btops?\b|vest\b|tank|bodysuit|maglie|恤|tシャツ|トップス"
        ),
        match_priority=400,
        title_words="""
            en: tee, t shirt, tshirt, tee shirt, teeshirt, crop top!, top, longsleeve, long sleeve top,
                long sleeve tee, graphic tee, football jersey, soccer jersey, basketball jersey, cycling jersey,
                hockey jersey, rash guard, training top, rugby jersey, running top, workout top, long-sleeve
            de: t-shirts, tshirt, shirt!, shirts!, langarmshirt, kurzarmshirt, rundhalsshirt, printshirt,
                basicshirt, funktionsshirt, laufshirt, sportshirt, damenshirt, herrenshirt, trikot, trikots,
                fußballtrikot, oberteil, longsleeve, langarmshirts
            fr: t-shirt, marinière, tee-shirt, teeshirt, haut!, maillot de football, maillot de foot, top!
            ja: ロンT, ロングTシャツ, カットソー, ティーシャツ, ユニフォームシャツ, 半袖Tシャツ
            zh: T恤, t恤
            it: t-shirt, maglietta, magliette
            es: camiseta
        """,
        usual_usd=25,
        materials=("jersey", "cotton"),
    ),
    Silhouette(
        name="polo-shirt",
        shows=CLOTH,
        cuts={"sleeve": ("short", "long"), "fit": EVERY_FIT, "presentation": FOLDABLE},
        folded_shows=FOLDED,
        size_wording="garment",
        nouns=("Polo Shirt", "Polo Shirt", "Poloshirt", "Polo", "ポロシャツ", "Polo T-Shirt"),
        group="clothing",
        category=("POLO SHIRTS", "POLO SHIRTS", "POLOSHIRTS", "POLOS", "ポロシャツ", "POLO T-SHIRTS"),
        category_pattern=r"polo|ポロ",
        match_priority=390,
        title_words="""
            en: polo, polo t-shirt, polo tee, polo top, rugby shirt, golf polo, golf shirt, polo jersey
            de: polo, polos, polohemd, polohemden, polo-shirt, poloshirts
            fr: polo, polo de rugby
            ja: ポロ
            zh: polo衫
            it: polo
            es: polo
        """,
        usual_usd=45,
        materials=("cotton", "jersey"),
    ),
)

DRESSES_AND_BOTTOMS = (
    Silhouette(
        name="dress",
        shows=CLOTH | {"hardware"},
        cuts={"neckline": ("round", "v"), "sleeve": ("none", "short", "long"), "presentation": WORN},
        size_wording="garment",
        nouns=("Dress", "Dress", "Kleid", "Robe", "ワンピース", "Dress"),
        group="clothing",
        category=("DRESSES", "DRESSES", "KLEIDER", "ROBES", "ワンピース", "DRESSES"),
        category_pattern=r"dress|gown|jumpsuit|romper|kleid(?!ung)|robe|abit[io]\b|连衣裙|ワンピース|ドレス",
        match_priority=460,
        title_words="""
            en: dress, gown, minidress, mini dress, midi dress, maxi dress, shirt dress, shirtdress, slip dress,
                sundress, wrap dress, sweater dress, ball gown, evening gown, frock, jumper dress, pinafore dress,
                t-shirt dress, coat dress
            de: kleid, kleider, abendkleid, minikleid, midikleid, maxikleid, hemdblusenkleid, strickkleid
            fr: robe, robe chemise, robe pull, robe longue, robe de soirée
            ja: ドレス, シャツワンピース, ニットワンピース, ワンピ
            zh: 连衣裙
            it: abito, vestito, vestiti, abiti da donna, abito chemisier
            es: vestido
        """,
        usual_usd=95,
        materials=("cotton", "silk", "jersey", "satin", "linen"),
    ),
    Silhouette(
        name="skirt",
        shows=CLOTH | {"hardware"},
        cuts={"fit": EVERY_FIT, "presentation": WORN},
        size_wording="garment",
        nouns=("Skirt", "Skirt", "Rock", "Jupe", "スカート", "Skirt"),
        group="clothing",
        category=("SKIRTS", "SKIRTS", "RÖCKE", "JUPES", "スカート", "SKIRTS"),
        category_pattern=r"skirt|\brock\b|r[oö]cke|jupe|gonn|半裙|スカート",
        match_priority=450,
        title_words="""
            en: miniskirt, mini skirt, midi skirt, maxi skirt, pencil skirt, tennis skirt, kilt, tutu skirt
            de: rock, jeans-rock, leder-rock, mini-rock, midi-rock, röcke, minirock, midirock, maxirock, faltenrock
            fr: jupe, mini-jupe, minijupe, jupe-crayon, kilt
            ja: ミニスカート, ロングスカート
            zh: 半裙, 半身裙, 裙子
            it: gonna, gonne, minigonna
            es: falda, minifalda
        """,
        usual_usd=60,
        materials=("cotton", "denim", "wool", "satin", "corduroy"),
    ),
    Silhouette(
        name="leggings",
        shows=CLOTH,
        cuts={"presentation": TURNED},
        size_wording="garment",
        nouns=("Leggings", "Leggings", "Leggings", "Legging", "レギンス", "Leggings"),
        group="clothing",
        category=("LEGGINGS", "LEGGINGS", "LEGGINGS", "LEGGINGS", "レギンス", "LEGGINGS"),
        category_pattern=r"leggings?\b|\btights\b|jegging|tregging|レギンス|打底裤",
        match_priority=484,
        title_words="""
            en: legging, leggins, jeggings, running tights, training tights, sports tights, compression tights,
                workout tights, yoga tights, gym tights, yoga pants, stirrup pants, capri leggings, treggings
            de: legging, leggins, treggings, jeggings, sporttights, lauftights, laufhose
            fr: legging, jegging, treggings, legging de sport
            ja: スポーツタイツ, ランニングタイツ, レギンスパンツ
            zh: 打底裤, 紧身裤
            it: leggings, leggins
            es: leggings, mallas
        """,
        usual_usd=35,
        materials=("jersey", "nylon", "cotton"),
    ),
    Silhouette(
        name="track-pants",
        shows=CLOTH,
        cuts={"fit": EVERY_FIT, "presentation": TURNED},
        size_wording="garment",
        nouns=("Track Pants", "Joggers", "Jogginghose", "Pantalon de jogging", "トラックパンツ", "Track Pants"),
        group="clothing",
        category=(
            *("TRACK PANTS", "JOGGERS", "JOGGINGHOSEN", "PANTALONS DE JOGGING", "トラックパンツ"),
            "TRACK PANTS",
        ),
        category_pattern=(
            r"track ?pants?|track ?suit|jogg(er|ing)|sweat ?pants?|trainingshose|sporthose|surv[eê]tement"
            r"|トラックパンツ"
        ),
        match_priority=482,
        title_words="""
            en: joggers, jogger, jogger pants, jogging bottoms, jogging pants, sweatpants, sweat pants, trackpants,
                tracksuit bottoms, tracksuit pants, track bottoms, lounge pants, training pants, sweat bottoms
            de: jogginghosen, jogger, trainingshose, trainingshosen, sweathose, sporthose
            fr: pantalon de jogging, jogging!, pantalon de survêtement, bas de survêtement, bas de jogging
            ja: ジョガーパンツ, スウェットパンツ, ジョガー, ジャージパンツ
            zh: 运动裤
            it: pantaloni della tuta, pantaloni da jogging, joggers
            es: pantalón de chándal, pantalones de chándal, joggers
        """,
        usual_usd=45,
        materials=("jersey", "nylon", "cotton"),
    ),
    Silhouette(
        name="cargo-trousers",
        shows=CLOTH,
        cuts={"fit": EVERY_FIT, "presentation": TURNED},
        size_wording="garment",
        nouns=("Cargo Pants", "Cargo Trousers", "Cargohose", "Pantalon cargo", "カーゴパンツ", "Cargo Trousers"),
        group="clothing",
        category=("CARGO PANTS", "CARGO TROUSERS", "CARGOHOSEN", "PANTALONS CARGO", "カーゴパンツ", "CARGO TROUSERS"),
        category_pattern=r"cargo|battle|カーゴ|工装裤",
        match_priority=486,
        title_words="""
            en: cargo trousers, cargo pants, cargo joggers, utility trousers, utility pants, combat trousers
            de: cargohosen, cargo hose, cargo-hose
            fr: pantalon cargo, pantalon battle
            ja: カーゴ
            zh: 工装裤
            it: pantaloni cargo, cargo
            es: pantalón cargo, pantalones cargo
        """,
        usual_usd=60,
        materials=("cotton", "twill", "nylon", "canvas"),
    ),
    Silhouette(
        name="trousers",
        shows=CLOTH,
        cuts={"fit": EVERY_FIT, "presentation": (*TURNED, "folded")},
        folded_shows=FOLDED,
        size_wording="garment",
        nouns=("Pants", "Trousers", "Hose", "Pantalon", "パンツ", "Trousers"),
        group="clothing",
        category=("PANTS", "TROUSERS", "HOSEN", "PANTALONS", "パンツ", "TROUSERS"),
        category_pattern=r"trouser|pants?\b|chino|denim|tailoring|suit|hose|pantalon|裤|パンツ|デニム",
        match_priority=490,
        title_words="""
            en: trousers, pants, slacks, chinos, chino pants, chino trousers, cords!, khakis!, dress pants,
                suit trousers, suit pants, tuxedo trousers, tuxedo pants, culottes pants, palazzo pants, jodhpurs,
                slouch pants, flares!
            de: hose, hosen, chino, chinos, chinohose, stoffhose, anzughose, cordhose, bundfaltenhose
            fr: pantalon, chino, pantalon de costume
            ja: トラウザー, トラウザーズ, スラックス, チノパン, チノパンツ, ワイドパンツ, ロングパンツ, イージーパンツ,
                ズボン, テーパードパンツ
            zh: 长裤, 裤子, 休闲裤
            it: pantalone, pantaloni, chino, chinos
            es: pantalón, pantalones, chinos
        """,
        usual_usd=70,
        materials=("cotton", "denim", "wool", "linen", "corduroy"),
    ),
    Silhouette(
        name="jeans",
        shows=CLOTH,
        cuts={"fit": EVERY_FIT, "presentation": (*TURNED, "folded")},
        folded_shows=FOLDED,
        size_wording="garment",
        nouns=("Jeans", "Jeans", "Jeans", "Jean", "ジーンズ", "Jeans"),
        group="clothing",
        category=("JEANS", "JEANS", "JEANS", "JEANS", "ジーンズ", "JEANS"),
        category_pattern=r"\bjeans?\b|^denim$|ジーンズ|牛仔",
        match_priority=480,
        title_words="""
            en: jeans, jean, dungaree jeans, mom jeans, boot cut jeans, bootcut jeans
            de: jean, jeanshose, jeanshosen
            fr: jean, jeans!, jean slim
            ja: デニムパンツ, ジーパン, デニムジーンズ
            zh: 牛仔裤
            it: jeans
            es: vaqueros, vaquero, tejanos, jeans, pantalón vaquero
        """,
        usual_usd=75,
        materials=("denim",),
    ),
    Silhouette(
        name="shorts",
        shows=CLOTH,
        cuts={"fit": EVERY_FIT, "presentation": (*TURNED, "folded")},
        folded_shows=FOLDED,
        size_wording="garment",
        nouns=("Shorts", "Shorts", "Shorts", "Short", "ショートパンツ", "Shorts"),
        group="clothing",
        category=("SHORTS", "SHORTS", "SHORTS", "SHORTS", "ショートパンツ", "SHORTS"),
        category_pattern=r"shorts?\b|bermuda|ショート",
        match_priority=470,
        title_words="""
            en: shorts!, sweat shorts, sweatshorts, bermudas, bermuda, bermuda shorts, jorts,
                bike shorts, cycling shorts, running shorts, board shorts!, hot pants, chino shorts
            de: shorts, bermuda, bermudas, kurze hose, short, jeansshorts, radlerhose, sportshorts, laufshorts,
                bermudashorts
            fr: short!, shorts!, bermuda
            ja: ショートパンツ, ハーフパンツ, ショーツパンツ, バミューダ, 短パン, ショートデニム
            zh: 短裤
            it: shorts, pantaloncini, bermuda, short
            es: pantalón corto, pantalones cortos, bermudas, shorts
        """,
        usual_usd=40,
        materials=("cotton", "nylon"),
    ),
    Silhouette(
        name="swimsuit",
        shows=CLOTH,
        cuts={"neckline": ("round", "v"), "presentation": TURNED},
        size_wording="garment",
        nouns=("One-Piece Swimsuit", "Swimsuit", "Badeanzug", "Maillot de bain", "水着", "Swimsuit"),
        group="clothing",
        category=("SWIMSUITS", "SWIMSUITS", "BADEANZÜGE", "MAILLOTS DE BAIN", "水着", "SWIMSUITS"),
        category_pattern=(
            r"swim ?suit|swimwear|bikini|one-piece|bathing suit|badeanz[uü]g|maillot|costum[ei] (da bagno|intero)|水着"
        ),
        match_priority=40,
        title_words="""
            en: swimsuit, swim suit, one-piece swimsuit, bathing suit, swimming costume, one piece swimsuit,
                swimming suit, one-piece bathing suit
            de: badeanzug, badeanzüge, schwimmanzug, schwimmanzüge
            fr: maillot de bain une pièce, maillot une pièce, maillot de bain
            ja: スイムスーツ, ワンピース水着, 競泳水着
            zh: 泳衣, 连体泳衣
            it: costume intero, costume da bagno intero
            es: bañador de mujer, traje de baño
        """,
        usual_usd=60,
        materials=("nylon",),
    ),
    Silhouette(
        name="swim-shorts",
        shows=CLOTH,
        cuts={"presentation": TURNED},
        size_wording="garment",
        nouns=("Swim Trunks", "Swim Shorts", "Badehose", "Short de bain", "スイムパンツ", "Swim Shorts"),
        group="clothing",
        category=("SWIM TRUNKS", "SWIM SHORTS", "BADEHOSEN", "SHORTS DE BAIN", "スイムパンツ", "SWIM SHORTS"),
        category_pattern=r"swim|board ?shorts|badehose|shorts? de bain|costumi|スイム",
        match_priority=50,
        title_words="""
            en: swim trunks, swim shorts, swimming trunks, swimming shorts, boardshorts, board shorts, swimshorts
            de: badehosen, badeshorts, schwimmshorts
            fr: short de bain, boxer de bain, maillot de bain short
            ja: サーフパンツ, スイムショーツ, ボードショーツ, 水着パンツ, 海パン
            zh: 泳裤
            it: costume a pantaloncino, boxer da mare, costume boxer
            es: bañador bermuda
        """,
        usual_usd=40,
        materials=("nylon", "cotton"),
    ),
)
