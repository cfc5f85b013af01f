"""Find out what the columns of a foreign table mean: names, categories, decimal marks, rows of the same product.

    arranged = arrange(read_table(path), options, str(path))
    arranged.rows[0].values["title"]

A column is found by its name (`NAMES`), without case, spaces and punctuation, or by its words in several languages
(`_WORDS`: `Angebotspreis` is a sale price). `--column OURS=THEIRS` comes first. To accept another name, add it there.
Every other column is kept as it is, as one of the user's own columns. What a single value means is decided in
`generator.ingest.rows`.
"""

import ast
import functools
import html
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.fit.vocabulary import find_silhouette, read_colour
from generator.ingest import ImportOptions
from generator.ingest.tables import CLASS_FOLDER, Row, StoredImage, Table, normalize_missing
from schemas.catalog import MISSING_LABEL, NAVIGATION_LABELS
from schemas.errors import ToileError, suggest
from schemas.images import IMAGE_SUFFIXES
from schemas.prices import NotAPriceError, find_currency, find_decimal, read_price
from schemas.product import COLUMNS

KNOWN_COLUMNS = tuple(name for name in COLUMNS if name not in {"family", "split", "source", "inferable", "attributes"})
"""Our columns that a foreign table can fill."""
MORE_IMAGES = "more_images"
"""Own column, a JSON list: the images of a product after the one that the catalog shows."""
OWN_NAMES = ("color", "material")
"""Own columns that get a common name, whatever they are called in the table, because a fit reads them."""
PRICES = ("full_price", "price", "full_price_eur", "price_eur")
CATEGORIES = ("category1_code", "category2_code", "category3_code")
NAVIGATION = frozenset(label.lower() for label in (MISSING_LABEL, *NAVIGATION_LABELS))
"""Category names, in lower case, that no image can show."""
_LABELS = frozenset({"sale", "new", "new arrivals"})
"""Names, in lower case, of a page of the site that stands beside the category of a product."""


def _names(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


def _without_accents(text: str) -> str:
    """Return a text in lower case without the accents of Latin letters; `\u00df` is ss, `\u0142` is l."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = re.sub("[\u0300-\u036f]", "", plain)
    return unicodedata.normalize("NFC", plain).translate({0x142: "l", 0x131: "i", 0xF8: "o", 0xE6: "ae", 0xF0: "d"})


_WORDS = {
    _without_accents(word): meaning
    for meaning, words in {
        "price": """
            price pvp preis preise prix prezzo precio preço preco prijs pris cena cen ár fiyat fiyatı hinta
            pret цена стоимость 価 価格 值段 値段 价格 售价 价
        """,
        "sale": """
            sale sales vk remise promo promotion promotional discount discounted offer special reduced deal
            clearance markdown angebot angebots aktion aktions sonder rabatt reduziert reduzierter
            rabattierter ermäßigter solde soldé soldes promotionnel réduit remisé offerta scontato scontata
            saldo saldi sconto promozionale verkauf verkaufs selling vente vendita venta venda продажи 销售
            oferta rebaja rebajado rebajas descuento promocional desconto actie aanbieding aanbiedings korting
            kampanj rea tilbuds promocyjna indirimli kampanya akciós скидкой скидки скидка акции акционная
            セール 販売 割引 特価 促销 折扣 优惠 现
        """,
        "full": """
            full 表示 до regular list original old before retail compare was normal base msrp rrp mrp uvp
            ursprünglicher ursprungs alter listen normaler original streich statt ancien avant base régulier
            normal catalogue conseillé origine barré tachado listino pieno intero originale originario lista
            anterior antes habitual original oude adviesverkoop advies ordinarie tidigare stara regularna
            katalogowa eski старая полная 通常 定 元 原 原始 市场
        """,
        "category": """
            category categories famille familia famiglia ジャンル kategorie kategorien kategoria kategorier
            kategori kategorisi categorie catégorie catégories categoria categoría categorías categorias
            рубрика категория категории カテゴリ カテゴリー 分类 类别 类目 warengruppe produktgruppe rayon
            rubrique categorieen reparto
        """,
        "sub": "sub 小 unter sous sotto under alt под サブ 子 二级 podkategoria onder",
        "main": """
            main 大 главное главная главный главной master top root haupt oberste principale principal hoofd
            huvud główna ana основная 主 一级 メイン
        """,
        "image": """
            image cover images img picture photo bild bilder artikelbild foto fotos immagine immagini imagen
            imágenes imagem imagens afbeelding afbeeldingen zdjęcie zdjęcia resim görsel kép изображение
            изображения фото картинка 画像 写真 图片 图像 主图
        """,
        "url": """
            url urls link links lien liens enlace src source download downloads adresse ссылка リンク 链接
            地址 file 文件 datei fichier archivo
        """,
        "path": "path pfad chemin ruta percorso pad ścieżka путь パス 路径 baum tree arbre",
        "name": """
            name タイトル title nom nome nombre naam namn nazwa adı adi nev название наименование bezeichnung
            titel titre titolo título titulo 名 名称 名前 标题 libellé designation désignation intitulé
            benämning
        """,
        "product": """
            product produit prodotto producto produto produkt produktu artikel article articolo artículo
            artigo item ürün termék товар товара 商品 製品 产品 wares
        """,
        "code": """
            code bestellnummer bestellnr artnr codice código codigo kod kodu ref reference référence
            referencia referência riferimento артикул コード 编码 sku
        """,
        "middle": "middle 中",
        "id": "id ид",
        "description": """
            description beschreibung descrizione descripción descrição omschrijving описание opis 説明 描述
        """,
        "number": "number numbers nummer numero número numer nr no numéro номер 番号 编号",
        "brand": """
            brand marke hersteller marque fabricant marca fabricante merk märke varumärke marka producent
            бренд производитель ブランド メーカー 品牌
        """,
        "color": """
            color coloris colour farbe couleur colore cor kleur färg farge kolor renk szín цвет カラー 色 颜色
        """,
        "material": """
            material matière tessuto tejido tecido stof tyg materiał kumaş anyag материал состав 素材 材质
            composition composición composição composizione zusammensetzung
        """,
        "currency": "currency währung waehrung devise valuta moneda moeda valuta waluta валюта 通貨 货币",
        "gender": "gender geschlecht genre sexe genere género gênero geslacht kön płeć cinsiyet пол 性別 性别",
        "size": """
            size größe groesse taille taglia talla tamanho maat storlek rozmiar beden размер サイズ 尺码
        """,
        "": """
            de du des di del della do da of the der die das en in et y e s es の 的 と av voor la le l d mit
            con avec com brutto gross ttc iva incl inkl mwst vat tva 税込 tax start level ebene niveau livello
            nivel уровень 管理 со с по для на za z w per för fra och und
        """,
    }.items()
    for word in words.split()
}
"""Word in the name of a column, without accents -> what it means; nothing for words between others."""
_MEANINGS = {
    frozenset(words.split()): name
    for words, name in {
        "price": "price",
        "product price": "price",
        "sale price": "saleprice",
        "sale product price": "saleprice",
        "full price": "regularprice",
        "full product price": "regularprice",
        "category": "category",
        "product category": "category",
        "category name": "category",
        "product category name": "category",
        "sub category": "subcategory",
        "middle category": "category2",
        "full sale price": "regularprice",
        "product id": "productid",
        "description": "description",
        "product description": "description",
        "main category": "maincategory",
        "image": "image",
        "product image": "image",
        "image main": "image",
        "image url": "imageurl",
        "image path": "image",
        "category path": "category",
        "product category path": "category",
        "image url main": "imageurl",
        "product image url": "imageurl",
        "name": "name",
        "product name": "name",
        "product code": "productcode",
        "product number": "productnumber",
        "code": "code",
        "product url": "producturl",
        "brand": "brand",
        "brand name": "brand",
        "product brand": "brand",
        "color": "color",
        "color name": "color",
        "product color": "color",
        "material": "material",
        "currency": "currency",
        "gender": "gender",
        "size": "size",
    }.items()
}
"""Meanings of the words in a name, in any order -> the name of NAMES that says the same."""
_SALE = _names(
    """
    saleprice discountprice discountedprice pricediscounted specialprice offerprice finalprice currentprice
    sellingprice pricenow nowprice dealprice promoprice yourprice pricesale currentretailprice markdownprice
    reducedprice pricecurrent
    """
)
_FULL = _names(
    """
    fullprice regularprice listprice originalprice actualprice variantcompareatprice compareatprice mrp msrp rrp
    uvp oldprice priceold retailprice baseprice initialprice priceoriginal pricebefore wasprice normalprice
    strikeprice maximumretailprice crossedprice
    """
)
_ZERO_IS_MISSING = frozenset((*_SALE, *_FULL)) - {"fullprice"}
NAMES: dict[str, tuple[str, ...]] = {
    "title": _names(
        """
        title name productname producttitle itemname productdisplayname displayname posttitle itemtitle prodname
        productlabel articlename stylename fullname shortname heading product item titel bezeichnung artikelname
        artikelbezeichnung produktname nom nomduproduit titre nombre titulo nome nomeprodotto naam название
        наименование 商品名 製品名 产品名称 商品名称
        """
    ),
    "product_code": _names(
        """
        productcode variantsku sku sellersku itemsku skuid productsku articleid articleno articlenumber productid
        itemid styleid id idproduct asin asin1 uniqid uniqueid uid pid code itemcode itemno itemnumber stylecode
        modelcode productnumber customlabelsku customlabel itemnumber reference ref handle artikelnummer artnr
        артикул référence codice 品番 商品番号 货号
        商品编号 mpn gtin ean upc
        """
    ),
    "brand": _names(
        """
        brand cbrand cmarke cmarque
        vendor brandname brands productbrand manufacturer designer designername marke hersteller marque
        marca merk бренд ブランド 品牌
        """
    ),
    "currency_code": _names(
        """
        currencycode currency pricecurrency cur währung devise moneda valuta валюта
        """
    ),
    "itemurl": _names(
        """
        itemurl url link producturl productlink itemlink permalink pageurl href producturi detailurl urlproduct
        webpage onlinestoreurl canonicalurl pdpurl
        """
    ),
    "country_code": ("countrycode", "country"),
    "website_name": _names(
        """
        websitename website store shop storename shopname retailer
        """
    ),
    "competence_date": ("competencedate", "scrapedate", "scrapedat", "crawldate", "crawltimestamp", "dateofscraping"),
}
"""Our column -> the names under which it is found, the best first. Names are compared by `fold_name`."""
_IMAGES = _names(
    """
    image images imageurl baseimage imagelink imagesrc imageurls img imgs imgurl imgsrc picture pictures
    pictureurl photo
    photos photourl mainimage mainimageurl imagepath imagefile imagefilename filename filepath file filenames
    primaryimage primaryimageurl featuredimage productimage productimages productimageurl imagelinks imageslist
    picurl itemphotourl
    image1 imageurl1 thumbnail thumbnailurl smallimage largeimage variantimage swatchimage bild bilder foto fotos
    imagen imagenes immagine изображение изображения фото 画像 urlimage hostedimageurls additionalimagelink
    downloadlink media mediaurl
    """
)
PRICE_NAMES = _names(
    """
    price variantprice standardprice pricetaxincluded pricetaxexcluded pricewithtax priceamount productprice
    itemprice unitprice amount pricevalue startprice buyitnowprice preis prix
    precio prezzo preço prijs цена стоимость 価格 价格 cost
    """
)
CATEGORY_NAMES = _names(
    """
    category categories cats categoryname ebaycategory1name
    productcategories categorypath taxonomy breadcrumb breadcrumbs
    productcategorytree categorytree categoryhierarchy productcategoryname itemcategory kategorie kategorien
    categorie catégorie catégories categoria категория категории カテゴリ カテゴリー 类别 分类 collection sitecategory
    fullcategory
    amazoncategoryandsubcategory productgroupname producttaxonomy label labels class classname target
    """
)
_LEVELS = (
    _names(
        """
    gender productgender targetgender sex categorybygender indexgroupname department departmentname section
    """
    ),
    _names(
        """
    maincategory mastercategory topcategory rootcategory parentcategory categorygroup
    """
    ),
    _names(
        """
    l1category categoryl1 categorylevel1 category1 cat1 categoryone level1
    """
    ),
    _names(
        """
    l2category categoryl2 categorylevel2 category2 cat2 categorytwo level2
    """
    ),
    CATEGORY_NAMES,
    ("subcategory", "subcategoryname", "subcat", "subclass", "categorysub"),
    _names(
        """
    l3category categoryl3 categorylevel3 category3 cat3 categorythree level3
    """
    ),
    _names(
        """
    producttype articletype type producttypename itemtype garmenttype individualcategory leafcategory
    productcategory googleproductcategory itemtypekeyword
    """
    ),
    _names(
        """
    terms term productterms searchterm searchterms
    """
    ),
)
"""Names of category columns, level by level, the broadest first."""
_NOT_CATEGORIES = frozenset(
    _names(
        "simple variable variation grouped external virtual downloadable physical product configurable bundle service"
    )
)
"""What a shop system writes into its column `Type` where that is about something else."""
_OWN = {
    "color": _names(
        """
        color colour ccolor ccolour cfarbe ccouleur
        colorname colourname basecolor basecolour maincolor primarycolor primarycolour
        colourgroupname colors colours productcolor itemcolor colormap farbe couleur цвет colore kleur カラー 颜色
        perceivedcolourmastername colorvariant
        """
    ),
    "material": _names(
        """
        material cmaterial materials fabric fabrics composition fabrictype materialtype zusammensetzung matière матерял
        материал состав materiale 素材 材质 materialcomposition outermaterial
        """
    ),
}
_GROUPS = _names(
    """
    handle handleid parentsku itemgroupid parent parentasin parentid parentproductid variantgroupid
    """
)
"""Columns whose value is that of all rows of one product."""
_SIZES = _names(
    """
    size sizes sizename shoesize sizeus sizeeu availablesize größe taille taglia размер サイズ
    """
)
_PAIR = re.compile(
    r"(?:product)?(?P<kind>option|attribute|variation)(?P<before>\d*)"
    r"(?P<part>name|values?|description)(?P<after>\d*)(?:values?)?"
)
"""Columns of a shop system that name an option, and those of its values, with the same number."""
_MORE_IMAGES = re.compile(
    r"(?:additional|other|more|alternate|extra|gallery|secondary|product|main)*"
    r"(?:image|img|photo|picture|bild|foto)s?(?:url|link|src)?s?(?:[2-9]|1\d?)?"
)
"""Columns of further images of a product, such as `additional_image_link`, `other_image_url1` and `IMAGE2`."""
_DEEP = 4
"""From so many levels on a path may end with something else than a category, such as the name of a line."""
_TITLE_CHARS = 90
"""Mean length up to which a description is taken as the title of a table that has none."""
_DISTINCT_CODES = 0.95
"""Share of different values from which on a column is taken as the code before a later one of the usual names."""
_SEPARATORS = (
    *(" > ", " >> ", " › ", " » ", " -> ", " → ", "→", ">>", ">", "»", "›"),
    *(
        "|",
        "::",
        " / ",
        "/",
        "\\",
        " · ",
        "#",
        " - ",
        " – ",
    ),
)
_CERTAIN_SEPARATORS = 11
"""So many of the first separators do not occur inside names."""
_PLURALS = frozenset(_names("categories cats productcategories kategorien категории catégories"))
"""Columns that list several categories of a product, with commas between them."""
_ROOTS = frozenset(
    (
        "home",
        "homepage",
        "start",
        "startseite",
        "accueil",
        "inicio",
        "root",
        "all",
        "all categories",
        "shop all",
        "all products",
        "default category",
        "главная",
        "ホーム",
    )
)
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|li|ol|p|pre|s|section|small|"
    r"span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul|video)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_USUAL = frozenset(
    itertools.chain(_SALE, _FULL, _IMAGES, PRICE_NAMES, _GROUPS, _SIZES, *NAMES.values(), *_LEVELS, *_OWN.values())
)
"""All names that need no translation."""
_NAME_CHARS = 80
"""A longer name of a column is not divided into words."""
_UNNAMED = re.compile(r"(?:Unnamed: |column )\d+")
_SUFFIX = re.compile("(?:" + "|".join(re.escape(suffix) for suffix in sorted(IMAGE_SUFFIXES)) + r")$")
_PLAIN_PRICE = re.compile(r"\d+(?:\.\d\d?)?")
"""A price that has one reading, which the summary need not show."""
_SRC = re.compile(r"""<(?:img|source)\s[^<>]*?src\s*=\s*["']?([^"'\s<>]+)""", re.IGNORECASE)
_URL = re.compile(r"(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrangedRow:
    """One product of the table: values under our column names, and under those of the user."""

    number: int
    """1 is the first row of the table; of several rows of one product the first."""
    values: Row
    """One value, or None, for each of KNOWN_COLUMNS."""
    own: Mapping[str, str | None]
    problem: str | None
    """Why the line could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrangedTable:
    """A table under our column names."""

    rows: list[ArrangedRow]
    columns: Mapping[str, str]
    """Our column -> theirs, for those that were found."""
    own: tuple[str, ...]
    """The user's own columns, which are kept as text."""
    unused: tuple[str, ...]
    """Their columns that have no place: names that toile gives itself, and further images."""
    decimals: Mapping[str, str]
    """Price column -> its decimal mark."""
    currency: str | None
    """The currency in the name of a price column, such as `Price (USD)`."""
    notes: tuple[str, ...]
    """What was found, one line each."""


def arrange(table: Table, options: ImportOptions, where: str) -> ArrangedTable:
    """Return the rows under our column names, one for each product.

    Args:
        table: The rows under their own column names.
        options: `columns`, `decimal` and `category` are used here.
        where: What messages call the table.

    Raises:
        ToileError: A name in `options.columns` does not exist, or a text column holds bytes.
    """
    table = replace(table, rows=[_lift_variant(row) for row in table.rows])
    columns = find_columns(table.rows, options.columns, where)
    pairs = _find_pairs(table.rows, columns)
    groups = _group_rows(table, columns)
    if not options.with_images:
        columns.pop("image", None)
    bytes_columns = {name for row in table.rows for name, value in row.items() if isinstance(value, StoredImage)}
    for ours, name in columns.items():
        if ours != "image" and name in bytes_columns:
            raise ToileError(where, f"column {name!r} holds bytes, not text", "save the column as text")
    rows = [(members[0] + 1, _merge([table.rows[member] for member in members])) for members in groups]
    further = _find_more_images([row for _, row in rows], columns)
    own = _own_columns([row for _, row in rows], columns, {*bytes_columns, *further})
    split = _category_splitter([row for _, row in rows], columns)
    zero = [
        name for ours, name in columns.items() if ours in PRICES and not _ZERO_IS_MISSING.isdisjoint(fold_name(name))
    ]
    arranged = []
    for number, row in rows:
        for name in zero:
            row[name] = None if _is_zero(row.get(name)) else row.get(name)
        values = {ours: _clean(ours, row.get(columns[ours]) if ours in columns else None) for ours in KNOWN_COLUMNS}
        values |= split(values, options.category)
        more = _take_first_images(values)
        more += [url for name in further for url in split_images(row.get(name))]
        more = [url for url in dict.fromkeys(more) if url not in (values["image"], values["imageurl"])]
        kept = {ours: _own_text(row.get(name)) for ours, name in own.items()}
        kept |= {ours: _own_text(read(row)) for ours, read in pairs.items() if ours not in columns}
        if more:
            kept[MORE_IMAGES] = json.dumps(more, ensure_ascii=False)
        arranged.append(ArrangedRow(number=number, values=values, own=kept, problem=table.broken.get(number)))
    decimals, notes = _find_decimals(arranged, columns, options)
    names = tuple(dict.fromkeys((*own, *(ours for ours in pairs if ours not in columns), MORE_IMAGES)))
    filled = tuple(name for name in names if any(row.own.get(name) is not None for row in arranged))
    if len(rows) < len(table.rows):
        merged = f"{len(table.rows):,} rows are {len(rows):,} products: sizes and images of one product are joined"
        notes = [merged, *notes]
    return ArrangedTable(
        rows=arranged,
        columns=columns,
        own=filled,
        unused=tuple(n for n in _unused_columns([row for _, row in rows], columns, own) if n not in further),
        decimals=decimals,
        currency=_currency_in_name(columns),
        notes=(*table.notes, *notes),
    )


def find_columns(rows: list[Row], named: Mapping[str, str], where: str = "the table") -> dict[str, str]:
    """Return our column -> theirs: those the user named, then those of our names, then those with a usual name.

    Raises:
        ToileError: Names in `named` do not exist; all of them are listed.
    """
    theirs = list(dict.fromkeys(name for row in rows for name in row))
    filled = {name for row in rows for name, value in row.items() if value is not None}
    _check_named(named, theirs, where)
    found = dict(named)
    found |= {name: name for name in KNOWN_COLUMNS if name in filled and name not in found and name != "image"}
    folded: dict[str, list[str]] = {}
    for name in theirs:
        if name in filled:
            for key in fold_name(name):
                folded.setdefault(key, []).append(name)
    used = set(found.values())

    def take(ours: str, names: Iterable[str], fits: Callable[[str], bool] = lambda name: True) -> None:
        if ours in found:
            return
        candidates = [name for key in names for name in folded.get(key, ()) if name not in used]
        chosen = next((name for name in candidates if fits(name)), None)
        if chosen is not None:
            found[ours] = chosen
            used.add(chosen)

    for ours in OWN_NAMES:
        take(ours, _OWN[ours])
    _find_images(rows, found, take)
    _find_prices(found, folded, take)
    _find_categories(rows, found, folded, used)
    for ours in ("itemurl", "brand", "currency_code", "title", "country_code", "website_name", "competence_date"):
        take(ours, NAMES[ours])
    described = ("description", "productdescription", "itemdescription", "text", "caption", "captions", "prompt")
    take("title", described, lambda name: _is_short(rows, name))
    _find_code(rows, found, folded, used)
    return found


@functools.lru_cache(maxsize=4096)
def fold_name(name: str) -> tuple[str, ...]:
    """Return what a column's name is compared by: letters and digits, also without its prefix, unit or currency."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    plain = re.sub(r"^(?:g|product|node|entity|attributes?|meta|pa)[:.]\s*", "", plain)
    short = re.sub(r"\s*[(\[].*?[)\]]\s*", " ", plain)
    short = re.sub(
        r"[\s_-]+(?:in[\s_-]+)?([a-z]{3}|rs|[$€£¥₹])$", lambda unit: "" if find_currency(unit[1]) else unit[0], short
    )
    keys = [re.sub(r"[^\w]|_", "", each) for each in (plain, short)]
    if _USUAL.isdisjoint(keys):
        keys.append(_translate(short))
    return tuple(dict.fromkeys(key for key in keys if key)) or (plain,)


def _translate(name: str) -> str:
    """Return the usual name that says the same as the words of a name in any language, empty if there is none.

    Compounds are divided (`Angebotspreis`); a number behind `category` or `image` stays (`Kategorie2`).
    """
    match = re.fullmatch(r"(.*?)[\s_-]*([1-9]?)", _without_accents(name), re.DOTALL)
    if match is None or len(name) > _NAME_CHARS:
        return ""
    words, number = re.findall(r"[^\W\d_]+|\d+", match[1]), match[2]
    meanings: list[str] = []
    for word in words:
        parts = [] if word not in _WORDS and find_currency(word) else _divide(word)
        if parts is None:
            return ""
        meanings += parts
    usual = _MEANINGS.get(frozenset(each for each in meanings if each), "")
    if number and usual != "category" and not (number == "1" and usual in ("image", "imageurl")):
        return ""
    return usual + number if usual else ""


def _divide(word: str) -> list[str] | None:
    """Return the meanings of a word, or of the words that make it up; None where a part is unknown."""
    if word in _WORDS:
        return [_WORDS[word]]
    reached: dict[int, list[str]] = {0: []}
    for end in range(1, len(word) + 1):
        for start in range(end):
            part = word[start:end]
            # short Latin words inside others are chance, except the s between the parts of a German one
            if start in reached and part in _WORDS and (len(part) > 2 or part in ("s", "es") or not word.isascii()):
                reached.setdefault(end, [*reached[start], _WORDS[part]])
    return reached.get(len(word))


def clean_text(text: str) -> str:
    """Return a text without HTML: entities decoded, tags removed."""
    if "&" in text:
        text = html.unescape(html.unescape(text)) if "&amp;" in text.lower() else html.unescape(text)
    if "<" in text:
        shown = _drop_between(text, (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->")))
        plain = _TAG.sub(" ", shown)
        text = text if plain == text else " ".join(plain.split())
    return text.replace("\u00a0", " ").strip()


def _drop_between(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a text without what is between two marks, in any case; in time linear in its length."""
    for begin, end in pairs:
        lowered, kept, at = text.lower(), [], 0
        if len(lowered) != len(text):
            return text
        while (start := lowered.find(begin, at)) >= 0 and (stop := lowered.find(end, start)) >= 0:
            kept.append(text[at:start])
            at = stop + len(end)
        text = " ".join([*kept, text[at:]])
    return text


def parse_list(value: Any) -> Any:
    """Return the list or object that a cell holds as JSON or Python text; other values as they are."""
    if not isinstance(value, str) or value[:1] + value[-1:] not in ("[]", "{}"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return found if isinstance(found, list | dict) else value


def split_images(value: Any) -> list[str]:
    """Return the URLs or file names that a cell holds: one, a list, JSON, or several divided by `,`, `|`, `;`, `~`.

    >>> split_images("//cdn.shop/a.jpg, //cdn.shop/b.jpg")
    ['https://cdn.shop/a.jpg', 'https://cdn.shop/b.jpg']
    """
    value = parse_list(value.strip() if isinstance(value, str) else value)
    if isinstance(value, dict):
        keys = ("url", "src", "href", "path", "name", "image", *value)
        value = next((value[key] for key in keys if value.get(key) and not isinstance(value[key], int | float)), None)
    if isinstance(value, list):
        return list(dict.fromkeys(name for each in value for name in split_images(each)))
    if value is None or not str(value).strip():
        return []
    text = str(value).strip().strip("\"'")
    if text.startswith("data:"):
        return [text]
    if text.startswith("<"):
        return list(dict.fromkeys(name for each in _SRC.findall(text) for name in split_images(html.unescape(each))))
    if text[:1] + text[-1:] in ("{}", "[]"):
        text = text[1:-1].strip()  # an array as databases write it
    if text[:4].lower() == "www.":
        text = f"https://{text}"
    parts = [part for part in re.split(r"(?:\s*[,|~;]\s*|\s+)(?=(?:https?:)?//)", text) if part.strip()]
    if len(parts) == 1 and not _URL.match(text):
        names = [name for name in re.split(r"\s*[|~;,]\s*", text) if name]
        if len(names) > 1 and all(_SUFFIX.search(name.lower()) for name in names):
            parts = names
    plain = [part.strip(" ,|~;\"'") for part in parts]
    return [f"https:{part}" if part.startswith("//") else part for part in plain]


def _take_first_images(values: Row) -> list[str]:
    """Leave one image and one URL in the values of a row; return the others."""
    more = []
    for name in ("image", "imageurl"):
        if values[name] is not None and not isinstance(values[name], StoredImage):
            names = split_images(values[name])
            values[name] = names[0] if names else None
            more += names[1:]
    return more


def split_path(value: Any, separator: str | None = None) -> list[str]:
    """Return the levels of a category: a list, or text such as `Women > Shoes`; without `Home` before them."""
    value = parse_list(value)
    parts = [value]
    if isinstance(value, dict):
        parts = [next((value[key] for key in ("name", "title", "label", "value") if key in value), None)]
    elif isinstance(value, list):
        parts = [part for each in value for part in split_path(each)]
    elif isinstance(value, str):
        found = separator or next((each for each in _SEPARATORS[:_CERTAIN_SEPARATORS] if each in value), None)
        parts = list(value.split(found)) if found else [value]
    names = [clean_text(str(part)).strip(" >/|»›") for part in parts if normalize_missing(part) is not None]
    names = [name for name in names if name]
    while len(names) > 1 and names[0].casefold() in _ROOTS:
        names = names[1:]
    return names


def _check_named(named: Mapping[str, str], theirs: list[str], where: str) -> None:
    allowed = (*KNOWN_COLUMNS, *OWN_NAMES)
    wrong = [f"{ours}={name}" for ours, name in named.items() if ours not in allowed]
    if wrong:
        ours = wrong[0].partition("=")[0]
        raise ToileError(f"--column {wrong[0]}", f"toile has no column {ours!r}", suggest(ours, allowed))
    absent = {ours: name for ours, name in named.items() if name not in theirs}
    if absent:
        option = " ".join(f"--column {ours}={name}" for ours, name in absent.items())
        names = ", ".join(map(repr, absent.values()))
        kind = "column" if len(absent) == 1 else "columns"
        raise ToileError(
            option, f"{where} has no {kind} {names}", "; ".join(suggest(each, theirs) for each in absent.values())
        )


Take = Callable[..., None]


def _find_images(rows: list[Row], found: dict[str, str], take: Take) -> None:
    """Find the column of image files or bytes, and that of image URLs; their values tell which is which."""

    def example(name: str) -> Any:
        values = (parse_list(row[name]) for row in rows if row.get(name) is not None)
        value = next((each for each in values if each not in ([], {})), None)
        return next(iter(split_images(value)), None) if isinstance(value, list | dict | str) else value

    def is_url(name: str) -> bool:
        value = example(name)
        return isinstance(value, str) and bool(_URL.match(value.strip()))

    take("imageurl", _IMAGES, is_url)
    take("image", _IMAGES, lambda name: isinstance(example(name), str | StoredImage | int) and not is_url(name))


def _is_short(rows: list[Row], name: str) -> bool:
    lengths = [len(str(row[name])) for row in rows if row.get(name) is not None]
    return sum(lengths) <= _TITLE_CHARS * len(lengths)


def _find_prices(found: dict[str, str], folded: Mapping[str, list[str]], take: Take) -> None:
    """Find the price before discounts and the price to pay; a lone `price` beside a sale price is the full one."""
    take("full_price", _FULL)
    has_sale = any(key in folded for key in _SALE)
    if has_sale and "full_price" not in found:
        if "price" in found and found["price"] == "price":
            found["full_price"] = found.pop("price")
        take("full_price", PRICE_NAMES)
    take("price", (*_SALE, *PRICE_NAMES))


def _find_categories(rows: list[Row], found: dict[str, str], folded: Mapping[str, list[str]], used: set[str]) -> None:
    """Find up to three levels: the narrowest is the category, the broadest the first level."""
    if any(name in found for name in CATEGORIES):
        return

    def fits(name: str) -> bool:
        return any(str(row[name]).casefold() not in _NOT_CATEGORIES for row in rows if row.get(name) is not None)

    levels = []
    for names in _LEVELS:
        chosen = next((name for key in names for name in folded.get(key, ()) if name not in used and fits(name)), None)
        if chosen is not None:
            levels.append(chosen)
    if not levels and CLASS_FOLDER in folded:
        levels = [CLASS_FOLDER]
    if not levels:
        return
    found["category3_code"] = levels[-1]
    if len(levels) > 1:
        found["category1_code"] = levels[0]
    if len(levels) > 2:
        found["category2_code"] = levels[-2]
    used.update(levels[:1] + levels[-2:])


def _find_code(rows: list[Row], found: dict[str, str], folded: Mapping[str, list[str]], used: set[str]) -> None:
    """Find the code: of the usual names the first that most rows have and whose values mostly differ.

    Where several rows have one handle, it is the code, as the other codes are those of sizes.
    """
    if found.get("product_code", "product_code") != "product_code":
        return
    candidates = [name for key in NAMES["product_code"] for name in folded.get(key, ()) if name not in used]
    candidates = [*([found["product_code"]] if "product_code" in found else []), *candidates]
    shares: dict[str, float] = {}
    for name in dict.fromkeys(candidates):
        values = [str(row[name]) for row in rows if row.get(name) is not None]
        shares[name] = len(set(values)) / len(values) * (1.0 if 2 * len(values) >= len(rows) else 0.1)
    handle = next(iter(folded.get("handle", ())), None)
    if handle in shares and shares[handle] < 1:
        found["product_code"] = handle
    elif shares:
        unique = (name for name, share in shares.items() if share >= _DISTINCT_CODES)
        found["product_code"] = next(unique, max(shares, key=lambda name: shares[name]))


def _lift_variant(row: Row) -> Row:
    """Return a row with the prices and code of its first variant, and its options, as columns of their own.

    Shops give a product as one object with lists of `variants` and `options`; schema.org has prices in `offers`.
    """
    if not any(isinstance(row.get(name), list | dict) for name in ("variants", "options", "offers")):
        return row
    variants = row.get("variants")
    first = next((each for each in (variants if isinstance(variants, list) else ()) if isinstance(each, dict)), {})
    lifted = {f"variant {name}": first[name] for name in ("price", "compare_at_price", "sku") if name in first}
    options = row.get("options")
    for number, each in enumerate(options if isinstance(options, list) else (), start=1):
        if isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("values"), list):
            lifted[f"option{number} name"] = each["name"]
            lifted[f"option{number} value"] = next(iter(each["values"]), None)
    offers = row.get("offers")
    offer = next(iter(offers), None) if isinstance(offers, list) else offers
    if isinstance(offer, dict):
        lifted |= {name: offer[name] for name in ("price", "priceCurrency") if name in offer}
    return {**{name: normalize_missing(value) for name, value in lifted.items()}, **row}


def _find_pairs(rows: list[Row], columns: Mapping[str, str]) -> dict[str, Callable[[Row], Any]]:
    """Return `color` and `material` -> a function that reads them, as from `Option1 Name` and `Option1 Value`."""
    names: dict[tuple[str, str], str] = {}
    values: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        match = _PAIR.fullmatch(re.sub(r"[^\w]|_", "", unicodedata.normalize("NFKC", name).casefold()))
        if match:
            key = (match["kind"], match["before"] or match["after"])
            (names if match["part"] == "name" else values)[key] = name
    found: dict[str, Callable[[Row], Any]] = {}
    for ours in OWN_NAMES:
        pairs = [(names[key], values[key]) for key in names if key in values]
        if ours not in columns and any(_names_option(row.get(name), ours) for name, _ in pairs for row in rows):

            def read(row: Row, ours: str = ours, pairs: list[tuple[str, str]] = pairs) -> Any:
                return next((row.get(value) for name, value in pairs if _names_option(row.get(name), ours)), None)

            found[ours] = read
    return found


def _names_option(value: Any, ours: str) -> bool:
    return isinstance(value, str) and not set(_OWN[ours]).isdisjoint(fold_name(value))


def _group_rows(table: Table, columns: Mapping[str, str]) -> list[list[int]]:
    """Return the rows of each product, as indices, in the order of their first rows.

    One product are the rows of one handle or parent (and one colour, where a group holds several), and rows of one code
    that differ in size or image only.
    """
    rows = table.rows
    theirs = list(dict.fromkeys(name for row in rows for name in row))
    folded = {key: name for name in reversed(theirs) for key in fold_name(name)}
    parent = next((folded[key] for key in _GROUPS if key in folded), None)
    if parent is None and "variantid" in folded and "productid" in folded:
        return _join_continued(rows, folded["productid"])
    code, colour = columns.get("product_code"), columns.get("color")
    of_group = parent is not None and fold_name(parent)[0] == "itemgroupid"
    ids = {f"id:{row['ID']}": str(row.get(code)) for row in rows if code is not None and row.get("ID") is not None}
    groups: dict[Any, list[int]] = {}
    for index, row in enumerate(rows):
        key: Any = index
        name = None if parent is None else row.get(parent)
        if index + 1 not in table.broken and parent is not None:
            if name is not None:
                shade = str(row.get(colour)) if of_group and colour is not None else None
                key = (ids.get(str(name), str(name)), shade)
            elif code is not None and row.get(code) is not None and not of_group:
                key = (str(row[code]), None)
        groups.setdefault(key, []).append(index)
    return _join_sizes(rows, list(groups.values()), columns) if parent is None else list(groups.values())


def _join_continued(rows: list[Row], name: str) -> list[list[int]]:
    """Join each row without a value in the column to the one above it."""
    groups: list[list[int]] = []
    for index, row in enumerate(rows):
        if groups and (row.get(name) is None or row[name] == rows[groups[-1][0]].get(name)):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _join_sizes(rows: list[Row], groups: list[list[int]], columns: Mapping[str, str]) -> list[list[int]]:
    """Join rows of one code whose title, categories and brand agree and whose size or image differs."""
    code = columns.get("product_code")
    if code is None:
        return groups
    theirs = dict.fromkeys(name for row in rows for name in row)
    varying = [name for name in theirs if any(key in _SIZES for key in fold_name(name))]
    varying += [columns[ours] for ours in ("image", "imageurl") if ours in columns]
    same = [columns[ours] for ours in ("title", *CATEGORIES, "brand") if ours in columns]
    joined: dict[Any, list[int]] = {}
    for (index,) in groups:
        row = rows[index]
        key: Any = index if row.get(code) is None else (str(row[code]), *(str(row.get(name)) for name in same))
        first = rows[joined[key][0]] if key in joined else row
        if first is not row and not any(_differ(first.get(name), row.get(name)) for name in varying):
            key = index
        joined.setdefault(key, []).append(index)
    return list(joined.values())


def _differ(one: Any, other: Any) -> bool:
    return isinstance(one, str | int | float) and isinstance(other, str | int | float) and one != other


def _merge(rows: list[Row]) -> Row:
    """Return one row: of each column the first value there is."""
    merged: Row = {}
    for row in rows:
        for name, value in row.items():
            if merged.get(name) is None:
                merged[name] = value
    return merged


def _find_more_images(rows: list[Row], columns: Mapping[str, str]) -> list[str]:
    """Return the columns that name further images as URLs or files, beside the one that is taken."""
    if not {"image", "imageurl"} & columns.keys():
        return []
    found = []
    for name in dict.fromkeys(name for row in rows for name, value in row.items() if value is not None):
        if name not in columns.values() and _MORE_IMAGES.fullmatch(re.sub(r"[^\w]|_", "", name.casefold())):
            urls = [url for row in rows for url in split_images(row.get(name))]
            if all(_URL.match(url) or _SUFFIX.search(url.lower()) for url in urls):
                found.append(name)
    return found


def _own_columns(rows: list[Row], columns: Mapping[str, str], bytes_columns: set[str]) -> dict[str, str]:
    """Return name in the catalog -> name in the table of every column that has no other use and is not empty."""
    used = {name for ours, name in columns.items() if ours not in OWN_NAMES} | bytes_columns
    renamed = {columns[ours]: ours for ours in OWN_NAMES if ours in columns}
    own: dict[str, str] = {}
    for name in dict.fromkeys(name for row in rows for name, value in row.items() if value is not None):
        if name in used or (_UNNAMED.fullmatch(name) and _is_index(rows, name)):
            continue
        ours = renamed.get(name, name)
        if ours in KNOWN_COLUMNS or ours in own:
            ours = f"their {name}"
        if ours not in COLUMNS:
            own[ours] = name
    return own


def _is_index(rows: list[Row], name: str) -> bool:
    """Return whether a column without a name counts the rows, as pandas writes it."""
    values = [str(row.get(name)) for row in rows]
    return values in ([str(number + first) for number in range(len(values))] for first in (0, 1))


def _unused_columns(rows: list[Row], columns: Mapping[str, str], own: Mapping[str, str]) -> tuple[str, ...]:
    names = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    return tuple(name for name in names if name not in columns.values() and name not in own.values())


def _category_splitter(rows: list[Row], columns: Mapping[str, str]) -> Callable[[Row, str | None], Row]:
    """Return a function from a row's values to its three category columns; a path in one cell is divided."""
    leaf = columns.get("category3_code")
    values = [parse_list(row.get(leaf)) for row in rows if leaf is not None and row.get(leaf) is not None]
    texts = [clean_text(value) for value in values if isinstance(value, str)]
    several = ",;" if leaf is not None and any(key in _PLURALS for key in fold_name(leaf)) else ";"
    separator = _path_separator([part for text in texts for part in re.split(f"[{several}]", text)])
    title_name = columns.get("title", "")
    named = [(row[leaf], str(row[title_name])) for row in rows if leaf and row.get(leaf) and row.get(title_name)]
    ends = sum(_ends_with(split_path(cell, separator), title) for cell, title in named)
    drops_title = 2 * ends > len(named)  # else `Men > Shirt` may be the category of a product named Shirt
    paths = [(split_path(cell, separator), title) for cell, title in named] if separator or _has_lists(values) else []
    paths = [(path[:-1] if _ends_with(path, title) else path, title) for path, title in paths]
    drops_line = 2 * sum(_ends_with_line(path, title) for path, title in paths) > len(paths)
    num_roots = _count_common_levels([path[: len(path) - drops_line] for path, _ in paths])

    def split(values: Row, default: str | None) -> Row:
        cell, title = values["category3_code"], values["title"]
        if cell is None and default is not None and values["category1_code"] is None:
            path = split_path(default)
        elif isinstance(cell, str) and (parts := re.split(f"[{several}]", cell))[1:]:
            path = _best_path([split_path(part, separator) if separator else [part.strip(" /")] for part in parts])
        elif cell is None:
            return {}
        elif separator is None and isinstance(cell, str):
            return {"category3_code": cell.strip("/ ") or None}
        else:
            path = split_path(cell, separator)
        if _ends_with(path, str(title)) and (drops_title or len(path) > 2):
            path = path[:-1]
        if drops_line and len(path) >= _DEEP:
            path = path[:-1]
        if len(path) > num_roots:
            path = path[num_roots:]
        while len(path) >= _DEEP and _is_no_type(path[-1]):
            path = path[:-1]
        if not path:
            return {"category3_code": None}
        first, second = values["category1_code"], values["category2_code"]
        if len(path) > 1:
            first, second = path[0], path[1] if len(path) > 2 else second
        return {"category1_code": first, "category2_code": second, "category3_code": path[-1]}

    return split


def _is_no_type(name: str) -> bool:
    """Return whether a name at the end of a deep path is a colour or a label of the site: Women/Coats/Black."""
    is_colour = len(name.split()) <= 2 and read_colour(name) is not None and not find_silhouette((name,))[1]
    return is_colour or name.lower() in NAVIGATION | _LABELS


def _has_lists(values: list[Any]) -> bool:
    return any(isinstance(value, list) for value in values)


def _count_common_levels(paths: list[list[str]]) -> int:
    """Count the first levels that all paths share, such as the name of the shop, where all are deeper than four."""
    shared = 0
    while paths and all(len(path) - shared > _DEEP for path in paths):
        if len({path[shared].casefold() for path in paths}) > 1:
            break
        shared += 1
    return shared


def _ends_with_line(path: list[str], title: str) -> bool:
    """Return whether a deep path ends with a name that the title has too, but not as its last word: a line, a brand."""
    if len(path) < _DEEP:
        return False
    words = re.findall(r"[^\W\d_]+", title.casefold())
    last = re.findall(r"[^\W\d_]+", path[-1].casefold())
    places = [k for k in range(len(words)) if words[k : k + len(last)] == last]
    return bool(last and places) and places[-1] + len(last) < len(words)


def _ends_with(path: list[str], title: str) -> bool:
    """Return whether a path goes down to the product itself."""
    return len(path) > 1 and path[-1].casefold() == title.casefold()


def _best_path(paths: list[list[str]]) -> list[str]:
    """Return the deepest of several paths of a product; names without a path between them are one path themselves."""
    paths = [path for path in paths if path and path[-1].lower() not in NAVIGATION | _LABELS]
    if all(len(path) == 1 for path in paths):
        names = [path[0] for path in paths]
        return names[1:] if len(names) > 1 and names[0].casefold() in _ROOTS else names
    return max(paths, key=len)


def _path_separator(texts: list[str]) -> str | None:
    """Return what divides the levels of a column of categories, None where its values are single names.

    `/`, `|`, ` - ` and the like also occur inside names (Tops/Blouses): they divide only where at least half of the
    values have them and first levels repeat or a value has three levels.
    """
    distinct = sorted({text.strip() for text in texts})
    for separator in _SEPARATORS:
        having = [text.strip(separator) for text in distinct if separator in text.strip(separator)]
        if separator not in _SEPARATORS[:_CERTAIN_SEPARATORS]:
            first = {text.split(separator)[0].strip() for text in having}
            is_deep = any(text.count(separator) > 1 for text in having)
            if 2 * len(having) < len(distinct) or not (is_deep or len(first) < len(having)):
                continue
        if having:
            return separator
    return None


def _clean(ours: str, value: Any) -> Any:
    """Return a value of one of our columns without HTML; of a list of one value that value."""
    if ours == "image" or (ours == "imageurl" and not isinstance(value, str)):
        return value
    if isinstance(value, str) and ours in ("itemurl", "imageurl"):
        return value.replace("&amp;", "&")
    if ours == "product_code" or value is None:
        return value
    if ours == "category3_code" and isinstance(found := parse_list(value), list | dict):
        return found
    if ours in PRICES:
        found = parse_list(value)
        return clean_text(found) if isinstance(found, str) else found
    value = parse_list(value)
    if isinstance(value, dict):
        value = next(
            (value[key] for key in ("name", "title", "label", "value", "text") if key in value),
            json.dumps(value, ensure_ascii=False),
        )
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else ", ".join(str(each) for each in value) or None
    return normalize_missing(clean_text(value)) if isinstance(value, str) else value


def _own_text(value: Any) -> str | None:
    """Return a value of the user's own columns as text."""
    value = normalize_missing(value)
    if value is None or isinstance(value, str):
        return None if value is None else clean_text(value) or None
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_zero(value: Any) -> bool:
    return (
        value == 0
        if isinstance(value, int | float)
        else isinstance(value, str) and re.sub(r"[^\d]", "", value).strip("0") == "" and "0" in value
    )


def _find_decimals(
    rows: list[ArrangedRow], columns: Mapping[str, str], options: ImportOptions
) -> tuple[dict[str, str], list[str]]:
    """Return price column -> decimal mark, and a note for each column in which numbers have marks."""
    decimals, notes = {}, []
    for ours in PRICES:
        texts = [row.values[ours] for row in rows if isinstance(row.values[ours], str)]
        if not texts:
            continue
        codes = Counter(row.values["currency_code"] for row in rows if row.values["currency_code"] is not None)
        usual = options.currency or (find_currency(str(codes.most_common(1)[0][0])) if codes else None)
        decimals[ours] = options.decimal or find_decimal(texts, usual)
        odd = [text for text in texts if not _PLAIN_PRICE.fullmatch(text)]
        if odd:
            example = max(odd, key=lambda text: sum(each in ".,' " for each in text))
            mark = "comma" if decimals[ours] == "," else "point"
            notes.append(f"prices in {columns[ours]!r} have a decimal {mark}: {_show_price(example, decimals[ours])}")
    return decimals, notes


def _show_price(text: str, decimal: str) -> str:
    try:
        return f"{text[:40]!r} is {read_price(text, decimal).value:.10g}"
    except NotAPriceError as error:
        return f"{text[:40]!r} {error}"


def _currency_in_name(columns: Mapping[str, str]) -> str | None:
    """Return the currency that the name of a price column ends with: `Price (USD)`, `price_inr`, `MRP in Rs`."""
    for ours in ("full_price", "price"):
        name = columns.get(ours, "")
        match = re.search(r"(?:[(\[]\s*|[\s_-])(?:in\s+)?([A-Za-z]{2,4}\.?|[$€£¥₹])\s*[)\]]?$", name)
        currency = find_currency(match[1]) if match else None
        if currency is not None and name not in KNOWN_COLUMNS:
            return currency
    return None
