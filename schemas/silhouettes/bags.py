"""Bags."""

from schemas.silhouettes.record import CLOTH, Silhouette

BAGS = (
    Silhouette(
        name="tote-bag",
        shows=CLOTH | {"hardware", "lining", "quilting"},
        nouns=("Tote Bag", "Tote Bag", "Shopper", "Cabas", "トートバッグ", "Tote Bag"),
        group="bags",
        leaf=("TOTE BAGS", "TOTE BAGS", "SHOPPER", "CABAS", "トートバッグ", "TOTE BAGS"),
        leaf_words=r"tote|shopper|\bbags?\b|handbag|tasche|\bsacs?\b|cabas|bors[ae]|包|バッグ|トート",
        tried=330,
        usual_usd=120,
        materials=("canvas", "leather", "grained-leather"),
    ),
    Silhouette(
        name="shoulder-bag",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"strap": ("short", "long", "chain")},
        nouns=("Shoulder Bag", "Shoulder Bag", "Umhängetasche", "Sac bandoulière", "ショルダーバッグ", "Sling Bag"),
        group="bags",
        leaf=("SHOULDER BAGS", "SHOULDER BAGS", "UMHÄNGETASCHEN", "SACS BANDOULIÈRE", "ショルダーバッグ", "SLING BAGS"),
        leaf_words=(
            r"shoulder|cross-?body|messenger|clutch|bum ?bag|belt ?bag|umh[aä]ngetasche|sling|bandouli|斜背|ショルダー"
        ),
        tried=320,
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
        leaf=(
            *("CROSSBODY BAGS", "CROSS-BODY BAGS", "CROSSBODY-TASCHEN", "SACS CROISÉS", "クロスボディバッグ"),
            "CROSSBODY BAGS",
        ),
        leaf_words=r"cross-?body|messenger|sacs? crois|斜背|クロスボディ",
        tried=300,
        usual_usd=120,
        materials=("leather", "nylon", "canvas", "grained-leather"),
    ),
    Silhouette(
        name="clutch",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"strap": ("none", "chain")},
        nouns=("Clutch", "Clutch Bag", "Clutch", "Pochette", "クラッチバッグ", "Clutch"),
        group="bags",
        leaf=("CLUTCHES", "CLUTCH BAGS", "CLUTCHES", "POCHETTES", "クラッチバッグ", "CLUTCHES"),
        leaf_words=r"clutch|pochette|クラッチ",
        tried=310,
        usual_usd=85,
        materials=("leather", "silk", "suede", "satin", "patent-leather"),
    ),
    Silhouette(
        name="backpack",
        shows=CLOTH | {"hardware", "quilting"},
        cuts={"closure": ("zip", "belt")},
        nouns=("Backpack", "Rucksack", "Rucksack", "Sac à dos", "リュック", "Backpack"),
        group="bags",
        leaf=("BACKPACKS", "RUCKSACKS", "RUCKSÄCKE", "SACS À DOS", "リュック", "BACKPACKS"),
        leaf_words=r"back ?pack|rucks[aä]ck|sacs? [aà] dos|zain|双肩|リュック",
        tried=250,
        usual_usd=75,
        materials=("nylon", "canvas"),
    ),
)
