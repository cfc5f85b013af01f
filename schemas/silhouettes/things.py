"""Silhouettes of other things: bags, accessories, beauty and home."""

from schemas.silhouettes.record import CLOTH, FOLDED, Silhouette

BAGS = (
    Silhouette(
        name="tote-bag",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        nouns=("Tote Bag", "Tote Bag", "Shopper", "Cabas", "トートバッグ", "Tote Bag"),
        group="bags",
        category=("TOTE BAGS", "TOTE BAGS", "SHOPPER", "CABAS", "トートバッグ", "TOTE BAGS"),
        category_pattern=r"tote|shopper|\bbags?\b|handbag|tasche|\bsacs?\b|cabas|bors[ae]|包|バッグ|トート",
        match_priority=330,
        title_words="""
            en: tote, tote bag, shopper, shopper bag, shopping bag, top-handle bag, handbag, hand bag, beach bag,
                shopping tote, book tote, market tote, top handle bag, carryall, bowling bag, bag
            de: shopper, shoppers, tote bag, handtasche, handtaschen, henkeltasche, tragetasche, strandtasche,
                einkaufstasche, tasche, taschen, stofftasche, bowlingtasche
            fr: cabas, sac cabas, tote bag, sac à main, sac shopping, sac de plage, sac porté main, sac,
                sac fourre-tout
            ja: トート, ハンドバッグ, ショッパー, ショッピングバッグ, エコバッグ, バッグ, 手提げバッグ, ミニトート
            zh: 托特包, 手提包, 购物袋, 包
            it: borsa shopping, shopper, tote, borsa a mano, borsa, borse, borsa tote
            es: bolso shopper, bolso tote, shopper, bolso de mano, bolso, bolsa de playa, capazo
        """,
        usual_usd=120,
        materials=("canvas", "leather", "grained-leather"),
    ),
    Silhouette(
        name="shoulder-bag",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"strap": ("short", "long", "chain")},
        nouns=("Shoulder Bag", "Shoulder Bag", "Umhängetasche", "Sac bandoulière", "ショルダーバッグ", "Sling Bag"),
        group="bags",
        category=(
            "SHOULDER BAGS",
            "SHOULDER BAGS",
            "UMHÄNGETASCHEN",
            "SACS BANDOULIÈRE",
            "ショルダーバッグ",
            "SLING BAGS",
        ),
        category_pattern=(
            r"shoulder|cross-?body|messenger|clutch|bum ?bag|belt ?bag|umh[aä]ngetasche|sling|bandouli|斜背|ショルダー"
        ),
        match_priority=320,
        title_words="""
            en: shoulder bag, baguette bag, baguette, sling bag, hobo, hobo bag, saddle bag, flap bag, chain bag,
                evening bag, chain shoulder bag
            de: umhängetaschen, schultertasche, schultertaschen, umhängebeutel, hobo bag, baguette bag, abendtasche
            fr: sac bandoulière, sac épaule, sac porté épaule, sac à bandoulière, sac baguette, sac hobo,
                sac du soir, besace!
            ja: 肩掛けバッグ, ワンショルダーバッグ, スリングバッグ, チェーンバッグ, ホーボーバッグ
            zh: 单肩包, 链条包
            it: borsa a spalla, borsa hobo, baguette
            es: bolso de hombro, bolso al hombro, bolso baguette
        """,
        usual_usd=140,
        materials=("leather", "suede", "grained-leather", "exotic-leather"),
    ),
    Silhouette(
        name="crossbody-bag",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"strap": ("long", "chain")},
        nouns=(
            *("Crossbody Bag", "Cross-Body Bag", "Crossbody-Tasche", "Sac à bandoulière croisée", "クロスボディバッグ"),
            "Crossbody Bag",
        ),
        group="bags",
        category=(
            *("CROSSBODY BAGS", "CROSS-BODY BAGS", "CROSSBODY-TASCHEN", "SACS CROISÉS", "クロスボディバッグ"),
            "CROSSBODY BAGS",
        ),
        category_pattern=r"cross-?body|messenger|sacs? crois|斜背|クロスボディ",
        match_priority=300,
        title_words="""
            en: crossbody, cross-body, crossbody bag, cross body bag, cross-body bag, messenger bag, messenger,
                belt bag, bum bag, bumbag, waist bag, fanny pack, waist pack, camera bag, phone bag,
                wallet on chain, phone pouch, mini bag, hip pack, phone crossbody, sling pack
            de: crossbody, crossbody bag, bauchtasche, gürteltasche, hüfttasche, kameratasche, messenger bag,
                bauchtaschen, gürteltaschen, kuriertasche
            fr: sac banane, sacoche, sac bandoulière croisé, sac croisé, sacoche bandoulière, pochette bandoulière,
                mini sac
            ja: ボディバッグ, メッセンジャーバッグ, ウエストバッグ, ウエストポーチ, サコッシュ, カメラバッグ,
                ウエストバック, ファニーパック
            zh: 斜挎包, 腰包
            it: borsa a tracolla, marsupio, tracolla
            es: bolso bandolera, bandolera, riñonera, bolso cruzado
        """,
        usual_usd=120,
        materials=("leather", "nylon", "canvas", "grained-leather"),
    ),
    Silhouette(
        name="clutch",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"strap": ("none", "chain")},
        nouns=("Clutch", "Clutch Bag", "Clutch", "Pochette", "クラッチバッグ", "Clutch"),
        group="bags",
        category=("CLUTCHES", "CLUTCH BAGS", "CLUTCHES", "POCHETTES", "クラッチバッグ", "CLUTCHES"),
        category_pattern=r"clutch|pochette|クラッチ",
        match_priority=310,
        title_words="""
            en: clutch, clutch bag, evening clutch, pouch, pochette, zip pouch, envelope clutch, envelope bag,
                wristlet
            de: clutches, clutch bag, abendclutch, pochette, pouch
            fr: pochette, pochette du soir, clutch, pochette zippée
            ja: クラッチ, ポーチ, ポシェット, パーティーバッグ, クラッチポーチ
            zh: 手拿包
            it: pochette, clutch, borsa clutch, bustina
            es: clutch, cartera de mano, bolso de fiesta
        """,
        usual_usd=85,
        materials=("leather", "silk", "suede", "satin", "patent-leather"),
    ),
    Silhouette(
        name="backpack",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"closure": ("zip", "belt")},
        nouns=("Backpack", "Rucksack", "Rucksack", "Sac à dos", "リュック", "Backpack"),
        group="bags",
        category=("BACKPACKS", "RUCKSACKS", "RUCKSÄCKE", "SACS À DOS", "リュック", "BACKPACKS"),
        category_pattern=r"back ?pack|rucks[aä]ck|sacs? [aà] dos|zain|双肩|リュック",
        match_priority=250,
        title_words="""
            en: rucksack, bagpack, backpack, back pack, daypack, bookbag, school bag, knapsack
            de: rucksack, rucksäcke, backpack, daypack, tagesrucksack, wanderrucksack, schulrucksack
            fr: sac à dos, backpack, sac à dos de randonnée
            ja: バックパック, リュックサック, デイパック
            zh: 双肩包, 背包
            it: zaino, zaini, zainetto
            es: mochila
        """,
        usual_usd=75,
        materials=("nylon", "canvas"),
    ),
)

ACCESSORIES = (
    Silhouette(
        name="wallet",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"closure": ("zip", "buttons", "open")},
        nouns=("Wallet", "Wallet", "Geldbörse", "Portefeuille", "財布", "Wallet"),
        group="accessories",
        category=("WALLETS", "WALLETS", "GELDBÖRSEN", "PORTEFEUILLES", "財布", "WALLETS"),
        category_pattern=r"wallet|card ?(case|holder)|purse|coin|leather goods|geldb|portefeuille|portafogl|钱包|財布",
        match_priority=270,
        title_words="""
            en: wallet, billfold, bifold wallet, bi-fold wallet, continental wallet, zip wallet, zip-around wallet,
                coin wallet, coin purse, travel wallet, trifold wallet, long wallet, compact wallet, folding wallet,
                bifold
            de: geldbörse, geldbörsen, portemonnaie, portemonnaies, portmonee, geldbeutel, brieftasche, brieftaschen
            fr: portefeuille, porte-monnaie, portefeuille compact, portefeuille long
            ja: ウォレット, 長財布, 二つ折り財布, 三つ折り財布, コインケース, 小銭入れ, ミニ財布
            zh: 钱包, 钱夹
            it: portafoglio, portafogli, portamonete
            es: cartera, monedero, billetero, billetera
        """,
        usual_usd=55,
        materials=("leather", "canvas", "grained-leather", "exotic-leather"),
    ),
    Silhouette(
        name="card-case",
        shows=CLOTH | {"hardware"},
        nouns=("Card Case", "Card Holder", "Kartenetui", "Porte-cartes", "カードケース", "Card Holder"),
        group="accessories",
        category=("CARD CASES", "CARD HOLDERS", "KARTENETUIS", "PORTE-CARTES", "カードケース", "CARD HOLDERS"),
        category_pattern=r"card ?(case|holder)|kartenetui|porte-cartes|portacarte|卡包|カードケース",
        match_priority=260,
        title_words="""
            en: card case, card holder, cardholder, card-holder, card wallet, credit card holder, credit card case,
                business card holder, id holder, card sleeve
            de: kartenetui, kartenetuis, kartenhalter, kreditkartenetui, visitenkartenetui, kartenhülle
            fr: porte-cartes, porte-carte, étui à cartes, porte-cartes de crédit
            ja: 名刺入れ, カードホルダー, パスケース, 定期入れ
            zh: 卡包, 卡夹
            it: portacarte, porta carte, portatessere
            es: tarjetero, porta tarjetas
        """,
        usual_usd=40,
        materials=("leather", "canvas", "grained-leather"),
    ),
    Silhouette(
        name="belt",
        shows=CLOTH | {"hardware"},
        nouns=("Belt", "Belt", "Gürtel", "Ceinture", "ベルト", "Belt"),
        group="accessories",
        category=("BELTS", "BELTS", "GÜRTEL", "CEINTURES", "ベルト", "BELTS"),
        category_pattern=r"\bbelts?\b|watch|jewel|g[uü]rtel|ceinture|cintur|腰带|ベルト",
        match_priority=290,
        title_words="""
            en: belt
            de: gürtel, ledergürtel, taillengürtel
            fr: ceinture, ceinturon
            ja: ウエストベルト, リバーシブルベルト
            zh: 腰带, 皮带
            it: cintura, cinture, cinturino!
            es: cinturón, cinturones
        """,
        usual_usd=40,
        materials=("leather", "suede", "grained-leather"),
    ),
    Silhouette(
        name="watch",
        shows=frozenset({"material", "size", "hardware"}),
        nouns=("Watch", "Watch", "Armbanduhr", "Montre", "腕時計", "Watch"),
        group="accessories",
        category=("WATCHES", "WATCHES", "ARMBANDUHREN", "MONTRES", "腕時計", "WATCHES"),
        category_pattern=r"watch|armbanduhr|montre|orolog|手表|腕時計",
        match_priority=280,
        title_words="""
            en: watch, wristwatch, wrist watch, chronograph, quartz watch, dive watch, chronograph watch,
                automatic watch, analog watch, analogue watch
            de: armbanduhr, armbanduhren, uhr, uhren, chronograph, herrenuhr, damenuhr, quarzuhr, taucheruhr,
                automatikuhr
            fr: montre, montre-bracelet, chronographe, montre à quartz
            ja: ウォッチ, 腕時計, クロノグラフ, リストウォッチ
            zh: 手表, 腕表
            it: orologio, orologi, cronografo, orologio da polso
            es: reloj, relojes, cronógrafo, reloj de pulsera
        """,
        usual_usd=180,
        materials=("leather", "nylon", "metal"),
    ),
    Silhouette(
        name="sunglasses",
        shows=frozenset({"material", "size", "hardware"}),
        nouns=("Sunglasses", "Sunglasses", "Sonnenbrille", "Lunettes de soleil", "サングラス", "Sunglasses"),
        group="accessories",
        category=("SUNGLASSES", "SUNGLASSES", "SONNENBRILLEN", "LUNETTES DE SOLEIL", "サングラス", "SUNGLASSES"),
        category_pattern=r"sunglass|eyewear|glasses|brille|lunettes|occhial|眼镜|サングラス",
        match_priority=140,
        title_words="""
            en: sunglasses, sunglass, sunnies, shades!, aviator sunglasses, polarised sunglasses,
                polarized sunglasses
            de: sonnenbrille, sonnenbrillen
            fr: lunettes de soleil, solaires!
            ja: サングラス
            zh: 太阳镜, 墨镜
            it: occhiali da sole
            es: gafas de sol
        """,
        usual_usd=110,
        materials=("acetate",),
    ),
    Silhouette(
        name="scarf",
        shows=CLOTH,
        cuts={"presentation": ("flat", "folded")},
        folded_shows=FOLDED,
        nouns=("Scarf", "Scarf", "Schal", "Écharpe", "マフラー", "Muffler"),
        group="accessories",
        category=("SCARVES", "SCARVES", "SCHALS", "ÉCHARPES", "マフラー", "MUFFLERS"),
        category_pattern=r"scar(f|ves)|shawl|stole|\bschal|\bmufflers?\b|tuch\b|[eé]charpe|foulard|sciarp|bandana|围巾|丝巾|マフラー",
        match_priority=170,
        title_words="""
            en: scarf, scarves, muffler, shawl, stole, pashmina, wrap!, foulard, neck scarf
            de: schal, schals, tuch, tücher, halstuch, halstücher, strickschal, seidentuch, seidenschal, stola
            fr: écharpe, foulard, châle, étole, carré de soie, cheich, chèche
            ja: スカーフ, ストール, ショール
            zh: 围巾, 丝巾, 披肩
            it: sciarpa, sciarpe, foulard, scialle, stola
            es: bufanda, pañuelo, fular, chal
        """,
        usual_usd=45,
        materials=("wool", "silk", "cotton", "cashmere"),
    ),
    Silhouette(
        name="gloves",
        shows=CLOTH | {"hardware"},
        nouns=("Gloves", "Gloves", "Handschuhe", "Gants", "手袋", "Gloves"),
        group="accessories",
        category=("GLOVES", "GLOVES", "HANDSCHUHE", "GANTS", "手袋", "GLOVES"),
        category_pattern=r"gloves?\b|handschuh|\bgants?\b|guant|手套|手袋",
        match_priority=150,
        title_words="""
            en: gloves, glove, driving gloves, winter gloves
            de: handschuhe, handschuh, lederhandschuhe, fingerhandschuhe
            fr: gants
            ja: グローブ
            zh: 手套
            it: guanti, guanto
            es: guantes
        """,
        usual_usd=45,
        materials=("leather", "wool", "knit", "cashmere"),
    ),
    Silhouette(
        name="tie",
        shows=CLOTH | {"hardware"},
        nouns=("Necktie", "Tie", "Krawatte", "Cravate", "ネクタイ", "Tie"),
        group="accessories",
        category=("NECKTIES", "TIES", "KRAWATTEN", "CRAVATES", "ネクタイ", "TIES"),
        category_pattern=r"\b(neck)?ties?\b|krawatte|cravat|领带|ネクタイ",
        match_priority=160,
        title_words="""
            en: tie!, ties!, necktie, neck tie
            de: krawatten, schlips, seidenkrawatte
            fr: cravate
            zh: 领带
            it: cravatta, cravatte
            es: corbata
        """,
        usual_usd=40,
        materials=("silk", "wool", "cotton"),
    ),
    Silhouette(
        name="cap",
        shows=CLOTH,
        nouns=("Baseball Cap", "Cap", "Kappe", "Casquette", "キャップ", "Cap"),
        group="accessories",
        category=("CAPS", "CAPS", "KAPPEN", "CASQUETTES", "キャップ", "CAPS"),
        category_pattern=r"\bcaps?\b|\bhats?\b|beanie|casquette|chapeau|cappell|m[uü]tze|kappe|帽|キャップ",
        match_priority=130,
        title_words="""
            en: cap, baseball cap, snapback, trucker cap, trucker hat, dad hat, dad cap, baseball hat, running cap,
                golf cap, strapback, snapback cap, 5-panel cap
            de: cap, caps, kappe, kappen, basecap, baseballkappe, baseballcap, schirmmütze, truckercap, basecaps
            fr: casquette, casquette de baseball
            ja: ベースボールキャップ, トラッカーキャップ, メッシュキャップ
            zh: 棒球帽, 鸭舌帽
            it: cappellino, berretto da baseball, cappellino da baseball, cappellini
            es: gorra, gorra de béisbol
        """,
        usual_usd=28,
        materials=("cotton", "nylon"),
    ),
    Silhouette(
        name="beanie",
        shows=CLOTH,
        nouns=("Beanie", "Beanie", "Beanie", "Bonnet", "ニット帽", "Beanie"),
        group="accessories",
        category=("BEANIES", "BEANIES", "BEANIES", "BONNETS", "ニット帽", "BEANIES"),
        category_pattern=r"beanie|bonnet|m[uü]tze|berretto|ニット帽",
        match_priority=120,
        title_words="""
            en: beanie, beanie hat, bobble hat, knit hat, knitted hat, knit cap, watch cap, skull cap, skullcap,
                woolly hat, ribbed hat
            de: mütze, mützen, strickmütze, beanies, wollmütze, bommelmütze, wintermütze
            fr: bonnet
            ja: ビーニー, ニットキャップ, ワッチキャップ, ビーニー帽, ニットワッチ
            zh: 毛线帽, 针织帽, 冷帽
            it: cappello di lana, cappello in lana, berretto in maglia, cuffia in lana, beanie, berretto
            es: gorro, gorro de punto, beanie
        """,
        usual_usd=25,
        materials=("knit", "wool", "cashmere", "rib-knit"),
    ),
    Silhouette(
        name="flat-cap",
        shows=CLOTH,
        nouns=("Flat Cap", "Flat Cap", "Schiebermütze", "Casquette plate", "ハンチング", "Flat Cap"),
        group="accessories",
        category=("FLAT CAPS", "FLAT CAPS", "SCHIEBERMÜTZEN", "CASQUETTES PLATES", "ハンチング", "FLAT CAPS"),
        category_pattern=r"flat ?caps?\b|newsboy|schieberm[uü]tze|casquettes? plates?|ハンチング",
        match_priority=107,
        title_words="""
            en: flat cap, newsboy cap, newsboy hat, ivy cap, driving cap, baker boy hat, baker boy cap
            de: schiebermütze, schiebermützen, flatcap, flat cap, schirmkappe, ballonmütze
            fr: casquette plate, béret casquette, casquette gavroche
            ja: ハンチング, ハンチング帽, キャスケット
            zh: 报童帽
            it: coppola, coppole
            es: gorra plana, boina inglesa
        """,
        usual_usd=35,
        materials=("wool", "linen", "cotton"),
    ),
    Silhouette(
        name="fedora",
        shows=CLOTH,
        nouns=("Fedora", "Fedora", "Filzhut", "Fédora", "中折れ帽", "Fedora"),
        group="accessories",
        category=("FEDORAS", "FEDORAS", "FILZHÜTE", "FÉDORAS", "中折れ帽", "FEDORAS"),
        category_pattern=r"f[eé]dora|trilby|panama|filzh[uü]t|中折れ",
        match_priority=105,
        title_words="""
            en: fedora, fedora hat, trilby, trilby hat, panama hat, felt hat, felt fedora
            de: filzhut, filzhüte, fedora, trilby, panamahut, panamahüte
            fr: fédora, fedora, chapeau feutre, borsalino!, chapeau panama, panama
            ja: 中折れ帽, フェドラ, 中折れハット, パナマハット
            zh: 礼帽
            it: fedora, cappello fedora, cappello in feltro
            es: sombrero fedora, fedora, sombrero de fieltro, sombrero panamá
        """,
        usual_usd=45,
        materials=("wool", "straw"),
    ),
    Silhouette(
        name="sun-hat",
        shows=CLOTH,
        nouns=("Sun Hat", "Sun Hat", "Sonnenhut", "Capeline", "つば広帽", "Sun Hat"),
        group="accessories",
        category=("SUN HATS", "SUN HATS", "SONNENHÜTE", "CAPELINES", "つば広帽", "SUN HATS"),
        category_pattern=r"sun.?hat|straw hat|beach hat|sonnenh[uü]t|strohh[uü]t|capeline|chapeaux? de paille|つば広",
        match_priority=103,
        title_words="""
            en: sun hat, straw hat, floppy hat, beach hat, wide brim hat, wide-brim hat
            de: sonnenhut, sonnenhüte, strohhut, strohhüte, schlapphut, strandhut
            fr: capeline, chapeau de paille, chapeau de soleil, chapeau de plage
            ja: つば広帽, つば広ハット, 麦わら帽子, ストローハット
            zh: 草帽, 遮阳帽
            it: cappello di paglia, cappello da sole, cappello da spiaggia
            es: pamela, sombrero de paja, sombrero de playa
        """,
        usual_usd=35,
        materials=("straw", "cotton"),
    ),
    Silhouette(
        name="bucket-hat",
        shows=CLOTH,
        nouns=("Bucket Hat", "Bucket Hat", "Fischerhut", "Bob", "バケットハット", "Bucket Hat"),
        group="accessories",
        category=("BUCKET HATS", "BUCKET HATS", "FISCHERHÜTE", "BOBS", "バケットハット", "BUCKET HATS"),
        category_pattern=r"bucket|fischerh[uü]t|\bbobs?\b|バケット",
        match_priority=110,
        title_words="""
            en: bucket hat, bucket, fisherman hat, hat, bush hat, boonie hat
            de: fischerhut, fischerhüte, bucket hat, anglerhut, hut, hüte
            fr: bob!, bobs!, chapeau bob, chapeau
            ja: バケハ, サファリハット, フィッシャーマンハット, ハット, 帽子
            zh: 渔夫帽
            it: cappello da pescatore, cappello, cappelli
            es: sombrero de pescador, gorro de pescador
        """,
        usual_usd=32,
        materials=("cotton", "nylon", "denim"),
    ),
)

BEAUTY_AND_HOME = (
    Silhouette(
        name="perfume-bottle",
        shows=frozenset({"pattern", "size", "hardware"}),
        nouns=("Perfume", "Perfume", "Parfümflakon", "Flacon de parfum", "香水", "Perfume"),
        group="fragrance",
        category=("PERFUMES", "PERFUMES", "PARFÜMS", "PARFUMS", "香水", "PERFUMES"),
        category_pattern=r"perfume|fragrance|parf[uü]m|cologne|duft|d[uü]fte|profum|\bscents?\b|香水|フレグランス",
        match_priority=190,
        title_words="""
            en: perfume, eau de parfum, eau de toilette, eau de cologne, cologne, parfum, fragrance, edp!, edt!,
                body perfume, eau fraiche, extrait de parfum
            de: parfüm, parfum, parfüms, eau de parfum, eau de toilette, duft!, herrenduft, damenduft, parfümflakon
            fr: parfum, eau de parfum, eau de toilette, eau de cologne, flacon de parfum, extrait de parfum,
                eau fraîche
            ja: パルファム, オードパルファム, オードトワレ, オーデコロン, パフューム, フレグランス, オードパルファン
            zh: 香水
            it: profumo, profumi, eau de parfum
            es: perfume, colonia, agua de colonia
        """,
        usual_usd=80,
        materials=("glass",),
    ),
    Silhouette(
        name="lipstick",
        shows=frozenset({"pattern", "size", "hardware"}),
        nouns=("Lipstick", "Lipstick", "Lippenstift", "Rouge à lèvres", "口紅", "Lipstick"),
        group="make-up",
        category=("LIPSTICKS", "LIPSTICKS", "LIPPENSTIFTE", "ROUGES À LÈVRES", "口紅", "LIPSTICKS"),
        category_pattern=(
            r"lip ?stick|\blips?\b|make-?up|beauty|cosmetic|foundation|lippenstift|rouges? [aà] l[eè]vres|maquillage"
            r"|口紅|面部"
        ),
        match_priority=180,
        title_words="""
            en: lipstick, lip colour, lip color, lipcolor, lipcolour, lip stick, matte lipstick, lip crayon!
            de: lippenstift, lippenstifte
            fr: rouge à lèvres
            ja: リップスティック, ルージュ, リップカラー
            zh: 口红, 唇膏
            it: rossetto, rossetti
            es: pintalabios, barra de labios, labial
        """,
        usual_usd=22,
        materials=("acetate",),
    ),
    Silhouette(
        name="candle",
        shows=CLOTH | {"hardware"},
        nouns=("Jar Candle", "Jar Candle", "Kerze mit Gefäß", "Bougie avec pot", "キャンドル", "Jar Candle"),
        group="decoration",
        category=("CANDLES", "CANDLES", "KERZEN", "BOUGIES", "キャンドル", "CANDLES"),
        category_pattern=r"candle|kerze|bougie|candel|キャンドル",
        match_priority=200,
        title_words="""
            en: candle, scented candle, jar candle, soy candle
            de: kerze, kerzen, duftkerze, duftkerzen, kerze mit gefäß, kerze im glas
            fr: bougie, bougie parfumée, bougie avec pot
            ja: アロマキャンドル, フレグランスキャンドル, ろうそく
            zh: 蜡烛, 香薰蜡烛
            it: candela, candele, candela profumata
            es: vela, vela perfumada
        """,
        usual_usd=32,
        materials=("glass", "ceramic"),
    ),
    Silhouette(
        name="cushion",
        shows=CLOTH | {"quilting"},
        nouns=("Throw Pillow", "Cushion", "Kissen", "Coussin", "クッション", "Cushion"),
        group="textiles",
        category=("THROW PILLOWS", "CUSHIONS", "KISSEN", "COUSSINS", "クッション", "CUSHIONS"),
        category_pattern=r"cushion|pillow|kissen|coussin|cuscin|クッション",
        match_priority=210,
        title_words="""
            en: cushion, pillow, throw pillow, cushion cover, scatter cushion, bolster cushion, sofa cushion,
                decorative pillow, accent pillow, pillow cover!
            de: kissen, zierkissen, sofakissen, dekokissen, wurfkissen
            fr: coussin, coussin de canapé, housse de coussin
            ja: クッションカバー, ピロー, 背当てクッション
            zh: 靠垫, 抱枕
            it: cuscino, cuscini
            es: cojín, cojines, funda de cojín
        """,
        usual_usd=38,
        materials=("cotton", "wool", "silk", "velvet", "linen"),
    ),
    Silhouette(
        name="throw",
        shows=CLOTH | {"lining"},
        nouns=("Throw Blanket", "Throw", "Wohndecke", "Plaid", "ブランケット", "Throw"),
        group="textiles",
        category=("THROWS", "THROWS", "DECKEN", "PLAIDS", "ブランケット", "THROWS"),
        category_pattern=(
            r"throw|blanket|duvet|comforter|bedding|sheet|towel|rug\b|decke|plaid|couverture|coperta|ブランケット"
        ),
        match_priority=220,
        title_words="""
            en: throw, blanket, throw blanket, sofa throw, bed throw, baby blanket
            de: decke, wohndecke, wohndecken, kuscheldecke, wolldecke, decken, sofadecke, tagesdecke
            fr: plaid, jeté de canapé, couverture, jeté de lit
            ja: スロー, ひざ掛け, 毛布, スローケット, スローブランケット
            zh: 毯子, 盖毯
            it: plaid, coperta, coperte
            es: manta, plaid
        """,
        usual_usd=75,
        materials=("wool", "knit", "cotton", "cashmere"),
    ),
    Silhouette(
        name="vase",
        shows=CLOTH | {"hardware"},
        nouns=("Vase", "Vase", "Vase", "Vase", "花瓶", "Flower Vase"),
        group="decoration",
        category=("VASES", "VASES", "VASEN", "VASES", "花瓶", "VASES"),
        category_pattern=r"vase|decor|花瓶",
        match_priority=230,
        title_words="""
            en: vase, bud vase, flower vase
            de: vase, vasen, blumenvase, bodenvase, tischvase
            fr: vase, soliflore
            ja: フラワーベース, フラワーベース花瓶, 一輪挿し
            zh: 花瓶
            it: vaso, vasi
            es: jarrón, florero
        """,
        usual_usd=48,
        materials=("ceramic", "glass", "stoneware"),
    ),
    Silhouette(
        name="mug",
        shows=CLOTH | {"hardware", "lining"},
        nouns=("Mug", "Mug", "Becher", "Mug", "マグカップ", "Coffee Mug"),
        group="tableware",
        category=("MUGS", "MUGS", "BECHER", "MUGS", "マグカップ", "MUGS"),
        category_pattern=r"\bmugs?\b|\bcups?\b|tableware|dinner|kitchen|becher|geschirr|vaisselle|tazz|食器|マグ",
        match_priority=240,
        title_words="""
            en: mug, coffee mug, cup, coffee cup, tea cup, teacup, espresso cup, tea mug
            de: becher, tasse, tassen, kaffeebecher, kaffeetasse, henkelbecher, teetasse
            fr: mug, tasse, tasse à café, tasse à thé, tasse à expresso
            ja: マグ, カップ, コーヒーカップ, ティーカップ, 湯のみ
            zh: 马克杯, 杯子, 咖啡杯
            it: tazza, tazze, tazzina, tazzine
            es: taza, tazas
        """,
        usual_usd=18,
        materials=("stoneware", "ceramic"),
    ),
)
