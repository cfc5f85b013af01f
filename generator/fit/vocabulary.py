"""Built-in vocabulary (no private data): what titles, leaves and cells call garments and colours.

None of the words comes from a catalog, so using them reveals nothing about one.

    find_kind("Denim Shirt with Belt")      # KindMatch(silhouette="shirt", word="Shirt", start=6, end=11)
    find_kind("Wollmantel mit Gürtel")      # coat: a German compound, and what comes before "mit"
    read_material("Outer: 100% polyamide")  # "nylon"
    read_colour("Bleu marine / Blanc")      # "navy": the first of several

The words for a silhouette are in its record (`title_words` in schemas/silhouettes). Here are the words of several
silhouettes (jacket), those of things that no silhouette looks like (socks), and those of materials and colours.
"""

import dataclasses
import functools
import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from generator.sampling.streams import Floats
from schemas.markets import COLOURS, MARKETS, NOUNS, WORDS
from schemas.silhouettes import RECORDS
from schemas.silhouettes.record import MARKET_CODES

SILHOUETTE_WORDS: tuple[tuple[str, str], ...] = tuple(
    (each.name, each.category_pattern) for each in sorted(RECORDS.values(), key=lambda each: each.match_priority)
)
"""(silhouette, pattern for names of its categories), in the order in which they are tried."""
FALLBACK_SILHOUETTE = "t-shirt"
"""Rendered for a category whose names contain no known word."""

# -- words of titles --------------------------------------------------------------------------------------------------
#
# Lists have the form of `title_words`: `en: words, separated by commas`, a line or more for each language.

_LANGUAGES = ("en", "en", "de", "fr", "ja", "en")
"""The language of each market, in the order of MARKET_CODES."""

GENERAL_WORDS: tuple[tuple[str, str], ...] = (
    (
        "coat trench-coat car-coat duffle-coat cape puffer-jacket quilted-jacket parka",
        "en: coat, overcoat, outerwear; de: mantel, mäntel; fr: manteau; ja: コート; it: cappotto, cappotti;"
        " es: abrigo; zh: 大衣, 外套",
    ),
    (
        "bomber-jacket quilted-jacket puffer-jacket blazer gilet trench-coat car-coat duffle-coat cape coat cardigan"
        " denim-jacket windbreaker track-jacket fleece-jacket parka",
        "en: jacket; de: jacke, jacken; fr: veste; ja: ジャケット; it: giacca, giacche; es: chaqueta; zh: 夹克",
    ),
    ("gilet cardigan", "en: vest, vests, gilet, sleeveless jacket; de: weste, westen; fr: gilet; ja: ベスト"),
    ("sweater cardigan hoodie", "en: sweater, jumper, pullover, sweatshirt; de: pullover, sweatshirt; it: felpa"),
    ("sweater cardigan hoodie dress polo-shirt", "en: knitwear; de: strick"),
    ("shirt polo-shirt t-shirt", "en: shirt; ja: シャツ"),
    ("t-shirt polo-shirt", "en: t-shirt, tshirt; de: t-shirt; fr: t-shirt; it: t-shirt; ja: Tシャツ"),
    (
        "t-shirt shirt polo-shirt sweater hoodie cardigan bomber-jacket",
        "en: top, tops; de: top, tops, oberteil; fr: haut!, top; ja: トップス; zh: 上衣",
    ),
    ("trousers jeans shorts", "en: pants, trousers; de: hose, hosen; fr: pantalon; ja: パンツ; it: pantaloni; zh: 裤"),
    ("shorts swim-shorts", "en: shorts!; de: shorts; fr: short!; zh: 短裤"),
    (
        "tote-bag shoulder-bag crossbody-bag clutch backpack",
        "en: bag, handbag; de: tasche, taschen, handtasche; fr: sac, sac à main; ja: バッグ, ハンドバッグ;"
        " it: borsa, borse; es: bolso; zh: 包",
    ),
    ("- shoulder-bag crossbody-bag clutch tote-bag wallet", "en: purse"),
    (
        "sneaker loafer pump sandal boot",
        "en: shoes, footwear; de: schuh, schuhe; fr: chaussures; ja: シューズ; it: scarpe; es: zapatos; zh: 鞋",
    ),
    (
        "bucket-hat cap beanie fedora sun-hat",
        "en: hat; de: hut, hüte; fr: chapeau; ja: ハット, 帽子; it: cappello; zh: 帽",
    ),
    ("cap beanie flat-cap", "en: cap"),
    ("swimsuit swim-shorts", "en: swimwear!, beachwear!; de: bademode; es: baño"),
    ("throw scarf", "en: blanket"),
    ("scarf throw", "en: wrap!"),
)
"""(Silhouettes, words): a word that names several. The first is what it means alone (`-`: nothing that is drawn); it
means another of them where the title says so: Puffer Jacket, Men's Jacket Puffer, Steppjacke."""

QUALIFIERS: tuple[tuple[str, str], ...] = (
    (
        "quilted-jacket",
        "en: quilted, diamond-quilted, channel-quilted; de: gesteppte, stepp, mit rautensteppung, mit quersteppung;"
        " fr: matelassée, matelassé, avec surpiqûres en losange, avec surpiqûres horizontales;"
        " ja: キルティング, ダイヤキルト, ラインキルト; it: trapuntata; es: acolchada, acolchado",
    ),
    ("puffer-jacket", "en: padded, puffer, puffa, down-filled; de: wattierte, daunen; ja: 中綿, ダウン"),
    ("blazer", "en: tailored, double-breasted; fr: croisée"),
    ("beanie", "en: beanie, bobble, wool, knit, knitted, woolly, ribbed, rib-knit, cable-knit"),
    ("cap", "en: baseball, trucker, dad, five-panel"),
    ("flat-cap", "en: flat, newsboy, bakerboy, ivy"),
    ("fedora", "en: fedora, felt, panama"),
    ("sun-hat", "en: straw, raffia, sun, floppy, wide-brim"),
    ("shoulder-bag", "en: shoulder, flap, saddle, chain, evening"),
    ("crossbody-bag", "en: crossbody, cross-body, messenger, camera"),
    ("tote-bag", "en: tote, shopper, top-handle, top handle"),
    ("loafer", "en: driving, boat, penny, moccasin"),
    ("pump", "en: ballet"),
    ("wallet", "en: coin"),
    ("hoodie", "en: hooded; de: kapuzen"),
    ("t-shirt", "en: tee, football, soccer, training, running, workout, gym; de: rundhals"),
    ("cardigan", "en: open-front; fr: en maille, en tricot"),
)
"""(Silhouette, words) which decide what a general word means, and name no product alone."""

UNDRAWN_QUALIFIERS: dict[str, str] = {
    "shoe shoes": "formal heeled office wedding bridal nursing brogue derby oxford business",
    "vest vests": "rib knit knitted ribbed running training cotton jersey mesh thermal satin silk lace tailored suit",
    "bag bags": "duffle duffel gym travel laptop netbook toiletry drawstring weekend bucket golf lunch shoe",
    "hat hats": "cowboy woven top",
    "cap caps": "swim swimming shower",
    "top tops": "tube halter halterneck strappy bandeau sleeveless peplum corset bralette tank camisole bikini",
    "pants shirt": "pyjama pajama night sleep",
}
"""General words -> words with which they name nothing that is drawn: Formal Leather Shoes."""

UNDRAWN_WORDS = """
    en: knee high hose, support hose, panty hose, hat pin, innerwear, capri, capris!, deo, bra, bralette,
        sports bra, briefs, boxers, boxer briefs, boxer shorts, boxer, trunks!, panties, panty, thong!, thongs!,
        underwear, lingerie, corset, bustier, bodysuit, body suit, leotard, unitard, teddy bear, socks, sock,
        stockings, tights, pantyhose, hosiery, leg warmers, jumpsuit, playsuit, romper, dungarees, overalls,
        overall, coveralls, boiler suit, onesie, babygrow, sleepsuit, snowsuit, ski suit, pyjamas, pajamas, pyjama,
        pajama, nightgown, nightdress, nightshirt, sleepwear, robe, bathrobe, dressing gown, kimono, kaftan, caftan,
        bikini, bikini top, bikini bottom, bikini bottoms, tankini, swim top, swim bottoms, sarong, pareo, wetsuit,
        suit, two-piece suit, three-piece suit, tuxedo, waistcoat, suit vest, knit vest, knitted vest, sweater vest,
        sleeveless sweater, tank top, tank, tanks!, camisole, cami, cami top, halter top, tube top, bandeau,
        singlet, vest top, racerback, muscle tank, running vest, training vest, cotton vest, ribbed vest, mesh vest,
        string vest, undershirt, undervest, thermal vest, tunic, henley, dickey, shrug, bolero, tabard, bib, bibs!,
        apron, salopettes, tracksuit, track suit, sweatsuit, set, co-ord, co-ords, coord, two-piece, two piece,
        outfit, costume, uniform, twinset, twin set, ensemble, skort, culottes, chaps!, kurta, kurti, kurta set,
        saree, sari, lehenga, lehenga choli, choli, dupatta, salwar, salwar kameez, churidar, palazzo, dhoti,
        sherwani, nehru jacket, anarkali, dress material, cleats, football boots, soccer boots, rugby boots,
        ski boots, spikes!, track spikes, clogs, mules, espadrilles, slippers, house shoes, derby, derbies,
        derby shoes, oxfords!, oxford shoes, brogues, monk, monks!, monk straps, monk shoes, lace-ups!, dress shoes,
        formal shoes, mary janes, mary jane, wedges, slingbacks, mule, flats!, water shoes, football shoes,
        soccer cleats, ballet slippers, insoles, shoelaces, laces!, shoe care, shoe tree, satchel, holdall,
        duffle bag, duffel bag, duffle, duffel, weekender, weekend bag, gym bag, travel bag, suitcase, luggage,
        trolley, carry-on, cabin bag, briefcase, laptop bag, laptop case, laptop sleeve, garment bag, gift bag,
        toiletry bag, wash bag, washbag, cosmetic bag, makeup bag, make-up bag, cosmetic case, vanity case,
        bucket bag, drawstring bag, gymsack, gym sack, sports bag, lunch bag, lunch box, shoe bag, sleeping bag,
        bean bag, tea bag, basket, pencil case, key case, key holder, keyring, key ring, key chain, keychain,
        bag charm, charm, lanyard, airpods case, passport holder, passport case, phone case, case, box, tin, strap,
        watch strap, watch band, glasses case, eyeglasses, glasses, spectacles, optical frames, frames!, goggles,
        smartwatch, smart watch, fitness tracker, pocket watch, wall clock, clock, earrings, earring, necklace,
        bracelet, bangle, ring, rings!, pendant, brooch, cufflinks, jewellery, jewelry, anklet, choker, tie clip,
        tie pin, bow tie, bowtie, pocket square, handkerchief, braces!, suspenders, umbrella, hair clip, scrunchie,
        headband, hairband, visor, beret, balaclava, ear muffs, earmuffs, snood, neck warmer, neck gaiter, bandana,
        boater, cowboy hat, top hat, swim cap,
        swimming cap, shower cap, bike helmet, helmet, turban, face mask, mask, mittens, mitts!, fingerless gloves,
        oven gloves, oven glove, boxing gloves, goalkeeper gloves, wristband, sweatband, lip gloss, lip balm,
        lip liner, lip oil, mascara, eyeshadow, eyeliner, foundation, concealer, nail polish, nail lacquer, palette,
        moisturiser, moisturizer, serum, shampoo, conditioner, soap, lotion, body lotion, shower gel, deodorant,
        body mist, body spray, hand cream, hair mist, aftershave, sunscreen, diffuser, reed diffuser, room spray,
        candle holder, candlestick, candle snuffer, wax melt, incense, tealight, pillowcase, pillow case,
        pillow sham, duvet, duvet cover, comforter, quilt, coverlet, bedspread, sheet, sheets!, bed sheet, bedding,
        towel, bath towel, beach towel, bath mat, rug, carpet, mat, yoga mat, curtain, tablecloth, table runner,
        napkin, placemat, coaster, tea towel, plate, bowl, dish, platter, jug, pitcher, teapot, carafe, decanter,
        tumbler, wine glass, drinking glass, travel mug, water bottle, bottle, flask, thermos, cutlery, spoon, tray,
        lamp, lantern, mirror, picture frame, photo frame, poster, print frame, planter, flower pot, plant pot, pot,
        bowl set, stool, chair, sofa, table, shelf, ottoman, pouf, hook, hanger, coat hanger, coat rack, coat stand,
        hat stand, rack, stand, dust bag, shoe cleaner, gift card, gift set, book, sticker, pin badge, toy, ball,
        racket, dumbbell, shin guards, knee pads, dog coat, dog collar, dog lead, leash, bib shorts, base layer,
        baselayer, sleep mask, eye mask, cup set, saucer, egg cup, menstrual cup, cup holder
    de: bh, bustier, slip, slips, unterhose, unterhosen, boxershorts, boxershort, pants-set, unterwäsche, dessous,
        body, unterhemd, unterhemden, unterhemdchen, tanktop, tank top, tanktops, trägertop, spaghettitop,
        top mit trägern, socken, socke, strümpfe, kniestrümpfe, strumpfhose, strumpfhosen, sneakersocken, jumpsuit,
        overall, overalls, latzhose, latzhosen, strampler, einteiler, schneeanzug, skianzug, skihose, pyjama,
        pyjamas, schlafanzug, schlafanzüge, nachthemd, nachthemden, schlafhose, bademantel, bademäntel,
        morgenmantel, hausmantel, kimono, bikini, bikinis, bikinioberteil, bikinihose, bikinislip, tankini,
        neoprenanzug, anzug, anzüge, smoking, anzugweste, strickweste, strickwesten, pullunder, tunika, tuniken,
        bolero, schürze, trainingsanzug, jogginganzug, zweiteiler, kostüm, hosenanzug, set, hosenrock,
        fußballschuhe, fußballschuh, skischuhe, clogs, mules, espadrilles, hausschuhe, hausschuh, pantoffeln,
        schnürschuhe, schnürschuh, halbschuhe, halbschuh, businessschuhe, anzugschuhe, brautschuhe, kletterschuhe,
        schnürsenkel, einlegesohlen, schuhcreme, reisetasche, reisetaschen, sporttasche, sporttaschen, turnbeutel,
        koffer, trolley, aktentasche, laptoptasche, notebooktasche, kulturbeutel, kulturtasche, kosmetiktasche,
        handytasche, beuteltasche, weekender, schlüsselanhänger, schlüsseletui, handyhülle, hülle, etui,
        brillenetui, korrektionsbrille, brille, lesebrille, skibrille, schwimmbrille, smartwatch, wanduhr, wecker,
        taschenuhr, uhrenarmband, ohrringe, halskette, kette, armband, ring, schmuck, brosche, manschettenknöpfe,
        fliege, einstecktuch, hosenträger, regenschirm, stirnband, schlauchschal, loop, baskenmütze, strohhut,
        schiebermütze, badekappe, helm, fäustlinge, topfhandschuhe, boxhandschuhe, lipgloss, lippenpflege,
        lippenbalsam, wimperntusche, nagellack, creme!, duschgel, seife, bodyspray, rasierwasser, raumduft,
        diffuser, kerzenhalter, kerzenständer, teelichthalter, kissenbezug, kissenhülle, bettwäsche, bettdecke,
        bettlaken, handtuch, handtücher, badetuch, strandtuch, geschirrtuch, mundtuch, tischdecke, tischläufer,
        picknickdecke, teppich, vorhang, serviette, serviettenring, teller, schale, schüssel, krug, kanne, teekanne,
        karaffe, glas, weinglas, thermobecher, trinkflasche, flasche, eierbecher, zahnputzbecher, besteck, tablett,
        lampe, leuchte, spiegel, bilderrahmen, übertopf, blumentopf, hocker, stuhl, tisch, regal, haken, bügel,
        kleiderbügel, aufbewahrungsbox, korb, gutschein, ball, fußball, schienbeinschoner
    fr: jupe-short, soutien-gorge, brassière, culotte, slip, slips, boxer, boxers, caleçon, string, sous-vêtement,
        lingerie, nuisette, body, justaucorps, débardeur, caraco, bustier, marcel, chaussettes, chaussette,
        collants, collant, bas de contention, combinaison, combishort, salopette, grenouillère, pyjama,
        chemise de nuit, robe de chambre, peignoir, kimono, bikini, bas de bikini, haut de bikini,
        maillot de bain deux pièces, paréo, combinaison de ski, pantalon de ski, costume, smoking, tailleur,
        gilet de costume, gilet sans manches en maille, tunique, boléro, étole de cérémonie, tablier, survêtement,
        jogging complet, ensemble, jupe-culotte, chaussures de football, chaussures de foot, crampons,
        chaussures de ski, sabots, mules, espadrilles, chaussons, pantoufles, derbies, derby, richelieus, richelieu,
        chaussures de ville, babies, salomés, lacets, semelles, sac de voyage, sac de sport, valise, bagage,
        porte-documents, mallette, sac seau, trousse, trousse de toilette, vanity, porte-clés, porte-clefs,
        bijou de sac, étui, coque, housse, étui à lunettes, lunettes de vue, lunettes, masque de ski,
        montre connectée, horloge, réveil, bracelet, boucles d'oreilles, collier, bague, pendentif, broche, bijou,
        boutons de manchette, nœud papillon, noeud papillon, pochette de costume, bretelles, parapluie, bandeau,
        serre-tête, béret, cagoule, tour de cou, snood, chapeau de paille, bonnet de bain, casque, moufles,
        gants de cuisine, gants de boxe, gloss, baume à lèvres, mascara, vernis à ongles, crème!, gel douche, savon,
        déodorant, brume, après-rasage, diffuseur, parfum d'intérieur, bougeoir, photophore, taie d'oreiller, taie,
        housse de couette, couette, drap, serviette, serviette de bain, drap de bain, tapis, rideau, nappe,
        chemin de table, assiette, bol, plat, saladier, pichet, carafe, théière, verre, gourde, bouteille, couverts,
        plateau, lampe, bougie led, miroir, cadre, cache-pot, tabouret, chaise, table, étagère, crochet, cintre,
        panier, carte cadeau, ballon, coffret, parure
    ja: ブラ, ブラジャー, ショーツ, ボクサーパンツ, トランクス, インナー, 下着, ソックス, 靴下, タイツ,
        ストッキング, オールインワン, ジャンプスーツ, サロペット, オーバーオール, ロンパース, パジャマ,
        ルームウェア, ローブ, バスローブ, ガウン, 着物, 浴衣, ビキニ, ラッシュガード, ウェットスーツ, スーツ,
        タキシード, ニットベスト, ジレ, タンクトップ, キャミソール, ノースリーブトップス, チュニック, ボディスーツ,
        ジャージ上下, セットアップ, セット, スコート, キュロット, エプロン, スパイク, クロッグ, ミュール,
        エスパドリーユ, スリッパ, ルームシューズ, ダービーシューズ, オックスフォードシューズ, 革靴, ドレスシューズ,
        ビジネスシューズ, ウェッジソール, 靴ひも, ボストンバッグ, スーツケース, キャリーケース, ブリーフケース,
        ビジネスバッグ, 巾着, 巾着バッグ, バケットバッグ, 化粧ポーチ, 弁当箱, キーケース, キーホルダー, キーリング,
        スマホケース, ケース, カバー, ストラップ, メガネ, 眼鏡, ゴーグル, 置時計, 掛け時計, スマートウォッチ,
        イヤリング, ピアス, ネックレス, ブレスレット, リング, 指輪, カフス, ネクタイピン, 蝶ネクタイ, ハンカチ,
        サスペンダー, 傘, ヘアバンド, ヘッドバンド, サンバイザー, ベレー帽, スヌード, ネックウォーマー, バンダナ,
        麦わら帽子, ストローハット, ヘルメット, ミトン, マスク, リップグロス, リップクリーム, リップバーム,
        マスカラ, アイシャドウ, ファンデーション, マニキュア, クリーム, 石鹸, シャンプー, ディフューザー,
        キャンドルホルダー, 枕カバー, 布団, シーツ, タオル, バスタオル, ハンドタオル, マット, ラグ, カーテン,
        テーブルクロス, 皿, プレート, ボウル, ポット, グラス, タンブラー, ボトル, 水筒, トレイ, ランプ, ミラー,
        フレーム, ハンガー, フック, ラック, チェア, スツール, テーブル, ボール, スタンド, ボックス, かご,
        マグネット, スコップ, エプロンドレス
    it: scarpe stringate, abito da uomo, abito uomo, reggiseno, mutande, slip, boxer, calze, calzini, collant, tuta,
        salopette, pigiama, vestaglia, accappatoio, bikini, completo, smoking, panciotto, canotta, canottiera, body,
        tunica, set, zoccoli, espadrillas, pantofole, stringate, derby, francesine, valigia, borsone, cartella,
        secchiello, portachiavi, custodia, occhiali da vista, occhiali, anello, collana, bracciale, orecchini,
        gemelli, papillon, bretelle, ombrello, fascia, basco, passamontagna, muffole, federa, lenzuolo, asciugamano,
        tappeto, tovaglia, piatto, ciotola, brocca, teiera, bicchiere, bottiglia, lampada, specchio
    es: sujetador, bragas, calzoncillos, bóxer, calcetines, medias, mono, peto, pijama, bata, albornoz, bikini,
        traje, esmoquin, chaleco, camiseta de tirantes, top de tirantes, body, túnica, conjunto, chándal, zuecos,
        alpargatas, pantuflas, derby, maleta, bolsa de viaje, maletín, neceser, llavero, funda, estuche, gafas,
        anillo, collar, pulsera, pendientes, gemelos, pajarita, tirantes, paraguas, diadema, boina, pasamontañas,
        manoplas, sábana, toalla, alfombra, mantel, plato, cuenco, jarra, tetera, vaso, botella, lámpara, espejo
    zh: 内衣, 文胸, 内裤, 袜子, 袜, 连体裤, 睡衣, 浴袍, 比基尼, 西装, 套装, 背心, 吊带, 拖鞋套, 钥匙扣, 耳环, 项链,
        手链, 戒指, 雨伞, 毛巾, 床单, 地毯, 碗, 盘子, 水瓶, 行李箱, 手机壳, 眼镜
"""
"""Words of products that no silhouette looks like. A title about one of them has no kind."""

NEUTRAL_WORDS = """
    en: polo assn, us polo, u s polo, polo ralph lauren, classic polo, pepe jeans, calvin klein jeans, armani jeans,
        versace jeans, trussardi jeans, moschino jeans, tommy jeans, kraus jeans, polo jeans, body, slip, string,
        tennis, bob, babies, mono, americana, pull, loop, haut, plat, vela, short sleeve, short sleeved,
        short-sleeve, long sleeve!, long-sleeve!, long sleeved, half sleeve, cap sleeve, boot cut, bootcut,
        boot leg, top handle, high top, low top, hi top, top stitch, top stitched, roll top, zip top, tie dye,
        tie dyed, button down, button up, tie front, tie waist, tie neck, tie back, tie side, tie detail,
        tie shoulder, tie cuff, tie hem, tie up, self tie, polo neck, polo collar, shirt collar, shirt tail,
        shirt hem, shirt cuff, shirt style, suit style, coat style, jacket style, pocket tee, slip on, pull on,
        throw on, set of, pair of, pack of, box of, set in, ring detail, o ring, d ring, belt loop, belt bag style,
        block heel, kitten heel, high heel!, high heeled, mid heel, low heel, stiletto heel!, wedge heel,
        cuban heel, flat heel, cone heel, platform heel, cap toe, glass bottle, strap detail, chain strap,
        shoulder strap, leather strap, long strap, short strap, bottle green, mirror lens, patch pocket, box pleat,
        box fit, box logo, pin stripe, pin tuck, pin dot, hook and eye, skirt hem, full skirt, pants style,
        blanket stitch, blanket check, bucket style, trench style, bomber style, blazer style, tote style,
        cardigan style, jeans style, clutch style, vest style, loafer style, open toe, baseball collar, wrap front,
        belt buckle, buckle belt, book fold, ski
    de: im set
    fr: taille haute, manches courtes, tige haute, tige basse, petit format, grand format, lot de, paire de,
        haut de gamme, taille basse
    ja: エスコート, ショート丈, ロング丈, スリムフィット, レギュラーフィット, リラックスフィット, ブーツカット,
        シャツカラー, ポロカラー, ベストセラー, チェーンストラップ, ロングストラップ, ショートストラップ,
        ストラップなし
"""
"""Phrases that contain a word of a product and name none."""

BARE_WORDS: tuple[tuple[str, str], ...] = (
    ("jeans", "en: denim, denims, bull denim; ja: デニム"),
    ("trousers", "en: corduroys"),
    ("cargo-trousers", "en: cargo, cargos"),
    ("t-shirt", "en: jersey, jerseys"),
    ("fleece-jacket", "en: fleece, fleeces"),
    ("sweater", "en: knit, knits, half zip, quarter zip; ja: ニット, タートルネック, ハイネック, モックネック"),
    ("shorts", "en: short!"),
)
"""(Silhouette, words) of a material that name a product at the end of a title that names no other: Zip Flare Denim."""

_PREPOSITIONS = """
    en: with, without, in, for, from, by, featuring, of
    de: mit, ohne, aus, in, im, für, von, zum, zur, am
    fr: en, au, aux, avec, sans, pour, de, du, des, dans, d
    it: in, con, da, di, per, senza, a
    es: de, con, en, sin, para, del
"""
"""What a product comes with, is made of or is for follows one of these, or the French `à`."""
_ENGLISH_TOO = frozenset({"rock", "hose"})
"""Words of products in another language that are English words as well: they do not show the language."""
_CONJUNCTIONS = frozenset({"and", "und", "et", "e", "y"})
_CUES = """
    en: the, with, and, women, womens, woman, men, mens, kids, boys, girls, ladies, unisex, fit, sleeve, neck
    de: damen, herren, kinder, mädchen, jungen, mit, ohne, aus, und, im, für, der, die, das, größe, kurzarm, langarm
    fr: femme, homme, enfant, fille, garçon, avec, sans, en, et, pour, de, du, des, la, le, les, au, aux, manches, col
    it: donna, uomo, bambino, bambina, con, senza, di, da, e, per, in, pelle, cotone, lana, seta, misto, nero, bianco
    es: mujer, hombre, niño, niña, con, sin, de, y, para, en, piel, algodón, lana, seda, cuero, negro, blanco
"""
"""Words that show the language of a title, beside the material and colour words of its market."""


PEOPLE_WORDS: dict[str, tuple[str, str]] = {
    "boys": (
        "en: boy, boys; de: jungen, jungs, buben; fr: garçon, garçons; it: bambino; es: niño, niños;"
        " ja: ボーイズ, 男の子, 男児; zh: 男童",
        "dress skirt swimsuit pump clutch lipstick perfume-bottle sun-hat fedora card-case",
    ),
    "girls": (
        "en: girl, girls; de: mädchen; fr: fille, filles; it: bambina; es: niña, niñas;"
        " ja: ガールズ, 女の子, 女児; zh: 女童",
        "swim-shorts tie pump clutch lipstick perfume-bottle fedora card-case",
    ),
    "children": (
        "en: kid, kids, kidswear, child, children, childrens, junior, juniors, youth, teen, teens, toddler, baby,"
        " babies, newborn, infant; de: kinder, baby, babys; fr: enfant, enfants, bébé, bébés; it: bambini, neonato,"
        " neonati; es: infantil, bebé, bebés; ja: キッズ, 子供, 子ども, ベビー, ジュニア; zh: 童, 婴",
        "pump clutch lipstick perfume-bottle fedora card-case tie",
    ),
    "men": (
        "en: man, men, mens, menswear, gents, gentlemen, male, him, his; de: herren, herr, männer;"
        " fr: homme, hommes, masculin; it: uomo, uomini; es: hombre, hombres, caballero, caballeros;"
        " ja: メンズ, 紳士, 男性; zh: 男",
        "dress skirt swimsuit pump clutch lipstick sun-hat",
    ),
    "women": (
        "en: woman, women, womens, womenswear, ladies, lady, female, her; de: damen, dame, frauen;"
        " fr: femme, femmes, dame, dames, féminin; it: donna, donne; es: mujer, mujeres, señora, señoras;"
        " ja: レディース, 婦人, 女性, ウィメンズ; zh: 女",
        "swim-shorts tie",
    ),
}
"""People -> (words in the names of categories, silhouettes that shops hardly sell to them)."""


# -- stand-ins for rare words of titles -------------------------------------------------------------------------------

_NAME_PARTS = {
    "latin": (
        "al bor cal del er fal gar hel il jor kal lor mar nor ol per quil ros sal tor ul ver wen yar zel",
        "andr evr idr orv undr astr embr avr ikl olm",
        "a o en is elle ine or ay",
    ),
    "katakana": (
        "アル ボル カル デル エル ファル ガル ヘル イル ジョル コル ロル ミル ノル オル ペル キル ロス サル トル",
        "ヴェ ドラ ミナ リゼ セラ ヴォ",
        "ーナ ッタ リス ール ーヴァ ンド",
    ),
}  # fmt: skip
"""Script -> beginnings, middles and ends of invented names."""
_TERMS = """
    en: Classic, Essential, Signature, Heritage, Iconic, Modern, Original, Premium, Everyday, Timeless, Studio, City,
        Weekend, Archive, Atelier, Select, Core, Prime, Contemporary, Refined
    de: Classic, Essential, Signature, Heritage, Modern, Original, Premium, Basic, Studio, City, Archiv, Atelier, Prime
    fr: Classique, Iconique, Signature, Héritage, Moderne, Authentique, Studio, Atelier, Unique, Capsule, Premium
    ja: クラシック, エッセンシャル, シグネチャー, ヘリテージ, アイコニック, モダン, オリジナル, プレミアム, スタジオ,
        シティ, アーカイブ, アトリエ, カプセル
"""
"""Words that any shop may use, and that say nothing about the image."""


# -- words of cells ---------------------------------------------------------------------------------------------------

PALETTE = {
    "black": "#1b1a1c",
    "charcoal": "#3f4247",
    "grey": "#8b8f94",
    "silver": "#c3c6c9",
    "white": "#f4f4f2",
    "ivory": "#efe8d8",
    "beige": "#d8c7a3",
    "camel": "#c39a63",
    "tan": "#9c6a3f",
    "brown": "#5d3f2b",
    "khaki": "#8a8560",
    "olive": "#5d6540",
    "green": "#2f6b47",
    "mint": "#a5d3b8",
    "teal": "#1e7f80",
    "sky": "#8fb0cc",
    "blue": "#2a55a5",
    "navy": "#1f2a44",
    "purple": "#6a4585",
    "lilac": "#b9a3cf",
    "pink": "#e58fb1",
    "red": "#b8292f",
    "burgundy": "#5b1a22",
    "orange": "#dd7430",
    "yellow": "#e6c445",
    "gold": "#c9a24a",
}
"""Name of a colour -> RGB code, for colours that every catalog may have."""
MATERIAL_TERMS = """
    gabardine: gabardine, gaberdine, gabardina
    twill: twill, serge, sergé, köper, gabardine twill, drill, whipcord, ツイル
    cotton: cotton, baumwolle, coton, cotone, algodón, algodon, 綿, コットン, 棉, poplin, popeline, chambray,
        oxford cloth, percale, organic cotton, bio-baumwolle, pima, supima, batiste, voile, muslin,
        baumwollmischung, khadi, seersucker
    linen: linen, flax fibre, flachs, leinen, lin, lino, 麻, リネン, 亚麻, hemp, hanf, chanvre, ramie
    jersey: jersey, fleece, terry, french terry, sweat fabric, sweatshirt fabric, loopback, single jersey,
        interlock, molleton, ジャージー, ジャージ, フリース, スウェット
    denim: denim, jeansstoff, デニム, 牛仔布, selvedge denim
    canvas: canvas, segeltuch, toile, キャンバス, キャンバス地, 帆布, lona, duck cotton, tela canvas
    corduroy: corduroy, cord, cordsamt, velours côtelé, コーデュロイ, velluto a coste, pana, needlecord, breitcord
    velvet: velvet, samt, velours, velluto, terciopelo, ベルベット, ベロア, velour, velveteen, chenille, plush,
        nicki
    nylon: nylon, polyamide, polyamid, poliammide, poliamida, ナイロン, ポリアミド, 尼龙, polyester, poliestere,
        poliéster, ポリエステル, 聚酯纤维, re-nylon, econyl, ripstop, gore-tex, microfibre, microfiber, mikrofaser,
        taslan, cordura, polypropylene, polypropylen, pertex, softshell, tech fabric, technical fabric, ポリ
    wool: wool, woollen, woolen, virgin wool, new wool, lambswool, lamb wool, lamb's wool, merino, merinowolle,
        schurwolle, wolle, lammwolle, laine, laine vierge, laine mérinos, lana, lana vergine, ウール, 毛, 羊毛,
        羊毛混紡, tweed, flannel, flanell, flanelle, loden, felt, filz, feutre, feltro, boiled wool, walkwolle,
        shetland, worsted, melton
    cashmere: cashmere, kaschmir, cachemire, cachemir, カシミヤ, カシミア, 羊绒, re-cashmere, pashmina
    boucle: boucle, bouclé, laine bouclée, ブークレ, ブークレー
    shearling: shearling, sheepskin, lambskin shearling, lamb shearling, lammfell, schaffell, peau lainée, mouton,
        montone, shearling lamb, sherpa, teddy fleece, ムートン, シアリング, borrego, faux shearling
    rib-knit: rib-knit, rib knit, ribbed, ribbed knit, rippstrick, maille côtelée, リブニット, リブ編み, feinripp
    cable-knit: cable-knit, cable knit, cable, zopfstrick, maille torsadée, ケーブルニット, ケーブル編み
    knit: knit, knitted, knitwear, strick, grobstrick, feinstrick, maille, tricot, maglia, punto, ニット, mohair,
        alpaca, alpaka, alpaga, アルパカ, モヘア, acrylic, acryl, polyacryl, acrylique, acrilico, アクリル, angora,
        yak, camel hair, 腈纶
    silk: silk, seide, soie, seta, seda, シルク, 絹, 真丝, 桑蚕丝, mulberry silk, chiffon, crepe de chine,
        crêpe de chine, crepe, georgette, organza, viscose, viskose, rayon, レーヨン, lyocell, tencel, modal, cupro,
        cupra, キュプラ, ビスコース
    satin: satin, raso, satén, sateen, サテン, satin-back crepe, charmeuse, 缎
    grained-leather: grained, grained leather, grain leather, pebbled leather, grained calfskin, saffiano,
        saffiano leather, pebble leather, genarbtes leder, genarbtem leder, cuir grainé, シボ革, pelle martellata,
        full-grain leather, grainy calfskin
    patent-leather: patent leather, patent, lackleder, cuir verni, vernis, エナメル, エナメルレザー, vernice,
        charol, brushed leather, spazzolato, patent calfskin
    exotic-leather: croc-effect leather, croc-effect, croc-embossed, crocodile, croco, croc, python, snakeskin,
        snake-effect, alligator, ostrich, lizard, krokoleder, leder in krokooptik, cuir façon croco, クロコ調レザー,
        クロコ, パイソン
    leather: leather, lambskin, calfskin, calf leather, cowhide, cow leather, goatskin, goat leather, nappa, napa,
        deerskin, calf, sheep leather, lamb leather, bovine leather, buffalo leather, leder, lammleder, kalbsleder,
        rindsleder, rindleder, ziegenleder, glattleder, nappaleder, kunstleder, cuir, cuir de veau, cuir d'agneau,
        pelle, vitello, cuero, piel, レザー, 革, 本革, 牛革, 羊革, 皮革, 真皮, faux leather, vegan leather,
        eco-leather, simili cuir, 合成皮革, 牛皮, 羊皮, box calf
    suede: suede, calf suede, goat suede, split leather, veloursleder, wildleder, rauleder, nubuck, nubukleder,
        daim, velours de cuir, cuir velours, nubuk, camoscio, ante, スエード, ヌバック, カーフスエード, 麂皮
    acetate: acetate, acetat, acétate, acetato, アセテート, plastic, kunststoff, plastique, resin, プラスチック,
        板材
    glass: glass, glas, verre, vetro, vidrio, cristal, crystal, ガラス, 玻璃
    metal: metal, metall, métal, metallo, メタル, 金属, steel, stainless steel, edelstahl, stahl, acier, acciaio,
        acero, ステンレス, titanium, titan, brass, messing, laiton, aluminium, aluminum, silver-tone metal
    ceramic: ceramic, ceramics, keramik, céramique, ceramica, cerámica, セラミック, 陶器, 陶瓷, porcelain,
        porzellan, porcelaine, 磁器
    straw: straw, raffia, paper straw, toquilla straw, seagrass, stroh, bast, raffiabast, paille, raphia, paglia, rafia,
        paja, ストロー, 麦わら, ラフィア, 草编
    stoneware: stoneware, steinzeug, steingut, grès, gres, ストーンウェア, earthenware, terracotta, clay, 炻器
"""
"""Material of the renderer: words for it, and for what looks like it."""

_CLOTHS = {
    (fibre, silhouette): cloth
    for cloth, fibres, silhouettes in (
        ("jersey", "nylon", "t-shirt polo-shirt hoodie dress"),
        ("knit", "nylon", "sweater cardigan beanie scarf gloves"),
        ("knit", "jersey", "cardigan beanie"),
        ("denim", "cotton twill canvas nylon", "jeans"),
        ("silk", "nylon", "tie"),
        ("cotton", "nylon", "shirt cushion throw"),
    )
    for fibre in fibres.split()
    for silhouette in silhouettes.split()
}
"""(Fibre of a composition, silhouette) -> cloth. The renderer's nylon is that of jackets and bags: thin and glossy."""

PATTERN_TERMS = """
    plain: plain, solid, uni, unifarben, einfarbig, unie, 無地, tinta unita, liso, solid colour, solid color,
        unicolore, 纯色
    check: check, checked, checks, checkered, plaid, karo, kariert, karomuster, carreaux, チェック, チェック柄,
        quadri, cuadros, 格子
    tartan: tartan, tartanmuster, schottenkaro, carreaux écossais, écossais, タータン, タータンチェック, タータン柄
    gingham: gingham, vichy, vichykaro, carreaux vichy, ギンガムチェック, ギンガム
    windowpane: windowpane, window pane, fensterkaro, carreaux fenêtre, ウインドーペーン, ウィンドウペン
    houndstooth: houndstooth, dogtooth, hahnentritt, hahnentrittmuster, pied-de-poule, pied de poule, 千鳥格子,
        ハウンドトゥース
    herringbone: herringbone, fischgrat, fischgratmuster, chevron, chevrons, ヘリンボーン, zigzag, zig zag,
        spina di pesce
    stripes: stripe, stripes, striped, breton stripe, streifen, gestreift, streifenmuster, ringel, rayures, rayé,
        rayée, marinière, ストライプ, ストライプ柄, ボーダー, 縞, righe, rigato, rayas, 条纹, self-striped,
        self stripes, colourblocked stripes
    pinstripe: pinstripe, pinstriped, pin stripe, nadelstreifen, fines rayures, rayures tennis, ピンストライプ,
        gessato
    dots: dot, dots, dotted, polka dot, polka dots, polka, spotted, spots, punkte, gepunktet, punktmuster, pois,
        ドット, ドット柄, 水玉, lunares, 波点
    argyle: argyle, rauten, rautenmuster, losanges, アーガイル, アーガイル柄, rombi
    floral: floral, flower, flowers, floral print, blumen, blumenmuster, geblümt, fleurs, fleuri, 花柄, フラワー,
        floreale, fiori, flores, botanical, 碎花
    leopard: leopard, leo, leopardenmuster, léopard, ヒョウ柄, レオパード, animal print, animal, cheetah, leopardo,
        豹纹
    camouflage: camouflage, camo, tarnmuster, camouflage print, motif militaire, 迷彩, 迷彩柄, カモフラージュ,
        mimetico, camuflaje
    monogram: monogram, monogramm, monogrammmuster, monogramme, モノグラム, モノグラム柄, logo all over,
        allover logo
    print: print, printed, prints, graphic, graphic print, bedruckt, muster, aufdruck, imprimé, imprimée, プリント,
        プリント柄, 総柄, stampa, stampato, estampado, abstract, paisley, tropical, tie dye, tie-dye, geometric,
        ethnic motifs, batik, typography, conversational, 印花
    colour-block: colour-block, color-block, colour block, color block, colourblock, colorblock, colourblocked,
        colorblocked, farbblöcken, blocs de couleur, カラーブロック
"""
"""Pattern of the renderer: words for it."""
COLOUR_TERMS = """
    black: black, core black, jet, jet black, onyx, ebony, caviar, raven, noir, schwarz, ブラック, 黒, nero, negro,
        黑色, 黑, ink black, coal, carbon black, licorice, triple black, obsidian, off black, nearly black, phantom,
        eclipse, tar, pitch, black wash
    charcoal: charcoal, anthracite, anthrazit, graphite, graphit, slate, lead, gunmetal, peppercorn, carbon, iron,
        shadow, magnet, thunder, volcano, vulcano, chalkboard, asphalt, dark grey, dark gray, dark slate,
        チャコール, チャコールグレー, antracite, antracita, dunkelgrau, gris foncé, gris anthracite, ダークグレー,
        smoke grey, steel grey, storm, hematite, basalt, granite, castlerock, 深灰色, grigio scuro, onix,
        charcoal melange, shale, grey six, ash black
    grey: grey, gray, ash, smoke, cement, concrete, pewter, dove, heather grey, gris, grau, グレー, 灰色, グレイ,
        grigio, mouse, elephant, fog grey, medium grey, mid grey, cool grey, wolf grey, grey melange, heather,
        flint, gravel, cloud grey, steel, dust grey, 灰, grigio melange, graumeliert, gris chiné, 杢グレー, meteor,
        zinc, heron, walrus, tin
    silver: silver, argent, silber, シルバー, argento, plata, metallic silver, light grey, light gray, pale grey,
        hellgrau, gris clair, fog, mist, ライトグレー, platinum, chrome, 银色, 浅灰色, grigio chiaro, moonbeam,
        glacier, haze, moonlight, vapour, vapor, pearl grey, gris perle
    white: white, cloud white, optic white, chalk, chalk white, snow, blanc, weiß, weiss, ホワイト, 白, 白色,
        bianco, blanco, milky white, bright white, pure white, sail, albino white, alabaster, optical white,
        footwear white, core white, オプティックホワイト, sea salt
    ivory: ivory, off white, off-white, offwhite, cream, crème, creme, ecru, écru, ivoire, elfenbein, wollweiß,
        アイボリー, オフホワイト, クリーム, avorio, panna, marfil, crudo, eggshell, egg shell, vanilla, milk, pearl,
        bone, butter, buttermilk, oat milk, natural, naturel, natur, 生成り, エクリュ, 米白色, 米色, popcorn,
        cannoli, parchment, porcelain, blanc cassé, whisper white, warm white, coconut, coconut milk, magnolia,
        wool white, cloud, antique white, eggnog, rice, winter white, marshmallow
    beige: skin, beige, sand, stone, nude, oatmeal, oat, linen, travertine, flax, barley, desert beige, champagne,
        ベージュ, sable, pierre, sabbia, arena, サンド, ストーン, 卡其米色, wheat, almond, sahara, dune, desert,
        taupe grey, biscuit, pebble, grain, cracker, husk, archive beige, buff, latte, pale oak, macadamia,
        cork beige, cashew, mushroom, fossil, sandstone, shell, limestone, light beige, soft fawn, beach, grège,
        greige, エクリュベージュ, fondant, hummus, cork, oyster, tapioca, chalk beige, bisque, straw, jute, raffia,
        seigle
    camel: camel, honey, honig, miel, キャメル, ハニー, cammello, camello, caramel, fawn, toffee, butterscotch,
        sesame, biscotti, peanut butter, maple, amber, dark beige, desert taupe, karamell, teddy, warm honey,
        dark honey, archive camel, vicuna, 驼色, cracker brown, granola, chamois, warm beige, gingerbread, safari
    tan: tan, cognac, tawny, saddle, whisky, whiskey, light brown, hellbraun, marron clair, ライトブラウン, cuoio,
        cuero, gold brown, タン, camel brown, ginger, acorn, cinnamon, hazelnut, almond brown, sienna, tabac clair,
        luggage, nutmeg, pecan, caramel brown, natural tan, vachetta, cuir, tobacco, tabac, tabak, tabacco, bronze,
        copper, fauve, naturale cuoio, noisette, haselnuss, saddle brown, peanut
    brown: brown, chocolate, espresso, coffee, mocha, chestnut, walnut, cocoa, coco, cacao, marron, braun, ブラウン,
        茶, 茶色, marrone, marrón, brun, schokolade, schoko, chocolat, チョコレート, ダークブラウン, dunkelbraun,
        umber, truffle, mahogany, taupe, mink, earth, bark, kastanie, teak, carob, ebony brown, bitter chocolate,
        peat, brownie, moka, testa di moro, cordovan, coffee brown, bison, oak, dark brown, java, cedar, wood, 棕色,
        咖啡色, 褐色, 深棕色, café, shrew, dark oak, root beer, brown melange, cappuccino, leather brown
    khaki: khaki, kaki, カーキ, cachi, caqui, khakigrün, military, safari green, 卡其色, lichen, limonite, drab,
        mud, army, fatigue, desert sage
    olive: camo, camouflage, olive, olivgrün, vert olive, oliv, オリーブ, moss, army green, military green,
        verde oliva, oliva, oliva oscuro, loden, caper, cypress, vert kaki, khaki green, olive green, dark olive,
        verde militare, オリーブグリーン, fern, sage, salbei, sauge, salvia, hunter, burnt olive, ivy green,
        juniper, dusty olive, grape leaf, 橄榄绿, 军绿色, dark khaki, avocado, algae, rosemary, bay leaf, thyme
    green: green, emerald, forest, forest green, bottle, bottle green, kelly, hunter green, racing green, pine,
        jade, grün, vert, グリーン, 緑, 緑色, verde, waldgrün, dunkelgrün, smaragdgrün, smaragd, émeraude,
        vert forêt, vert sapin, sapin, fir, lime, lime green, neon green, grass, ivy, leaf, limettengrün,
        フォレストグリーン, ダークグリーン, 绿色, 墨绿色, smeraldo, bosco, sea green, dark green, shrub, liana,
        malachite, clover, basil, spinach, tannengrün, evergreen, british racing green, cactus, ライム,
        ボトルグリーン, billiard green, neongrün, pistache foncé
    mint: mint, mintgrün, menthe, vert menthe, ミント, ミントグリーン, menta, pistachio, pistache, pistacchio,
        seafoam, light green, hellgrün, vert clair, vert d'eau, pale green, celadon, verde chiaro, verde claro,
        浅绿色, 薄荷绿, ライトグリーン, honeydew, spearmint, matcha, apple, celery, sea foam, soft green, aloe
    teal: teal, petrol, turquoise, türkis, aqua, peacock, bleu canard, bleu pétrole, aquamarine, cyan, ティール,
        ターコイズ, turchese, ottanio, turquesa, petrolio, lagoon, loch, petrol blue, ocean teal, deep teal, 青绿色,
        pétrole, deep lagoon, caribbean, scuba, verdigris, spruce, kingfisher
    sky: sky, sky blue, light blue, pale blue, baby blue, powder blue, ice blue, himmelblau, hellblau, bleu ciel,
        bleu clair, bleu glacier, ciel, スカイブルー, ライトブルー, サックス, 水色, celeste, azzurro, celadon blue,
        carolina blue, bleached, light wash, light indigo, bleach wash, light vintage, bluebell, pastel blue,
        soft blue, azul claro, 浅蓝色, 天蓝色, dusty blue, stonewash, light stone wash, eisblau, hellblau meliert,
        university blue, washed light blue, light denim, sax, サックスブルー, chambray blue, acid blue, azul cielo,
        air force blue
    blue: blue, royal, royal blue, cobalt, azure, denim, indigo, electric blue, sapphire, bleu, blau, ブルー, 青,
        青色, blu elettrico, azul, königsblau, bleu roi, kobaltblau, cornflower, ultramarine, ロイヤルブルー,
        インディゴ, インディゴブルー, mid blue, medium blue, ocean, lapis, bluette, 蓝色, blu royal, cobalto,
        azul royal, bleu électrique, bluestone, marina, aviator blue, pacific, denim blue, vintage blue, mid wash,
        medium wash, flood, kornblumenblau, sea, lake, arctic blue, bleu jean, blue denim, steel blue, jeansblau,
        rinsed indigo, medium indigo
    navy: navy, navy blue, midnight, midnight blue, dark blue, marine, marineblau, dunkelblau, nachtblau,
        bleu marine, bleu nuit, bleu foncé, ネイビー, ネイビーブルー, 紺, 紺色, ダークネイビー, ダークブルー, blu,
        blu navy, blu scuro, blu notte, marino, azul marino, azul oscuro, ink, dark indigo, dark navy, dark wash,
        raw denim, rinse, rinse wash, coal blue, 藏青色, 深蓝色, 藏蓝色, dark night, dark denim, collegiate navy,
        night, nuit, dark ink, obsidian blue, encre, tinte, blue black, dark vintage, true navy, midnight navy,
        rinsed blue
    purple: purple, aubergine, eggplant, plum, violet, grape, amethyst, lila, lilla scuro, violett, pflaume, prune,
        パープル, 紫, 紫色, viola, morado, púrpura, mulberry, blackberry, magenta purple, royal purple, ultraviolet,
        melanzana, 深紫色, berry purple, cassis violet, dunkellila, indigo purple, brombeere, heath, thistle
    lilac: lilac, lavender, flieder, lilas, lavande, lavendel, ライラック, ラベンダー, glicine, lilla, lavanda,
        mauve, wisteria, orchid, light purple, hellila, helllila, malve, mauve clair, 淡紫色, 浅紫色, iris,
        heather purple, periwinkle, violet clair, thistle lilac, pale purple, violette
    pink: pink, rose, blush, fuchsia, magenta, rosa, ピンク, 粉色, 粉红色, bubblegum, hot pink, raspberry, salmon,
        light pink, dusty pink, pale pink, baby pink, altrosa, zartrosa, hellrosa, rose poudré, vieux rose, cipria,
        fucsia, powder pink, flamingo, peony, rose pâle, rosé, himbeere, framboise, ペールピンク, ローズ, petal,
        nude pink, candy, neon pink, 桃色, 玫红色, peach, pêche, pfirsich, pesca, melocotón, ピーチ, rosewood,
        tamarind pink, carnation, old rose, watermelon, fuxia, lotus, dusty rose, blossom, shrimp
    red: red, scarlet, crimson, ruby, cherry, poppy, fire red, rot, rouge, レッド, 赤, 赤色, rosso, rojo, kirschrot,
        rubinrot, ziegelrot, tomato, tomato red, cardinal, brick, brick red, rouge brique, lava, vermilion,
        strawberry, 红色, corallo rosso, geranium, レンガ, fiery red, chili, chilli, paprika, carmine, flame,
        ferrari red, true red, scharlachrot, coquelicot, better scarlet, bright red, pomegranate, ladybird
    burgundy: burgundy, wine, maroon, oxblood, bordeaux, merlot, garnet, claret, burgunderrot, weinrot, dunkelrot,
        bourgogne, lie de vin, バーガンディ, ワインレッド, ワイン, ボルドー, bordò, bordeaux rot, granate, burdeos,
        dark red, rouge foncé, cranberry, currant, 酒红色, cassis, port, beet, mahogany red, amarena, rubino scuro,
        cordovan red, bramble, berry, deep red, dark cherry, black cherry, rosso scuro, vino, grenat
    orange: orange, rust, coral, terracotta, apricot, tangerine, copper orange, pumpkin, burnt orange, オレンジ,
        テラコッタ, arancione, naranja, koralle, corail, corallo, rost, rostrot, rouille, aprikose, abricot, clay,
        橙色, 橘色, persimmon, mandarin, papaya, paprika orange, solar orange, neon orange, brique, ruggine,
        coral orange, orange rust, bright orange, carrot, サンセット, melon, total orange, teja
    yellow: yellow, mustard, lemon, senf, senfgelb, gelb, jaune, イエロー, 黄, 黄色, giallo, amarillo, マスタード,
        moutarde, citron, ocre, ochre, ocker, saffron, canary, sunflower, butter yellow, light yellow, hellgelb,
        neon yellow, neongelb, senape, mostaza, turmeric, zitrone, corn, pollen, banana, volt, marigold, jonquille,
        sun, limone, curry, maize, safran, pineapple, honey yellow, solar yellow, lime yellow, gelbgold matt
    gold: gold, golden, or, doré, ゴールド, oro, dorado, dorato, 金色, champagne gold, rose gold, brass,
        metallic gold, antique gold, goldfarben, light gold, pale gold
"""
"""Name in `PALETTE`: words of shops for it, or for what is nearest to it."""

_SHADES: dict[str, tuple[str, str]] = {
    # colour: what it is when light, when dark
    "grey": ("silver", "charcoal"),
    "silver": ("silver", "grey"),
    "blue": ("sky", "navy"),
    "green": ("mint", "green"),
    "brown": ("tan", "brown"),
    "red": ("red", "burgundy"),
    "purple": ("lilac", "purple"),
    "pink": ("pink", "pink"),
    "beige": ("beige", "camel"),
    "khaki": ("khaki", "olive"),
    "orange": ("orange", "orange"),
    "teal": ("teal", "teal"),
}
_SHADE_OF = {
    "grey": {"charcoal", "silver"},
    "blue": {"navy", "sky", "teal"},
    "green": {"olive", "mint", "teal", "khaki"},
    "brown": {"tan", "camel"},
    "red": {"burgundy", "orange"},
    "purple": {"lilac"},
    "white": {"ivory"},
    "yellow": {"gold"},
}
"""Colour -> the colours that a word before it may make of it: charcoal grey, wine red, mint green."""
_ONLY_IN_CELLS = """
    jet raven coal phantom eclipse tar pitch lead iron shadow magnet thunder volcano storm steel smoke mouse elephant
    heather dove meteor tin cement flint gravel fog mist glacier haze vapour vapor chrome platinum snow sail milk pearl
    bone butter cloud rice popcorn marshmallow natural naturel natur parchment shell beach desert sahara dune grain
    cracker husk straw jute raffia wheat almond oyster pebble biscuit mushroom fossil latte skin coconut magnolia
    vanilla arena pierre amber teddy safari saddle ginger luggage tobacco bronze copper whisky earth bark wood cafe oak
    java mink peat coffee cocoa bison cedar military army mud fatigue hunter fern loden cypress avocado thyme rosemary
    basil bottle pine jade kelly grass ivy leaf clover cactus spinach fir apple celery aloe matcha lake sea ocean marina
    pacific flood night nuit ink rinse bleached stonewash grape heath prune blackberry mulberry iris orchid malve lotus
    petal candy cherry poppy tomato strawberry brick lava flame chili chilli paprika carnation watermelon flamingo peony
    blossom shrimp port beet berry cranberry currant pumpkin melon carrot papaya clay curry corn maize banana pineapple
    sun lemon pollen volt sunflower or sax cardinal cork concrete carbon limestone sandstone fawn buff maple sesame
    earth nutmeg pecan peanut teak moka cordovan bramble garnet port claret cassis bark juniper loch lagoon scuba spruce
    moonbeam moonlight eggnog cannoli hummus tapioca bisque macadamia cashew walnut chestnut caviar licorice azure
    pistachio amarena limone miel honig menta arena vino teja jonquille
"""
"""Names of colours that mean something else in a title: Saddle Bag, Military Jacket."""
_LIGHT = """
    light pale soft pastel ice baby powder hell hellem clair claire chiaro chiara claro clara
    bleached faded ライト ペール
"""
_DARK = """
    dark deep dunkel dunkles fonce foncee scuro scura oscuro oscura intense ダーク midnight
"""
_FINISHES = """
    wash washed washing rinsed rinse vintage archive melange heather heathered stone acid matte matt
    metallic multi neon faded true core bright mottled marl chine meliert mix
"""
"""Words that say how a colour is finished: they count as a colour only if no other is there."""


@dataclass(frozen=True, slots=True)
class KindMatch:
    """What a title says that the product is."""

    silhouette: str
    """The silhouette that looks like it."""
    word: str
    """The word or phrase of the title that names it, as spelled there."""
    start: int
    """Where `word` begins in the title, in characters."""
    end: int
    """Where it ends."""


@dataclass(frozen=True, slots=True)
class _Sense:
    """What a phrase means in one language."""

    silhouette: str | None
    """None for a product that is not drawn, and for a phrase that names no product."""
    role: str
    """noun, neutral, qualifier or bare."""
    others: frozenset[str] = frozenset()
    """The silhouettes that a general word may mean as well."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a folded title: letters and digits, or Japanese and Chinese text."""

    text: str
    start: int
    end: int
    """In the folded title."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A phrase of the vocabulary in a title: tokens first to last, characters start to end of the folded title."""

    sense: _Sense
    first: int
    last: int
    start: int
    end: int
    language: str


def find_kind(title: str) -> KindMatch | None:
    """Find what a title in any of six languages says that the product is: its head noun, and the silhouette of it.

    The head is the last word of a product in English, German and Japanese (Shirt Dress), the first in French, Italian
    and Spanish (Robe chemise), before what comes with, in or for it (Coat with Belt). A general word yields to a
    specific one (Puffer Jacket). Returns None if no word is known, if what it names is not drawn (Socks), or if the
    title names two products (Hat & Scarf).
    """
    head, origins = _find_head(title)
    if head is None or head.sense.silhouette is None:
        return None
    start, end = origins[head.start], origins[head.end - 1] + 1
    return KindMatch(head.sense.silhouette, title[start:end], start, end)


def find_undrawn(title: str) -> str | None:
    """Find the word of a product that no silhouette looks like, as in Wool Socks; None if the title names none."""
    head, origins = _find_head(title)
    if head is None or head.sense.silhouette is not None:
        return None
    return title[origins[head.start] : origins[head.end - 1] + 1]


def _find_head(title: str) -> tuple[_Found | None, list[int]]:
    """Return the head noun of a title, if it names one product, and the place of each folded character."""
    folded, origins = _fold(title)
    tokens = _tokenize(folded)
    if not tokens:
        return None, origins
    language = _guess_language(title, tokens)
    found = _drop_foreign(list(_find_phrases(tokens, language)), language)
    segment, spoken, joined = _cut_segment(found, tokens, folded, "".join(title[k] for k in origins), language)
    nouns = [each for each in segment if each.sense.role == "noun"]
    if not nouns:
        head = _find_bare_word(segment, tokens)
    elif joined:
        return None, origins
    else:
        head = nouns[0 if nouns[0].language in _HEAD_FIRST else -1]
        head = _specify(head, folded[head.start : head.end], segment, spoken)
    return head, origins


def find_silhouette(path: Sequence[str]) -> tuple[str, bool]:
    """Find the silhouette of a category by its names. Returns it and whether a known word was found.

    The leaf category is tried first, then its parents: TRENCH COATS under OUTERWEAR is a trench coat. A leaf must be
    drawn as something, so the patterns of the records are wider than their `title_words` (TOWELS: throw). A name that
    no pattern knows is read as a title. Where the names say for whom a category is, SWIMWEAR for MEN is no swimsuit.
    """
    for name in reversed(path):
        folded = name.casefold()
        silhouette = next((found for found, words in SILHOUETTE_WORDS if re.search(words, folded)), None)
        if silhouette is None:
            match = find_kind(name)
            silhouette = match.silhouette if match is not None else None
        if silhouette is not None:
            usual = remove_unusual(_list_senses(name) | {silhouette}, path)
            return (silhouette if silhouette in usual else min(usual)), True
    return FALLBACK_SILHOUETTE, False


def list_named_silhouettes(name: str) -> frozenset[str]:
    """List the silhouettes that a category's name may mean: all jackets for JACKETS; none if no word is known."""
    silhouette, is_named = find_silhouette((name,))
    return _list_senses(name) or frozenset({silhouette} if is_named else ())


def _list_senses(name: str) -> frozenset[str]:
    """List the silhouettes that the general word of a name means, JACKETS or BAGS; none for other names."""
    head = _find_head(name)[0]
    sense = head.sense if head is not None else None
    return sense.others | {sense.silhouette} if sense is not None and sense.silhouette and sense.others else frozenset()


def remove_unusual(silhouettes: frozenset[str], path: Sequence[str]) -> frozenset[str]:
    """Remove what shops hardly sell to the people whom a category is for, unless nothing else is left."""
    people = next((found for name in reversed(path) if (found := split_people(name)[0])), frozenset[str]())
    unusual = [frozenset(PEOPLE_WORDS[each][1].split()) for each in people]
    return silhouettes - frozenset.intersection(*unusual) or silhouettes if unusual else silhouettes


def is_people_word(word: str) -> bool:
    """Return whether a word says for whom a product is, and nothing else: Women's, Herren."""
    people, rest = split_people(word)
    return bool(people) and not rest


def names_other_people(word: str, path: Sequence[str]) -> bool:
    """Return whether a word says that a product is for other people than the names of its category do."""
    said = split_people(word)[0]
    whom = next((found for name in reversed(path) if (found := split_people(name)[0])), frozenset[str]())
    young = frozenset({"boys", "girls"})
    agree = said & whom or ("children" in said and whom & young) or ("children" in whom and said & young)
    return bool(said and whom and not agree)


@functools.cache
def split_people(name: str) -> tuple[frozenset[str], str]:
    """Split the name of a category into keys of `PEOPLE_WORDS` and the folded rest: `MEN'S SHOES` is men, `shoes`."""
    rest, found = _fold(name)[0], set()
    for people, words in _build_people().items():
        found |= {people} if words.search(rest) else set()
        rest = words.sub(" ", rest)
    return frozenset(found), " ".join(rest.split())


@functools.cache
def _build_people() -> dict[str, re.Pattern[str]]:
    """Return a pattern of the words for each kind of people; German ones also begin compounds (Damenschuhe)."""
    found = {}
    for people, (listed, _) in PEOPLE_WORDS.items():
        words = []
        for language, word, _ in _split_list(listed):
            folded = re.escape(_fold(word)[0])
            if language in {"ja", "zh"}:
                words.append(folded)
            elif language == "de" and len(word) > 4:
                words.append(rf"\b{folded}")
            else:
                words.append(rf"\b{folded}\b(?:'s\b|'\B)?")
        found[people] = re.compile("|".join(words))
    return found


def split_words(title: str) -> list[str]:
    """Split a title into words, in their order and spelling, without punctuation around them.

    Japanese and Chinese text is split around the words that are known: ストライプコットンシャツ is three words.
    """
    words = (part.strip("()[]{},.;:!?\"'*/|-") for part in _clean(title).split())
    return [piece for word in words if word for piece in (_split_known(word) if _EAST_ASIAN.search(word) else [word])]


def list_words() -> frozenset[str]:
    """List the words and phrases of all lists, in small letters without accents."""
    phrases = (*_build_senses(), *_MATERIAL_TERMS, *_PATTERN_TERMS, *_COLOUR_TERMS)
    made = (*(name for script in _NAME_PARTS for name in invent_names(script)), *(w for _, w, _ in _split_list(_TERMS)))
    return frozenset(" ".join(phrase) for phrase in phrases) | {_fold(word)[0] for word in made}


@functools.cache
def invent_names(script: str) -> tuple[str, ...]:
    """Invent names of product lines, always the same ones in the same random-looking order: Delembrine, Rosevra.

    `script` is latin or katakana. They stand for the rare words of real titles and are made without looking at them.
    """
    names = ["".join(parts) for parts in itertools.product(*(part.split() for part in _NAME_PARTS[script]))]
    step = next(step for step in range(len(names) * 5 // 8, len(names)) if math.gcd(step, len(names)) == 1)
    return tuple(names[i * step % len(names)].title() for i in range(len(names)))


def list_terms(market: str) -> tuple[str, ...]:
    """List words such as Classic in the language of a market: they stand for the second rare word of a real title."""
    language = _LANGUAGES[MARKET_CODES.index(market)]
    return tuple(word for own, word, _ in _split_list(_TERMS) if own == language)


def is_plain_word(word: str) -> bool:
    """Return whether a word has only letters, with hyphens or apostrophes inside: no digits, codes or braces."""
    return re.fullmatch(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", word) is not None


def _clean(title: str) -> str:
    return "".join(
        " " if unicodedata.category(char)[0] in "ZC" else char for char in unicodedata.normalize("NFC", title)
    )


def read_material(text: str) -> str | None:
    """Return the renderer's material of a cell or title: "100% Lambskin" is leather, "Baumwolle" is cotton.

    Of a composition with percentages it is the part with the largest share, the first of equal ones: many shops list
    the fibres by alphabet. Only the first layer counts (Outer: ...; Lining: ...), and of other lists the first word.
    """
    layer = _first_layer(_fold(text)[0])
    if re.match(r"[^\d%:]*[^\W\d][^\d%:]*\d", layer):  # a name before the first number: Wool 60% Silk 40%
        shares = [(match.group(2), match.group(1)) for match in _SHARE_AFTER.finditer(layer)]
    else:
        shares = [(match.group(1), match.group(2)) for match in _SHARE_OF.finditer(layer)]
    for _, name in sorted(shares, key=lambda share: -float(share[0].replace(",", "."))):
        found = _find_term(name, _MATERIAL_TERMS)
        if found is not None:
            return found
    return _find_term(layer, _MATERIAL_TERMS)


def read_pattern(text: str) -> str | None:
    """Return the renderer's pattern that a cell or title names first; None if it names none."""
    return _find_term(_fold(text)[0], _PATTERN_TERMS)


def read_title_colour(word: str) -> str | None:
    """Return the palette name that one word of a title means, where it can hardly mean something else there."""
    parts = [token.text for token in _tokenize(_fold(word)[0])]
    vague = _split_set(_ONLY_IN_CELLS)
    known = any(part not in vague and (len(parts) == 1 or read_colour(part)) for part in parts)  # not full-grain
    plain = known and read_material(word) is None and read_pattern(word) is None and "#" not in word
    return read_colour(word) if plain else None


def read_type_word(slot: str, word: str) -> str | None:
    """Return the material or pattern that the type word of a title names: Lederjacke, Karohemd, Denim.

    Of patterns only compounds count: a French plaid is no check.
    """
    if slot == "material":
        return read_material(word)
    folded = _fold(word)[0]
    return _find_term(folded, _PATTERN_TERMS) if _phrase(folded) not in _PATTERN_TERMS else None


def read_colour(text: str) -> str | None:
    """Return the name in `PALETTE` of the first colour of a cell: its words in six languages, or a code like #1f3a5f.

    "Light Blue" is sky, "Dark Navy" navy, "Washed Black" black. In English, German and Japanese the last colour word
    of a name counts ("Coal Blue"), in French, Italian and Spanish the first ("vert olive" has an entry of its own).
    Returns None for names that only one shop uses, and for several colours at once (Multi).
    """
    code = re.match(r"\s*(?:#|(?=\w*\d)(?=\w*[a-fA-F]))([0-9a-fA-F]{6})\s*$", text)
    if code is not None:
        return nearest_colour(code.group(1))
    for part in re.split(r"[/,;|+&\n•·、・]|\s-\s|\s(?:and|und|et|e|y)\s", _fold(text)[0]):
        if _WORD.search(part):
            return _read_colour_name(part)
    return None


def find_attribute_columns(names: Iterable[str]) -> dict[str, str]:
    """Return attribute -> the column of a user's table that says it: {"material": "Fabric", "colour": "baseColour"}.

    Of several columns the one whose name is listed first counts; attributes without a column are left out.
    """
    by_key = {"".join(_WORD.findall(_fold(name)[0])): name for name in reversed(list(names))}
    found: dict[str, str] = {}
    for attribute, listed in _COLUMN_NAMES.items():
        column = next((by_key[key] for key in listed.split() if key in by_key), None)
        if column is not None:
            found[attribute] = column
    return found


_COLUMN_NAMES = {
    "colour": (
        "colour color colourname colorname basecolour basecolor maincolour maincolor primarycolour primarycolor"
        " productcolour productcolor colours colors colourfamily colorfamily colourgroup colorgroup colourgroupname"
        " perceivedcolourmastername perceivedcolour colourway colorway itemcolor itemcolour"
        " farbe farben farbname grundfarbe hauptfarbe couleur couleurs coloris nomcouleur"
        " couleurprincipale カラー 色 色名 颜色 colore colori color1 colour1 coloreprincipale"
        " colourcode colorcode colourhex colorhex shade"
    ),
    "material": (
        "material materials materialname mainmaterial primarymaterial fabric fabrics fabrictype composition"
        " materialcomposition fabriccomposition materialtype outermaterial uppermaterial shellmaterial cloth"
        " obermaterial materialzusammensetzung zusammensetzung stoff matiere matieres matiereprincipale composizione"
        " materiale materiali tessuto composicion tejido 素材 材質 生地 材质 面料"
    ),
    "pattern": (
        "pattern patterns patternname patterntype print prints printtype printorpattern printorpatterntype"
        " graphicalappearancename graphicalappearance design muster musterung motif motifs imprime"
        " 柄 パターン 图案 fantasia motivo stampa estampado patron"
    ),
}
"""Attribute -> names of columns without spaces, underscores and accents, the most telling first."""


def guess_market(currency: str, names: Iterable[str]) -> str:
    """Return the market of a currency; where several have it, the one whose language the names are in, else the US."""
    codes = [code for code, market in MARKETS.items() if market.currency_code == currency]
    text = " ".join(names)
    tokens = _tokenize(_fold(text)[0])
    language = _guess_language(text, tokens) if len(codes) > 1 and tokens else "en"
    spoken = dict(zip(MARKET_CODES, _LANGUAGES, strict=True))
    return next((code for code in codes if len(codes) == 1 or spoken[code] == language), "US")


def choose_cloth(material: str | None, silhouette: str | None) -> str | None:
    """Return the material that this garment of such a fibre looks like: a sweater of polyamide is knitted."""
    return _CLOTHS.get((material or "", silhouette or ""), material)


# -- titles -----------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff々]")
_KATAKANA = re.compile(r"[\u30a1-\u30ff]")
_CLUSTER = re.compile(r".[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)
_BREAK = re.compile(r"[,;:|()\[\]{}–—•·]|\s-\s")
_MODIFIER_ENDS = ("付", "つき", "入り", "入れ", "なし", "風", "柄", "用", "丈", "掛け", "型", "調", "見え", "襟")
"""What follows a Japanese word of a product that only describes another: ベルト付きコート is a coat."""
_HEAD_FIRST = frozenset({"fr", "it", "es"})
_PURPOSES = frozenset({"for", "fur", "pour", "para"})
_PEOPLE = """
    men mens women womens man woman kids boys girls ladies unisex him her damen herren kinder jungen madchen femme homme
    femmes hommes enfant enfants fille garcon donna uomo mujer hombre
"""
_LONGEST_PHRASE = 5
_COMPOUND_HEADS = """
    mantel, mäntel, jacke, jacken, weste, westen, hemd, hemden, bluse, blusen, kleid, kleider, rock, röcke, hose, hosen,
    jeans, shorts, schuh, schuhe, stiefel, stiefelette, stiefeletten, sandale, sandalen, tasche, taschen, rucksack,
    rucksäcke, gürtel, schal, schals, tuch, tücher, handschuhe, mütze, mützen, kappe, kappen, uhr, uhren, kissen, decke,
    decken, kerze, kerzen, vase, vasen, becher, tasse, tassen, pullover, pulli, sweatshirt, hoodie, blazer, sakko,
    parka, anzug, anzüge, hülle, etui, cardigan, krawatte, socken, hut, hüte, brille
"""
"""German words that end compounds: Wollmantel."""
_COMPOUND_STEMS = {"jeans": "jeansstoff", "lamm": "lammleder"}
"""What the first part of a German compound means where it is not the word itself (Jeansjacke)."""


def _fold(text: str) -> tuple[str, list[int]]:
    """Return the text in small letters without accents, and for each character its place in the text."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    folded: list[str] = []
    origins: list[int] = []
    for match in _CLUSTER.finditer(text):
        cluster = unicodedata.normalize("NFKC", match.group())
        if not _EAST_ASIAN.search(cluster):
            cluster = "".join(c for c in unicodedata.normalize("NFKD", cluster) if not unicodedata.combining(c))
        cluster = cluster.casefold().replace("’", "'").replace("œ", "oe")
        folded.append(cluster)
        origins += [match.start()] * len(cluster)
    return "".join(folded), origins


def _tokenize(folded: str) -> list[_Token]:
    return [_Token(match.group(), match.start(), match.end()) for match in _WORD.finditer(folded)]


def _split_list(words: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (language, word, whether only this form counts) of `en: coat, macs!` or `en: coat; de: mantel`."""
    parts = re.split(r"\b(en|de|fr|ja|it|es|zh):", words)
    for language, listed in zip(parts[1::2], parts[2::2], strict=True):
        for word in (each.strip(" ;\n") for each in listed.split(",")):
            yield language, word.removesuffix("!"), word.endswith("!")


def _phrase(word: str) -> tuple[str, ...]:
    return tuple(token.text for token in _tokenize(_fold(word)[0]))


def _forms(language: str, word: str, exact: bool) -> set[tuple[str, ...]]:
    """Return the phrase in singular and plural, in a language where this is regular."""
    phrase = _phrase(word)
    forms = {phrase}
    if language == "de":
        spelled = re.sub("[äöü]", lambda match: {"ä": "ae", "ö": "oe", "ü": "ue"}[match.group()], word.casefold())
        forms.add(_phrase(spelled))
    if exact or language not in {"en", "fr", "es"} or not phrase:
        return forms
    *before, last = phrase
    if language == "en":
        ends = {last + "s"}
        ends |= {last + "es"} if re.search(r"(s|x|z|ch|sh)$", last) else set()
        ends |= {last[:-1] + "ies"} if re.search(r"[^aeiou]y$", last) else set()
        ends |= {last[:-1]} if re.search(r"[^s]s$", last) and len(last) > 4 else set()
        forms |= {(*before, end) for end in ends}
    else:
        small = {"a", "de", "du", "des", "en", "d", "l", "sans", "et", "la"}
        forms.add(tuple(each if each in small or each[-1] in "sxz" else each + "s" for each in phrase))
        forms.add(tuple(each if each in small or not re.search(r"[^s]s$", each) else each[:-1] for each in phrase))
    return forms


_Senses = dict[tuple[str, ...], dict[str, _Sense]]


@functools.cache
def _build_senses() -> _Senses:
    """Return phrase -> language -> what it means there. Where two lists have a phrase, the later list counts."""
    senses: _Senses = {}

    def add(words: str, sense: _Sense) -> None:
        for language, word, exact in _split_list(words):
            for form in _forms(language, word, exact):
                senses.setdefault(form, {})[language] = sense

    for silhouette, words in QUALIFIERS:
        add(words, _Sense(silhouette, "qualifier"))
    add(UNDRAWN_WORDS, _Sense(None, "noun"))
    for each in RECORDS.values():
        for noun, category, language in zip(each.nouns, each.category, _LANGUAGES, strict=True):
            add(f"{language}: {noun}, {category}", _Sense(each.name, "noun"))
        add(each.title_words, _Sense(each.name, "noun"))
    for members, words in GENERAL_WORDS:
        first, *others = members.split()
        add(words, _Sense(None if first == "-" else first, "noun", frozenset(others)))
    for silhouette, words in BARE_WORDS:
        add(words, _Sense(silhouette, "bare"))
    for language, phrase, _ in _split_list(NEUTRAL_WORDS):
        senses.setdefault(_phrase(phrase), {})[language] = _Sense(None, "neutral")
    return senses


@functools.cache
def _build_market_nouns() -> frozenset[tuple[str, tuple[str, ...]]]:
    """Return (language, phrase) of the nouns of all silhouettes, which name them also without any other word."""
    return frozenset(
        (language, _phrase(noun)) for nouns in NOUNS.values() for language, noun in zip(_LANGUAGES, nouns, strict=True)
    )


@functools.cache
def _build_east_asian_senses() -> dict[str, _Sense]:
    """Return the phrases in Japanese and Chinese, which are found inside words."""
    return {
        phrase[0]: next(iter(by_language.values()))
        for phrase, by_language in _build_senses().items()
        if len(phrase) == 1 and _EAST_ASIAN.search(phrase[0])
    }


@functools.cache
def _build_cues() -> dict[str, frozenset[str]]:
    """Return the words that show each language: those that only its lists have."""
    found: dict[str, set[str]] = {}
    for language, word, _ in _split_list(_CUES):
        found.setdefault(language, set()).update(_phrase(word))
    for row in (*WORDS.values(), *COLOURS.values()):
        for language, text in zip(_LANGUAGES, row, strict=True):
            if language != "ja":
                found[language].update(token for token in _phrase(text) if len(token) > 2)
    for phrase, by_language in _build_senses().items():
        if len(by_language) == 1:
            for language in by_language.keys() & found.keys():
                found[language].update(
                    token
                    for token in phrase
                    if len(token) > 3 and token not in _ENGLISH_TOO and len(_build_senses().get((token,), "x")) == 1
                )
    return {language: frozenset(words) for language, words in found.items()}


@functools.cache
def _build_prepositions() -> frozenset[tuple[str, ...]]:
    return frozenset((language, *_phrase(word)) for language, word, _ in _split_list(_PREPOSITIONS))


def _guess_language(title: str, tokens: Sequence[_Token]) -> str:
    """Return the language with most cues in the title; English if none has more."""
    scores = {
        language: sum(1 + (language == "en") * 0.1 for token in tokens if token.text in cues)
        for language, cues in _build_cues().items()
    }
    scores["en"] += 0.1
    scores["de"] += sum(_split_compound(token.text) is not None for token in tokens)
    first = _build_senses().get((tokens[0].text,), {})
    for language in first.keys() & _HEAD_FIRST if len(tokens) > 1 else ():
        # a French title begins with its noun; one that is the same word in English shows nothing
        scores[language] += 0.5 * ("en" not in first or _name_product(first[language]) != _name_product(first["en"]))
    for language, letters in {"fr": "éèêçœà", "de": "äöüß", "es": "ñó", "it": "ùì"}.items():
        scores[language] += sum(letter in title.lower() for letter in letters)
    return max(scores, key=lambda language: scores[language])


def _name_product(sense: _Sense) -> str | None:
    return sense.silhouette if sense.role == "noun" else None


@functools.cache
def _build_compound_heads() -> dict[str, _Sense]:
    """Return the German words that end compounds, the longest first."""
    heads = {form[0] for word in _COMPOUND_HEADS.split(",") for form in _forms("de", word, exact=True)}
    senses = {head: _build_senses()[head,] for head in sorted(heads, key=len, reverse=True)}
    return {head: sense.get("de") or next(iter(sense.values())) for head, sense in senses.items()}


def _split_prefix(word: str) -> str | None:
    """Return what is before the head of a German compound, also of one that is listed; None for any other word."""
    return next(
        (
            word.removesuffix(head)
            for head in _build_compound_heads()
            if word.endswith(head) and len(word) > len(head) + 2
        ),
        None,
    )


@functools.cache
def _split_compound(word: str) -> tuple[str, _Sense] | None:
    """Split a German compound into what is before its head, and what the head means; None for any other word."""
    if (word,) in _build_senses():
        return None
    heads = _build_compound_heads().items()
    return next(
        (
            (word.removesuffix(head), sense)
            for head, sense in heads
            if word.endswith(head) and len(word) > len(head) + 2
        ),
        None,
    )


def _find_phrases(tokens: Sequence[_Token], language: str) -> Iterator[_Found]:
    """Yield the phrases of the vocabulary from left to right, the longest at each place."""
    k = 0
    while k < len(tokens):
        token = tokens[k]
        if _EAST_ASIAN.search(token.text):
            yield from _find_inside(token, k)
            k += 1
            continue
        for length in range(min(_LONGEST_PHRASE, len(tokens) - k), 0, -1):
            phrase = tuple(each.text for each in tokens[k : k + length])
            senses = _build_senses().get(phrase)
            if senses:
                spoken = language if language in senses else next((x for x in ("en", "de", "fr") if x in senses), None)
                spoken = spoken or next(iter(senses))
                if length == len(tokens) and senses[spoken].silhouette is None:
                    spoken = next((x for x in senses if (x, phrase) in _build_market_nouns()), spoken)
                yield _Found(senses[spoken], k, k + length, token.start, tokens[k + length - 1].end, spoken)
                k += length
                break
        else:
            compound = _split_compound(token.text)
            if compound is not None and language == "de":
                yield from _name_compound(token, k, *compound)
            k += 1


def _name_compound(token: _Token, k: int, before: str, sense: _Sense) -> Iterator[_Found]:
    """Yield the compound; what is before its head may say which of several silhouettes it is (Steppweste)."""
    first = _build_senses().get((before,), {}).get("de")
    if first is not None and first.role == "qualifier" and first.silhouette in sense.others:
        sense = _Sense(first.silhouette, "noun")
    yield _Found(sense, k, k + 1, token.start, token.end, "de")


def _find_inside(token: _Token, k: int) -> Iterator[_Found]:
    """Yield the Japanese or Chinese phrases inside a word; what only describes something else is left out."""
    known, text, at = _build_east_asian_senses(), token.text, 0
    while at < len(text):
        length = next((n for n in range(min(14, len(text) - at), 0, -1) if text[at : at + n] in known), 0)
        if not length:
            at += 1
            continue
        rest = text[at + length :]
        if not rest.startswith(_MODIFIER_ENDS) and not _runs_on(rest, known):
            start = token.start + at
            yield _Found(known[text[at : at + length]], k, k + 1, start, start + length, "ja")
        at += length


def _split_known(word: str) -> Iterator[str]:
    """Yield the pieces of a Japanese or Chinese word: phrases of the vocabulary, and what is between them."""
    folded, origins = _fold(word)
    begin = at = 0
    while at < len(folded):
        length = next((n for n in range(min(14, len(folded) - at), 1, -1) if _is_known(folded[at : at + n])), 0)
        if length:
            if begin < at:
                yield word[origins[begin] : origins[at]]
            yield word[origins[at] : origins[at + length - 1] + 1]
            begin = at + length
        at += length or 1
    if begin < len(folded):
        yield word[origins[begin] :]


def _is_known(text: str) -> bool:
    key = (text,)
    return key in _build_senses() or key in _MATERIAL_TERMS or key in _PATTERN_TERMS or key in _COLOUR_TERMS


def _runs_on(rest: str, known: Mapping[str, _Sense]) -> bool:
    """Return whether the word goes on in katakana that no list has: コートハンガー is no coat."""
    if not _KATAKANA.match(rest):
        return False
    return not any(rest.startswith(each) for each in (*known, *_east_asian_descriptions()))


@functools.cache
def _east_asian_descriptions() -> tuple[str, ...]:
    """Return the Japanese words for colours, materials and people, which may follow the name of a product."""
    japanese = _LANGUAGES.index("ja")
    rows = (*WORDS.values(), *COLOURS.values())
    return ("メンズ", "レディース", "キッズ", "ユニセックス", *(row[japanese] for row in rows if row[japanese]))


def _drop_foreign(found: Sequence[_Found], language: str) -> list[_Found]:
    """Drop phrases of other languages where one of the title's language, or an English one, names a product."""
    own = {language, "en", "ja"}
    named = any(each.language in own and each.sense.role == "noun" for each in found)
    return [each for each in found if not named or each.language in own]


def _cut_segment(
    found: Sequence[_Found], tokens: Sequence[_Token], folded: str, title: str, language: str
) -> tuple[list[_Found], set[str], bool]:
    """Return phrases and words before what the product comes with, and whether `and` joins two products there."""
    inside = {k for each in found for k in range(each.first + 1, each.last)}
    covered = inside | {each.first for each in found}
    segment: list[_Found] = []
    spoken: set[str] = set()
    noun: _Found | None = None
    linked = joined = False
    for k, token in enumerate(tokens):
        if noun is not None and k not in inside:
            gap = folded[tokens[k - 1].end : token.start]
            if _BREAK.search(gap):
                break
            linked |= noun.last == k and (token.text in _CONJUNCTIONS or re.search("[&+/]", gap) is not None)
            if k not in covered and _is_preposition(token, title, language):
                break
        if noun is None and k and _begins_purpose(tokens[k : k + 2]):
            return [], set(), False
        spoken.add(token.text)
        for each in (each for each in found if each.first == k):
            if each.sense.role == "noun":
                joined |= linked and noun is not None and not _agree(noun.sense, each.sense)
                noun = each
            segment.append(each)
    return segment, spoken, joined


def _begins_purpose(tokens: Sequence[_Token]) -> bool:
    """Return whether the words say what something unknown is for (Wax for Boots), not for whom."""
    return len(tokens) == 2 and tokens[0].text in _PURPOSES and tokens[1].text not in _split_set(_PEOPLE)


def _is_preposition(token: _Token, title: str, language: str) -> bool:
    if token.text == "a" and language != "it":
        return language == "fr" and title[token.start] in "àÀ"
    return (language, token.text) in _build_prepositions()


def _agree(one: _Sense, other: _Sense) -> bool:
    """Return whether two words may name the same product."""
    return one.silhouette == other.silhouette or one.silhouette in other.others or other.silhouette in one.others


def _find_bare_word(segment: Sequence[_Found], tokens: Sequence[_Token]) -> _Found | None:
    """Return the last phrase if it is a material that ends the title and names a product there: Zip Flare Denim."""
    if not segment or segment[-1].sense.role != "bare":
        return None
    last = segment[-1]
    after = [token.text for token in tokens[last.last :]]
    before = tokens[last.first - 1].text if last.first else ""
    plain = all(word in _split_set(_PEOPLE) or word.isdigit() or read_colour(word) for word in after)
    spoken = any((language, before) in _build_prepositions() for language in ("en", "de", "fr", "it", "es"))
    return last if plain and not spoken else None


def _specify(head: _Found, word: str, segment: Sequence[_Found], spoken: Set[str]) -> _Found:
    """Return what a general head means here: the specific word before it, else after it, else the head itself."""
    if not head.sense.others:
        return head
    before = [each for each in reversed(segment) if each.start < head.start]
    after = [each for each in segment if each.start > head.start]
    named = [each for each in (*before, *after) if each.sense.role in {"noun", "qualifier"}]
    meant = [each for each in named if each.sense.silhouette in head.sense.others]
    for each in sorted(meant, key=lambda each: bool(each.sense.others)):
        return each if each.sense.role == "noun" else dataclasses.replace(head, sense=each.sense)
    undrawn = any(each.sense.role == "noun" and each.sense.silhouette is None for each in before)
    noun = word.split()[-1]
    undrawn |= any(noun in heads.split() and spoken & {*words.split()} for heads, words in UNDRAWN_QUALIFIERS.items())
    return dataclasses.replace(head, sense=_Sense(None, "noun")) if undrawn else head


# -- cells ------------------------------------------------------------------------------------------------------------

_NUMBER = r"(\d{1,3}(?:[.,]\d+)?)"
_SHARE_OF = re.compile(_NUMBER + r"\s*%\s*([^\d%,;/:()]+)")
"""60% cotton"""
_SHARE_AFTER = re.compile(r"([^\d%,;/:()]+?)\s*" + _NUMBER + r"\s*%")
"""綿60%"""
_FIRST_LAYERS = re.compile(
    r"\b(?:outer|shell|main|body|upper|face|fabric|obermaterial|oberstoff|aussenmaterial|exterieur"
    r"|tissu principal|tige)[^:;]{0,20}:|(?:表地|表側|本体|身生地)[:：]?"
)
_FURTHER_LAYERS = re.compile(
    r"\b(?:lining|inner|padding|filling|fill|trim|trims|sole|outsole|insole|rib|collar|sleeves?|pocket|contrast|back"
    r"|futter|innenfutter|fullung|besatz|sohle|doublure|garnissage|semelle|rembourrage|fodera|imbottitura|forro|relleno)"
    r"[^:;]{0,20}:|(?:裏地|中綿|裏側|リブ)[:：]?"
)
_ROMANCE_COLOURS = """
    noir noire blanc blanche gris grise vert verte bleu bleue rouge jaune marron ecru bordeaux nero
    bianco grigio verde rosso giallo blu azzurro azul rojo negro blanco amarillo morado
"""
_GERMAN_COLOUR = re.compile(r"^(\w*?)(blau|grun|rot|grau|braun|weiss|schwarz|gelb|rosa|lila|beige|oliv)(?:e[rsn]?)?$")


def _first_layer(folded: str) -> str:
    """Return what a folded composition says of the first layer: "shell: wool; lining: cupro" -> "wool; "."""
    first = _FIRST_LAYERS.search(folded)
    if first is not None:
        folded = folded[first.end() :]
    further = _FURTHER_LAYERS.search(folded)
    return folded[: further.start()] if further is not None and further.start() > 0 else folded


_Terms = dict[tuple[str, ...], str]


def _build_terms(listed: str) -> _Terms:
    """Return phrase -> name of a list of `name: words, separated by commas`."""
    terms: _Terms = {}
    parts = re.split(r"^ {4}([a-z-]+):", listed, flags=re.MULTILINE)
    for name, words in zip(parts[1::2], parts[2::2], strict=True):
        for phrase in map(_phrase, words.split(",")):
            assert terms.get(phrase, name) == name, (phrase, name)
            terms[phrase] = name
    return terms


_MATERIAL_TERMS, _PATTERN_TERMS, _COLOUR_TERMS = map(_build_terms, (MATERIAL_TERMS, PATTERN_TERMS, COLOUR_TERMS))


def _scan_terms(folded: str, terms: _Terms) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (phrase, value) of the terms in a folded text from left to right, the longest at each place."""
    tokens = _tokenize(folded)
    k = 0
    while k < len(tokens):
        text = tokens[k].text
        lengths = range(min(_LONGEST_PHRASE, len(tokens) - k), 0, -1)
        phrases = (tuple(each.text for each in tokens[k : k + length]) for length in lengths)
        phrase = next((each for each in phrases if each in terms), None)
        if phrase is not None:
            yield phrase, terms[phrase]
            k += len(phrase)
            continue
        if _EAST_ASIAN.search(text):
            yield from _scan_inside(text, terms)
        else:
            before = _split_prefix(text) or ""
            stems = (before, f"{before}e", before.removesuffix("n"), _COMPOUND_STEMS.get(before, ""))
            stem = next((each for each in stems if (each,) in terms), None)
            if stem is not None:
                yield (stem,), terms[stem,]
        k += 1


def _scan_inside(text: str, terms: _Terms) -> Iterator[tuple[tuple[str, ...], str]]:
    text, at = text.replace("ブレザー", " "), 0  # a blazer, not of レザー
    while at < len(text):
        length = next((n for n in range(min(14, len(text) - at), 0, -1) if (text[at : at + n],) in terms), 0)
        if length > 1 or (length == 1 and not _EAST_ASIAN.match(text[at + 1 : at + 2])):
            yield (text[at : at + length],), terms[text[at : at + length],]
        at += max(length, 1)


@functools.cache
def _split_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _find_term(folded: str, terms: _Terms) -> str | None:
    return next((value for _, value in _scan_terms(folded, terms)), None)


def _read_colour_name(folded: str) -> str | None:
    tokens = [token.text for token in _tokenize(folded)]
    terms = _COLOUR_TERMS
    found = list(_scan_terms(folded, terms))
    if not found and len(tokens) == 1 and (german := _GERMAN_COLOUR.match(tokens[0])) is not None:
        found = [((german[2],), terms[german[2],])]
        tokens = [german[1], german[2]]
    colours = [each for each in found if each[0][0] not in _split_set(_FINISHES) or len(each[0]) > 1] or found
    if not colours:
        return _read_css_name("".join(tokens))
    romance = colours[0][0][0] in _split_set(_ROMANCE_COLOURS)
    phrase, name = colours[0 if romance else -1]
    if not romance and len(colours) > 1 and colours[-2][1] in _SHADE_OF.get(name, set()):
        return colours[-2][1]
    if len(phrase) == 1 and name in _SHADES:
        light, dark = _SHADES[name]
        others = set(tokens) - set(phrase)
        name = light if others & _split_set(_LIGHT) else dark if others & _split_set(_DARK) else name
    return name


def _read_css_name(name: str) -> str | None:
    from PIL import ImageColor

    code = ImageColor.colormap.get(name)
    return nearest_colour(code.removeprefix("#")) if isinstance(code, str) else None


def nearest_colour(code: str) -> str:
    """Return the palette name nearest in CIELAB to an RGB code of six hexadecimal digits."""
    return list(PALETTE)[int(np.argmin(np.linalg.norm(_palette_lab() - convert_to_lab(_parse_codes([code])), axis=1)))]


def _parse_codes(codes: Iterable[str]) -> Floats:
    return np.array([[int(code[k : k + 2], 16) for k in (0, 2, 4)] for code in codes], np.float64) / 255


@functools.cache
def _palette_lab() -> Floats:
    return convert_to_lab(_parse_codes(code.removeprefix("#") for code in PALETTE.values()))


def convert_to_lab(rgb: Floats) -> Floats:
    """Convert sRGB in 0..1 (last axis) to CIELAB (D65). Sources: CIE 15 and IEC 61966-2-1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lab: Floats = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )
    return lab
