"""What titles, leaves and cells of other columns mean."""

import re
import unicodedata
from pathlib import Path

import pytest

from generator.fit import FitOptions
from generator.fit.fit_spec import fit, write_spec
from generator.fit.vocabulary import (
    PALETTE,
    find_attribute_columns,
    find_kind,
    find_undrawn,
    invent_names,
    list_terms,
    list_words,
    read_colour,
    read_material,
    read_pattern,
    read_title_colour,
    split_words,
)
from generator.sampling.products import products
from generator.scaffold.starter_spec import starter_spec
from schemas.documents import parse_document
from schemas.markets import MARKETS, NOUNS
from schemas.silhouettes import RECORDS
from schemas.validation import list_presets, load_spec
from tests.helpers import fit_table
from tests.helpers.fit_table import list_contradictions

TITLES = """
    shirt: Denim Shirt | Dress Shirt | Shirt Jacket | Hooded Denim Shirt | Quilted Nylon Overshirt |
        Silk Blouse with Bow | Corduroy Shacket | Jeanshemd für Herren | Bluse aus Seide |
        Chemise à carreaux en coton | Surchemise en laine | Camicia in lino | Camisa de lino | リネンシャツ |
        シルクブラウス | シャツジャケット | Women's Oxford Shirt, White | Hawaiian Shirt |
        Checked Flannel Shirt - Navy | Falco Polo Assn. Men Blue Check Shirt | Oxford Button-Down
    dress: Shirt Dress | Jersey Dress | Wool Coat Dress | Sweater Dress in Cashmere | Floral Midi Dress with Belt |
        Tank Dress | Polo Dress | Evening Gown | Robe chemise | Robe longue en soie | Robe plissée |
        Robe tee-shirt en coton | Abito camicia in cotone | Kleid mit Gürtel | Sommerkleid | Strickkleid aus Wolle |
        Blusenkleid | Abito lungo in seta | Vestido midi de lino | シャツワンピース | ニットワンピース 長袖 |
        ロングドレス | T-Shirt Dress
    skirt: Denim Skirt | Pleated Midi Skirt | Tennis Skirt | Jupe plissée | Jupe en cuir | Faltenrock |
        Rock aus Wolle | Wickelrock mit Gürtel | Gonna in pelle | Falda plisada | プリーツスカート |
        デニムスカート | Jeans-Rock
    jeans: Boot Cut Jeans | D519 Zipper Flare Denim | X12 Cargo Skinny Denim | Slim Fit Jeans, Blue | Mom Jean |
        Jeanshose Damen | Jean slim bleu | Jean coupe droite | デニムパンツ | スキニージーンズ | Vaqueros rectos |
        Jeans mit Gürtel | High-Rise Straight Jeans in Light Wash | Shirt-Tail Denim
    trousers: Slim Chinos | Suit Trousers | Pleated Wool Trousers with Belt | Stoffhose aus Wolle | Leinenhose |
        Chino mit Gürtel | Pantalon en lin | Pantalon de costume | Pantaloni in lana | Pantalón de pinzas |
        ワイドパンツ | チノパン メンズ | Denim Trousers | Corduroys | High Waist Hose | Suit Trousers in Wool
    track-pants: Track Pants | Joggers | Fleece Joggers | Sweatpants | Jersey Sweat Pants | Jogginghose |
        Pantalon de jogging | スウェットパンツ
    leggings: High-Waist Leggings | 7/8 Training Tights | Seamless Legging | Leggings aus Jersey | レギンス
    cargo-trousers: Cargo Pants | Cargos | Cotton Cargo Trousers | Cargohose aus Baumwolle | Pantalon cargo |
        カーゴパンツ
    shorts: Cotton Shorts | Denim Shorts | 2-in-1 Running Shorts | Bermudas | Basketball Shorts | Short en jean |
        Bermuda en lin | Shorts aus Leinen | Cargoshorts für Herren | ショートパンツ | ハーフパンツ |
        Pantalones cortos | Solid Grey Running Short | Sweat Shorts
    swim-shorts: Swim Shorts | Swim Trunks | Badehose | Short de bain imprimé | スイムパンツ | Boxer de bain
    swimsuit: One-Piece Swimsuit | Badeanzug | Maillot de bain une pièce | ワンピース水着
    t-shirt: T-Shirt | Crewneck T-Shirt | Logo Tee | Tee Shirt | Home Jersey 23/24 | Cycling Jersey |
        Long Sleeve Top | Box Logo Tee | Polo Bear Tee | Langarmshirt aus Baumwolle | T-Shirt mit Rundhals |
        T-shirt en coton à col V | Maglietta a righe | Camiseta de algodón | Tシャツ | 半袖Tシャツ メンズ |
        ロゴTシャツ | Tie Dye T-Shirt | Boys' Slub T-Shirt 2-Pack | Graphic Tee (Black) | Football Shirt |
        Marinière en coton
    polo-shirt: Polo Shirt | Piqué Polo | Poloshirt aus Piqué | Polo en coton | ポロシャツ | Long-Sleeve Polo |
        Rugby Shirt | Golf Polo Shirt Men
    sweater: Cable-Knit Sweater | Crew-neck Jumper | Turtleneck | Wool mock turtleneck sweater | Roll Neck Jumper |
        Zip Sweatshirt | Sweatshirt | Strickpullover | Rollkragenpullover | Pull en laine | Pull col roulé |
        Maglione a trecce | Jersey de lana para mujer | セーター | カシミヤニット | タートルネックセーター |
        トレーナー | Pullover aus Merinowolle | Sweater with Hood | Half-Zip Top | タートルネック
    cardigan: Cardigan | Belted Cardigan | Cardigan Sweater | Strickjacke | Gilet en maille | カーディガン |
        Cardigan con bottoni | Longline Cardigan Jacket
    hoodie: Hoodie | Zip-Up Hoodie | Pullover Hoodie | Hooded Sweatshirt | Hoodie Sweatshirt | Kapuzenpullover |
        Kapuzenpulli | Sweat à capuche | Sudadera con capucha | Felpa con cappuccio | パーカー | フーディー |
        Pullover Hoodie in Black
    bomber-jacket: Leather Jacket | Suede Blouson | Varsity Jacket | Jacket Style Bomber | Lederjacke |
        Blouson en cuir | Giubbotto in pelle | Cazadora de cuero | ブルゾン | MA-1ジャケット
    denim-jacket: Denim Jacket | Jean Jacket | Trucker Jacket | Jeansjacke | Veste en jean | デニムジャケット |
        Gジャン | Chaqueta vaquera | Cropped Denim Jacket
    windbreaker: Windbreaker | Anorak | Rain Jacket | Hooded Windcheater | Windjacke | Regenjacke | Softshelljacke |
        Coupe-vent | ウインドブレーカー | Giacca a vento
    track-jacket: Track Jacket | Tracksuit Top | Trainingsjacke | Veste de survêtement | トラックジャケット
    fleece-jacket: Fleece Jacket | Half-Zip Fleece | Fleecejacke | Veste polaire | フリースジャケット | Zip Fleece
    parka: Parka | Fishtail Parka | Hooded Down Parka | Winterparka | モッズコート
    blazer: Wool Blazer | Double-Breasted Blazer | Suit Jacket | Tailored Jacket | Blazer Jacket | Dinner Jacket |
        Sakko aus Wolle | Veste de costume | Blazer en lin | Americana de lana | テーラードジャケット
    puffer-jacket: Puffer Jacket | Hooded Down Jacket | Long Puffer Coat | Padded Jacket |
        Daunenjacke | Daunenmantel | Doudoune à capuche | Piumino corto | Plumífero largo | ダウンジャケット |
        ダウンコート
    quilted-jacket: Quilted Jacket | Diamond-Quilted Nylon Jacket | Quilted Barn Jacket | Steppjacke |
        Gesteppte Jacke | Veste matelassée | キルティングジャケット
    gilet: Puffer Vest | Quilted Gilet | Padded Vest | Fleece Vest | Body Warmer | Steppweste | Daunenweste |
        Doudoune sans manches | ダウンベスト | Leather Vest
    coat: Coat with Belt | Wool Coat | Pea Coat | Overcoat | Blanket Coat | Mantel aus Wolle | Wollmantel |
        Wintermantel | Manteau en laine | Manteau à capuche | Cappotto in lana | Abrigo de lana | ウールコート |
        ベルト付きコート | チェスターコート | Coat/Jacket in Wool
    trench-coat: Trench Coat | Belted Trench | Trenchcoat | Trench en coton | Gabardina clásica | トレンチコート
    car-coat: Car Coat | Raincoat | Hooded Rain Coat | Regenmantel | Imperméable | カーコート
    duffle-coat: Duffle Coat | Dufflecoat aus Wolle | ダッフルコート | Toggle Coat
    cape: Cape | Wool Cape with Hood | Poncho | Umhang | ポンチョ
    tote-bag: Tote Bag | Tote | Canvas Tote | Shopper | Handbag | Leather Bag | Beach Bag | Handtasche |
        Ledertasche | Sac à main | Cabas en toile | Sac en cuir | Borsa a mano | Bolso de mano | トートバッグ |
        レザーバッグ | エコバッグ
    shoulder-bag: Shoulder Bag | Hobo Bag | Chain Bag | Saddle Bag | Umhängetasche | Sac bandoulière |
        Borsa a spalla | ショルダーバッグ | Small Shoulder Bag with Chain
    crossbody-bag: Crossbody Bag | Leather Belt Bag | Bum Bag | Messenger Bag | Camera Bag | Bauchtasche |
        Sac banane | Riñonera | ボディバッグ | ウエストポーチ
    clutch: Clutch | Evening Clutch Bag | Zip Pouch | Pochette du soir | Abendclutch | クラッチバッグ |
        Satin Clutch with Chain
    backpack: Backpack | Drawstring Backpack | Rucksack | Wanderrucksack | Sac à dos | Zaino | Mochila | リュック |
        バックパック
    wallet: Wallet | Zip-Around Wallet | Coin Purse | Geldbörse | Portemonnaie | Portefeuille | Portafoglio |
        Cartera de piel | 長財布 | Leather Wallet with Card Slots
    card-case: Card Case in Leather | Card Holder | Cardholder | Kartenetui | Porte-cartes | Tarjetero |
        カードケース | 名刺入れ
    belt: Belt | Reversible Leather Belt | Belt with Buckle | Ledergürtel | Ceinture en cuir | Cintura in pelle |
        Cinturón de piel | レザーベルト
    watch: Chronograph Watch | Watch with Leather Strap | Armbanduhr | Montre en acier | Orologio | 腕時計
    sunglasses: Cat-Eye Sunglasses | Aviator Sunglasses | Sonnenbrille | Lunettes de soleil | Occhiali da sole |
        Gafas de sol | サングラス
    scarf: Silk Scarf | Check Cashmere Scarf | Shawl | Stole | Seidentuch | Strickschal | Écharpe en laine |
        Foulard en soie | Sciarpa | Bufanda | マフラー | ストール
    gloves: Leather Gloves | Handschuhe | Lederhandschuhe | Gants en cuir | Guanti | 手袋
    tie: Silk Tie | Striped Tie in Silk | Krawatte | Cravate en soie | Cravatta | ネクタイ
    cap: Baseball Cap | Trucker Cap | Logo Cap | Snapback | Dad Hat | Basecap | Casquette | Gorra | キャップ
    beanie: Beanie | Ribbed Beanie | Beanie Hat | Bobble Hat | Strickmütze | Bonnet en laine | ニット帽 |
        Cappello di lana
    flat-cap: Flat Cap | Newsboy Cap | Schiebermütze | Casquette plate | Coppola | ハンチング
    fedora: Fedora | Wool Felt Hat | Panama Hat | Filzhut | Trilby | 中折れ帽
    sun-hat: Straw Sun Hat | Sun Hat | Floppy Straw Hat | Strohhut | Capeline | Chapeau de paille | 麦わら帽子
    bucket-hat: Bucket Hat | Fischerhut | Bob en coton | バケットハット
    sneaker: Sneakers | Low-Top Sneakers | High-Top Trainers | Running Shoes | Air Glide 2 - Men's Shoes | Runners |
        Laufschuhe | Turnschuhe | Baskets montantes | Chaussures de running | Scarpe da corsa | Zapatillas |
        スニーカー | ランニングシューズ レディース
    boot: Ankle Boots | Chelsea Boots | Combat Boot | Rain Boots | Cowboy Boots | Stiefeletten | Bottines en cuir |
        Stivali | Botas | ショートブーツ | レインブーツ
    loafer: Loafers | Penny Loafers | Driving Shoes | Mokassins | Mocassins en daim | ローファー
    pump: Pumps | Court Shoes | Stiletto Heels | Ballet Flats | Ballerinas | Escarpins | Ballerines | パンプス
    sandal: Sandals | Platform Sandals | Sandalen | Sandales à talon | Sandali | サンダル
    slide: Pool Slides | Slide Sandals | Badelatschen | Claquettes | Ciabatte | シャワーサンダル
    flip-flop: Flip-Flops | Flip Flops | Zehentrenner | Tongs | Infradito | Chanclas | ビーチサンダル
    perfume-bottle: Eau de Parfum | Rose Eau de Toilette 50 ml | Parfum | Profumo | 香水
    lipstick: Matte Lipstick | Lippenstift | Rouge à lèvres | 口紅
    candle: Scented Candle | Duftkerze | Bougie parfumée | アロマキャンドル
    cushion: Velvet Cushion | Throw Pillow | Cushion Cover | Kissen | Coussin | クッション
    throw: Wool Throw | Blanket | Kuscheldecke | Plaid en laine | ブランケット
    vase: Glass Vase | Bud Vase | Blumenvase | Vase en verre | 花瓶
    mug: Coffee Mug | Espresso Cup | Set of 2 Mugs | Kaffeebecher | Tasse en grès | マグカップ
    -: Jacket and Trousers Set | Shirt/Skirt | Hat & Scarf | Shirt and Tie | T-Shirt + Shorts Pack | Bikini Set |
        Two-Piece Suit | Single-breasted wool suit | Tuxedo | Tracksuit | Jogginganzug | Survêtement | Black Socks |
        Sports Bra | Boxer Briefs | Tights | Jumpsuit | Dungarees | Kurta | Silk Saree |
        Kurta with Trousers | Silk Robe |
        Kimono | Tank Top | Camisole | Waistcoat | Knit Vest | Bow Tie | Watch Strap | Glasses Case | Phone Case |
        Shoe Bag | Duffle Bag | Holdall | Garment Bag | Toiletry Bag | Bucket Bag | Keyring | Cufflinks | Necklace |
        Football Boots | Cleats | Derby Shoes | Suede Mules | Clogs | Candle Holder | Duvet Cover | Bath Towel |
        Pillowcase | Wax for Boots | Cap and Gloves | Hosenanzug | Nachthemd | Unterhemd | Strumpfhose |
        Handyhülle | Tischdecke | Reisetasche | Chemise de nuit | Ensemble veste et pantalon |
        Maillot de bain deux pièces | Costume en laine | セットアップ | スーツ | 靴下 | コートハンガー |
        コート掛け | スマホケース | Alba No. 5 | Wool and Silk | Blue Denim Fabric Care | Formal Leather Shoes |
        Padded Sports Top Bra | Rib Vest | Black Innerwear Vest | Blouson and Skirt | Cowboy Hat |
        Jupe-short plissée | Scarpe stringate
"""
"""Silhouette (`-` for none): invented titles of six markets, with words that mean several things."""


def _by_kind(listed: str) -> dict[str, list[str]]:
    parts = re.split(r"^ {4}([a-z-]+):", listed, flags=re.MULTILINE)
    return {
        kind: [" ".join(title.split()) for title in titles.split("|")]
        for kind, titles in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize(("kind", "titles"), _by_kind(TITLES).items(), ids=_by_kind(TITLES))
def test_the_head_noun_of_a_title_names_the_silhouette(kind: str, titles: list[str]) -> None:
    found = {title: find_kind(title) for title in titles}
    assert {title: match.silhouette if match else "-" for title, match in found.items()} == dict.fromkeys(titles, kind)
    for title, match in found.items():
        assert match is None or title[match.start : match.end] == match.word


def test_the_noun_of_every_market_names_its_silhouette_without_other_words() -> None:
    wrong = {
        noun: name
        for name, nouns in NOUNS.items()
        for noun in nouns
        if (match := find_kind(noun)) is None or match.silhouette != name
    }
    assert not wrong


def test_every_silhouette_is_found_by_a_title() -> None:
    assert _by_kind(TITLES).keys() - {"-"} == RECORDS.keys()


@pytest.mark.parametrize("name", [*list_presets("catalog"), *MARKETS])
def test_every_generated_title_names_the_silhouette_that_is_drawn(name: str) -> None:
    """Of every preset, and of a shop of every silhouette in every market."""
    if name in MARKETS:
        text = starter_spec("all", market=name, silhouettes=list(RECORDS), kind="marketplace", price="100")
        spec = load_spec(parse_document(text, name, is_json=False))
    else:
        spec = load_spec(name)
    assert list_contradictions(products(spec, seed=0, start=0, num_products=300)) == []


@pytest.mark.parametrize("market", MARKETS)
def test_words_that_stand_for_rare_ones_name_nothing(market: str) -> None:
    """Neither a type nor a material, a pattern or a colour; nor do they change what the words after them mean."""
    names = [*invent_names("katakana" if market == "JP" else "latin"), *list_terms(market)]
    assert len(names) == len(set(names)) > 500
    read = (find_kind, find_undrawn, read_material, read_pattern, read_title_colour)
    assert [name for name in names if any(each(name) is not None for each in read)] == []
    for silhouette in ("coat", "sneaker", "tote-bag", "bomber-jacket"):
        noun = NOUNS[silhouette][list(MARKETS).index(market)]
        alone = find_kind(noun)
        assert alone is not None
        found = {match.silhouette for name in names[::7] if (match := find_kind(f"{name} {noun}")) is not None}
        assert found <= {alone.silhouette}
    assert {_fold(name) for name in names} <= list_words()


def _fold(word: str) -> str:
    plain = "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
    return unicodedata.normalize("NFKC", word if not plain.isascii() else plain).casefold()


@pytest.mark.parametrize("name", fit_table.ABROAD)
def test_titles_of_a_twin_name_what_is_drawn_in_the_language_of_the_shop(name: str, tmp_path: Path) -> None:
    rows = fit_table.sample_rows_abroad(name)
    folder = fit_table.write_folder(tmp_path / "rows", rows, currency=name[:3])
    write_spec(fit(folder, FitOptions()), tmp_path / "spec.yaml")
    made = list(products(load_spec(tmp_path / "spec.yaml"), seed=0, start=0, num_products=300))
    assert list_contradictions(made) == []
    known = {word for row in rows for word in split_words(row.title or "")}
    assert {word for row in made for word in split_words(row.title or "")} <= known


@pytest.mark.parametrize(
    ("cell", "material"),
    [
        ("100% Lambskin", "leather"),
        ("Outer: 100% polyamide; Lining: 100% cotton", "nylon"),
        ("30% cashmere 70% virgin wool", "wool"),
        ("綿60% ポリエステル40%", "cotton"),
        ("aus Baumwolle", "cotton"),
        ("laine mérinos", "wool"),
        ("mystery", None),
    ],
)
def test_a_cell_names_a_material(cell: str, material: str | None) -> None:
    assert read_material(cell) == material


@pytest.mark.parametrize(
    ("cell", "colour"),
    [
        ("Core Black / Cloud White", "black"),
        ("Washed Black", "black"),
        ("Light Blue", "sky"),
        ("Dark Navy", "navy"),
        ("Charcoal Grey", "charcoal"),
        ("Wine Red", "burgundy"),
        ("Camel/Black", "camel"),
        ("Aubergine", "purple"),
        ("bleu marine", "navy"),
        ("Dunkelblau", "navy"),
        ("ネイビー", "navy"),
        ("#1f3a5f", "navy"),
        ("1F3A5F", "navy"),
        ("100001", None),
        ("Multi", None),
    ],
)
def test_a_cell_names_a_colour(cell: str, colour: str | None) -> None:
    assert read_colour(cell) == colour
    assert colour is None or colour in PALETTE


def test_a_cell_names_a_pattern() -> None:
    assert [read_pattern(cell) for cell in ("Polka Dots", "Fischgrat", "花柄", "Solid", "x")] == [
        *("dots", "herringbone", "floral", "plain"),
        None,
    ]


def test_columns_of_a_table_are_found_by_their_names() -> None:
    names = ["ID", "baseColour", "Fabric_Composition", "Print", "Farbe"]
    found = find_attribute_columns(names)
    assert found == {"colour": "baseColour", "material": "Fabric_Composition", "pattern": "Print"}
    assert find_attribute_columns(["code", "title"]) == {}


def test_hyphenated_words_are_colours_where_a_part_of_them_is() -> None:
    found = {
        word: read_title_colour(word) for word in ("full-grain", "bleu-nuit", "navy-blue", "off-white", "dunkelblau")
    }
    assert found == {
        "full-grain": None,
        "bleu-nuit": "navy",
        "navy-blue": "navy",
        "off-white": "ivory",
        "dunkelblau": "navy",
    }


def test_words_that_mean_something_else_in_a_title_are_no_colours_there() -> None:
    words = ("Navy", "Bordeaux", "Dunkelblau", "ネイビー", "Saddle", "Linen", "Striped", "Military", "Beach")
    assert [read_title_colour(word) for word in words] == ["navy", "burgundy", "navy", "navy", *[None] * 5]
