"""Silhouettes of shoes and boots."""

from schemas.silhouettes.record import CLOTH, Silhouette

SHOES = (
    Silhouette(
        name="sneaker",
        shows=CLOTH | {"hardware", "lining"},
        cuts={"closure": ("laces", "zip", "open")},
        size_wording="shoe",
        nouns=("Sneakers", "Trainers", "Sneaker", "Baskets", "スニーカー", "Sneakers"),
        group="shoes",
        category=("SNEAKERS", "TRAINERS", "SNEAKER", "BASKETS", "スニーカー", "SNEAKERS"),
        category_pattern=(
            r"sneaker|trainer|shoe|footwear|sandal|flip flop|slide|schuh|chaussure|baskets|鞋|スニーカー|シューズ"
        ),
        match_priority=380,
        title_words="""
            en: sneakers, trainers, sneaks, high-tops, hi-tops, low-top sneakers, high-top sneakers, plimsolls,
                running shoes, tennis shoes, gym shoes, training shoes, walking shoes, sports shoes, sport shoes,
                basketball shoes, skate shoes, athletic shoes, runners, kicks!, shoes, shoe, casual shoes,
                golf shoes, trail shoes, hiking shoes, road running shoes, trail running shoes, lifestyle shoes,
                low-tops
            de: sneaker, sneakers, turnschuh, turnschuhe, laufschuh, laufschuhe, sportschuh, sportschuhe,
                trainingsschuh, trainingsschuhe, freizeitschuh, freizeitschuhe, tennisschuhe, schuh, schuhe,
                hallenschuhe, basketballschuhe, wanderschuhe, joggingschuhe
            fr: baskets, basket, sneakers, tennis!, chaussures de running, chaussures de sport,
                chaussures de course, chaussures, chaussure de running, chaussures de training
            ja: スニーカー, ランニングシューズ, シューズ, トレーニングシューズ, テニスシューズ, バスケットシューズ,
                バッシュ, ハイカットスニーカー
            zh: 运动鞋, 跑步鞋, 跑鞋, 鞋
            it: sneakers, sneaker, scarpe da ginnastica, scarpe da corsa, scarpe, scarpe da running
            es: zapatillas, zapatilla, zapatillas de running, deportivas, sneakers, zapatos
        """,
        usual_usd=90,
        materials=("leather", "canvas", "suede"),
    ),
    Silhouette(
        name="boot",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        cuts={"heel": ("flat", "block", "high"), "closure": ("zip", "laces", "belt")},
        size_wording="shoe",
        nouns=("Boots", "Boots", "Stiefel", "Bottes", "ブーツ", "Boots"),
        group="shoes",
        category=("BOOTS", "BOOTS", "STIEFEL", "BOTTES", "ブーツ", "BOOTS"),
        category_pattern=r"boot|stiefel|bott(es?\b|ine)|stival|loafer|heel|pump|formal shoe|靴子|ブーツ",
        match_priority=370,
        title_words="""
            en: boots, bootie, booties, ankle boots, chelsea boots, combat boots, hiking boots, cowboy boots,
                biker boots, rain boots, snow boots, knee-high boots, desert boots, chukka boots, chukkas,
                wellington boots, wellies, wellingtons, riding boots, work boots, lace-up boots, winter boots,
                sock boots
            de: stiefel, stiefeln, stiefelette, stiefeletten, boots, boot, chelseaboots, schnürstiefel,
                gummistiefel, winterstiefel, ankleboots
            fr: bottes, botte, bottines, bottine, boots, chelsea boots, bottes de pluie, bottillons
            ja: ショートブーツ, ロングブーツ, アンクルブーツ, サイドゴアブーツ, レインブーツ, ブーティ, ブーティー,
                長靴, レースアップブーツ
            zh: 靴子, 短靴, 长靴
            it: stivali, stivale, stivaletti, stivaletto, anfibi
            es: botas, botines, botín, bota
        """,
        usual_usd=160,
        materials=("leather", "suede"),
    ),
    Silhouette(
        name="loafer",
        shows=CLOTH | {"hardware"},
        cuts={"heel": ("flat", "block")},
        nouns=("Loafers", "Loafers", "Loafer", "Mocassins", "ローファー", "Loafers"),
        group="shoes",
        category=("LOAFERS", "LOAFERS", "LOAFER", "MOCASSINS", "ローファー", "LOAFERS"),
        category_pattern=r"loafer|mocassin|mokassin|moccasin|ローファー",
        match_priority=340,
        title_words="""
            en: loafers, moccassins, moccasins, driving shoes, penny loafers, boat shoes, slip-on loafers,
                horsebit loafers, moccasin
            de: mokassin, mokassins, slipper!, loafers, collegeschuhe, penny loafer
            fr: mocassins, loafers
            ja: モカシン, ドライビングシューズ, コインローファー
            zh: 乐福鞋
            it: mocassini, mocassino
            es: mocasines, mocasín
        """,
        usual_usd=130,
        materials=("leather", "suede", "patent-leather"),
    ),
    Silhouette(
        name="pump",
        shows=CLOTH | {"hardware"},
        cuts={"heel": ("flat", "block", "high")},
        nouns=("Pumps", "Court Shoes", "Pumps", "Escarpins", "パンプス", "Pumps"),
        group="shoes",
        category=("PUMPS", "COURT SHOES", "PUMPS", "ESCARPINS", "パンプス", "PUMPS"),
        category_pattern=r"\bpumps?\b|court shoe|\bheels\b|stiletto|escarpin|d[eé]collet|パンプス",
        match_priority=350,
        title_words="""
            en: pumps, court shoes, heels!, high heels!, stilettos, stiletto heels, stiletto pumps, ballerinas,
                ballet flats, ballet pumps, ballerina flats, ballerina shoes, ballet shoes, courts!, court heels
            de: pumps, pump, ballerina, ballerinas, high heels!, stilettos
            fr: escarpins, escarpin, ballerines, ballerine
            ja: ハイヒール, バレエシューズ, バレリーナシューズ, ヒールパンプス
            zh: 高跟鞋
            it: décolleté, decollete, ballerine, ballerina
            es: zapatos de tacón, salones, bailarinas
        """,
        usual_usd=110,
        materials=("leather", "suede", "patent-leather", "satin"),
    ),
    Silhouette(
        name="sandal",
        shows=CLOTH | {"hardware"},
        cuts={"heel": ("flat", "block", "high"), "strap": ("none", "long")},
        nouns=("Sandals", "Sandals", "Sandalen", "Sandales", "サンダル", "Sandals"),
        group="shoes",
        category=("SANDALS", "SANDALS", "SANDALEN", "SANDALES", "サンダル", "SANDALS"),
        category_pattern=r"sandal|espadrille|サンダル",
        match_priority=360,
        title_words="""
            en: sandals, floaters, gladiator sandals, mule sandals, platform sandals, wedge sandals, gladiators
            de: sandale, sandalen, sandalette, sandaletten, pantolette, pantoletten
            fr: sandales, sandale, nu-pieds, spartiates, sandalettes
            ja: スポーツサンダル
            zh: 凉鞋
            it: sandali, sandalo
            es: sandalias, sandalia
        """,
        usual_usd=75,
        materials=("leather", "suede"),
    ),
    Silhouette(
        name="slide",
        shows=CLOTH,
        nouns=("Slides", "Sliders", "Badelatschen", "Claquettes", "シャワーサンダル", "Slides"),
        group="shoes",
        category=("SLIDES", "SLIDERS", "BADELATSCHEN", "CLAQUETTES", "シャワーサンダル", "SLIDES"),
        category_pattern=r"\bslid(es?|ers?)\b|badelatsch|badeschlapp|claquette|シャワーサンダル",
        match_priority=355,
        title_words="""
            en: slides!, sliders!, slide sandals, pool slides, slide!, pool sliders, slider sandals
            de: badelatschen, badeschlappen, badeslipper, slides, badepantoletten
            fr: claquettes, claquettes de piscine
            ja: シャワーサンダル, スライドサンダル, スライド
            zh: 拖鞋
            it: ciabatte, ciabatte da piscina
            es: chanclas de pala, palas!
        """,
        usual_usd=35,
        materials=("leather", "nylon"),
    ),
    Silhouette(
        name="flip-flop",
        shows=CLOTH,
        nouns=("Flip-Flops", "Flip-Flops", "Zehentrenner", "Tongs", "ビーチサンダル", "Flip-Flops"),
        group="shoes",
        category=("FLIP-FLOPS", "FLIP-FLOPS", "ZEHENTRENNER", "TONGS", "ビーチサンダル", "FLIP-FLOPS"),
        category_pattern=r"flip.?flop|zehentrenner|\btongs?\b|infradito|chancla|ビーチサンダル",
        match_priority=345,
        title_words="""
            en: flip flops, flip-flops, thong sandals, flipflops, thongs!
            de: zehentrenner, flip-flops, flip flops, zehensandalen
            fr: tongs
            ja: ビーチサンダル, ビーサン
            zh: 人字拖
            it: infradito
            es: chanclas, chancletas
        """,
        usual_usd=20,
        materials=("leather", "canvas"),
    ),
)
