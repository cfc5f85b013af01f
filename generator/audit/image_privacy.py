"""The picture checks of an audit: identical files, identical pixels, copies in disguise, more likeness than chance."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from generator.audit.image_distance import Looks, Nearest, copies_above, looks, nearest
from generator.audit.privacy import MOST_HITS, Findings, counted, not_asked
from generator.audit.replay import Excess, excess
from generator.audit.rows import Mask
from schemas.audit import PRIVACY, Bounds, Check, Hit
from schemas.product import read

NAMES = ("identical_picture_files", "identical_pictures", "copied_pictures", "replayed_pictures")
_FEWEST = 8
NEAR = 0.05
"""Near is what this share of the real pictures are to the nearest of another real family."""
MOST_CONTROLS = 1000
"""Real pictures for which the nearest of another real family is looked for, at most; evenly spread."""


def folder_looks(folder: Path) -> tuple[Looks, Looks]:
    """The pictures of a catalog: those of train, and those of validation and test."""
    train = looks(_pictures(folder, ("train",)), str(folder))
    return train, looks(_pictures(folder, ("validation", "test")), str(folder))


def _pictures(folder: Path, splits: tuple[str, ...]) -> Iterator[tuple[str, str, bytes]]:
    for split in splits:
        for row in read(folder, split=split, columns=("image",)):
            if row.image is not None:
                yield row.product_code, row.family, row.image


def pictures_privacy(train: Looks, holdout: Looks, synthetic: Looks, bounds: Bounds) -> Findings:
    """All checks of pictures; `train` and `holdout` are the real ones, of different families."""
    for side, what in ((train, "real train"), (holdout, "real validation and test"), (synthetic, "synthetic")):
        if len(side) < (1 if side is synthetic else _FEWEST):
            why = f"not asked: there are {len(side)} {what} pictures"
            return Findings(checks=[not_asked(name, PRIVACY, why) for name in NAMES])
    real = both(train, holdout)
    asked = some(real, np.arange(len(real)) % (1 + (len(real) - 1) // MOST_CONTROLS) == 0)
    found, control = nearest(synthetic, real), nearest(asked, real)
    threshold = copies_above(control.likeness)
    files, same_files = (_identical(*sides, "file_sha256") for sides in ((synthetic, real), (holdout, train)))
    pixels, same_pixels = (_identical(*sides, "pixel_sha256") for sides in ((synthetic, real), (holdout, train)))
    copies, same_copies = _copies(synthetic, real, found, threshold), _copies(asked, real, control, threshold)
    what = "lower is better; real against real of another family gives {}"
    checks = [
        counted(NAMES[0], files, same_files, bounds.hits, f"Picture files that are real ones byte for byte; {what}"),
        counted(NAMES[1], pixels, same_pixels, bounds.hits, f"Pictures whose decoded pixels are a real one's; {what}"),
        counted(
            NAMES[2],
            copies,
            same_copies,
            bounds.hits,
            f"Pictures whose fine detail, mirrored or not, correlates above {threshold:.3f} with a real one's, as "
            "that of a re-encoded, resized or mirrored copy does and that of two different real products does not; "
            + what,
            threshold=threshold,
            largest=float(found.likeness.max()),
            real_largest=float(control.likeness.max()),
        ),
        _replayed(train, holdout, synthetic, float(np.quantile(control.distance, NEAR)), bounds),
    ]
    hits = [*files[:MOST_HITS], *pixels[:MOST_HITS], *copies[:MOST_HITS]]
    return Findings(checks=checks, hits=hits)


def _replayed(train: Looks, holdout: Looks, synthetic: Looks, near: float, bounds: Bounds) -> Check:
    """Do families of train lie near a synthetic picture more often than families of the holdout do?"""
    test = _excess(train, holdout, synthetic, near)
    families = dict.fromkeys(train.families)
    half = set(list(families)[::2])
    shown = np.array([name in half for name in train.families])
    other = _excess(some(train, ~shown), holdout, some(train, shown), near)
    return Check(
        name=NAMES[3],
        kind=PRIVACY,
        value=test.p,
        real_against_real=other.p,
        bound=bounds.replay_p,
        better="higher",
        passed=test.p >= bounds.replay_p,
        meaning=(
            "Chance of so large an excess, were nothing leaked, of families with a synthetic picture nearer than "
            f"{near:.1f} grey levels: {test.member_rate:.1%} of train, {test.holdout_rate:.1%} of the holdout. Higher "
            f"is better; real against real gives {other.p:.2g} ({other.member_rate:.1%} and {other.holdout_rate:.1%})."
        ),
        figures={"near": near, "member_rate": test.member_rate, "holdout_rate": test.holdout_rate},
    )


def _excess(members: Looks, holdout: Looks, release: Looks, near: float) -> Excess:
    hit: list[bool] = []
    member: list[bool] = []
    for side, is_member in ((members, True), (holdout, False)):
        close = nearest(side, release, in_detail=False).distance <= near
        families: dict[str, bool] = {}
        for family, each in zip(side.families, close.tolist(), strict=True):
            families[family] = families.get(family, False) or each
        hit += families.values()
        member += [is_member] * len(families)
    everyone: Mask = np.full(len(hit), True)
    return excess(NAMES[3], np.array(member), everyone, np.array(hit))


def _identical(own: Looks, their: Looks, what: str) -> list[Hit]:
    known = dict(zip(getattr(their, what), their.names, strict=True))
    check = NAMES[0] if what == "file_sha256" else NAMES[1]
    return [
        Hit(check=check, text=known[digest], detail=f"is the picture of {name}")
        for name, digest in zip(own.names, getattr(own, what), strict=True)
        if digest in known
    ]


def _copies(own: Looks, their: Looks, found: Nearest, threshold: float) -> list[Hit]:
    return [
        Hit(
            check="copied_pictures",
            text=their.names[int(found.which[k])],
            detail=f"likeness {found.likeness[k]:.3f} to the picture of {own.names[k]}",
        )
        for k in np.flatnonzero(found.likeness > threshold).tolist()
    ]


def both(first: Looks, second: Looks) -> Looks:
    """The pictures of two lots as one."""
    return Looks(
        names=first.names + second.names,
        families=first.families + second.families,
        file_sha256=first.file_sha256 + second.file_sha256,
        pixel_sha256=first.pixel_sha256 + second.pixel_sha256,
        whole_NEEC=np.concatenate([first.whole_NEEC, second.whole_NEEC]),
        object_NEEC=np.concatenate([first.object_NEEC, second.object_NEEC]),
    )


def some(looks: Looks, kept: Mask) -> Looks:
    """The pictures that the mask keeps."""
    chosen = np.flatnonzero(kept).tolist()
    return Looks(
        names=tuple(looks.names[k] for k in chosen),
        families=tuple(looks.families[k] for k in chosen),
        file_sha256=tuple(looks.file_sha256[k] for k in chosen),
        pixel_sha256=tuple(looks.pixel_sha256[k] for k in chosen),
        whole_NEEC=looks.whole_NEEC[chosen],
        object_NEEC=looks.object_NEEC[chosen],
    )
