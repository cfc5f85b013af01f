"""Shoes in profile, toe to the right."""

from generator.render.canvas import Scene
from generator.render.curves import Curve, along, box, outline, ribbon
from generator.render.details import buckle, plate, ring, strap
from generator.render.garment import child_zoom
from generator.render.relief import Crease

SNEAKER_COLLAR = {"child": 0.40, "small": 0.42, "medium": 0.345, "large": 0.235}
"""Height of the collar (y): small is a low-top, large a high-top."""
BOOT_TOP = {"child": 0.36, "small": 0.40, "medium": 0.27, "large": 0.09}


def sneaker(scene: Scene) -> None:
    """Upper with toe cap and heel counter, laces through metal or punched eyelets, a thick rubber sole."""
    d = scene.design
    scene.stage(0.98 * (0.80 if scene.appearance.size == "child" else 1.0), (0.0, 0.50))
    h, sole = SNEAKER_COLLAR[scene.appearance.size], d.between("sole", 0.055, 0.095)
    low, toe = 0.655, 0.375 * d.between("toe", 0.96, 1.04)
    scene.stand(-0.43, toe + 0.05, low + sole)
    scene.inside(
        outline(
            [(-0.37, h + 0.01), (-0.24, h - 0.030), (-0.09, h - 0.02)],
            [(-0.16, h + 0.10), (-0.34, h + 0.10), (-0.37, h + 0.01)],
        ),
        lift=0.016,
    )
    tongue = d.between("tongue", 0.035, 0.075)
    scene.panel(
        outline(
            [(-0.155, h + 0.03), (-0.135, h - tongue), (-0.085, h - tongue - 0.008), (-0.045, h - 0.2 * tongue)],
            [(0.05, 0.50), (-0.05, 0.52), (-0.155, h + 0.03)],
        ),
        "self",
        puff=0.014,
        soft=0.018,
        shadow=0.3,
    )
    instep: Curve = [
        (-0.105, h - 0.004),
        (-0.045, 0.52 * h + 0.215),
        (0.05, 0.30 * h + 0.315),
        (0.17, 0.487),
        (toe - 0.10, 0.502),
        (toe - 0.01, 0.535),
        (toe + 0.032, 0.595),
        (toe + 0.036, low),
    ]
    upper = outline(
        [(-0.395, low), (-0.405, 0.57), (-0.388, h + 0.05), (-0.375, h)],
        [(-0.31, h + 0.034), (-0.20, h + 0.030), (-0.105, h - 0.004)],
        instep,
        [(toe + 0.036, low), (0.0, low + 0.02), (-0.395, low)],
    )
    flex = [Crease((0.16 + 0.035 * i, 0.505), (0.135 + 0.04 * i, 0.60), -0.004, 0.010, 0.2) for i in range(3)]
    scene.panel(upper, puff=0.030, soft=0.034, volume=0.026, folds=flex, shadow=0.35)
    _overlays(scene, h, low, toe)
    _laces(scene, instep)
    _cup_sole(scene, low, toe, sole)


def _cup_sole(scene: Scene, low: float, toe: float, sole: float) -> None:
    """A rubber sole whose edge rises over the upper, with a groove around it."""
    edge = low - scene.design.between("foxing", 0.010, 0.030)
    scene.panel(
        outline(
            [(-0.408, edge), (-0.1, edge + 0.016), (0.2, edge + 0.014), (toe + 0.038, edge - 0.012)],
            [(toe + 0.062, edge + 0.25 * sole), (toe + 0.040, low + 0.78 * sole), (toe - 0.05, low + sole)],
            (-0.40, low + sole),
            [(-0.43, low + 0.5 * sole), (-0.408, edge)],
        ),
        "sole",
        puff=0.012,
        soft=0.018,
        lift=0.008,
        shadow=0.5,
        reach=0.012,
    )
    scene.seam(
        [(-0.425, low + 0.62 * sole), (0.0, low + 0.68 * sole), (toe + 0.042, low + 0.55 * sole)],
        width=0.010,
        dark=0.45,
    )


def _overlays(scene: Scene, h: float, low: float, toe: float) -> None:
    """Heel counter with a plaque, toe cap, collar band and a slanted side panel."""
    d = scene.design
    counter = d.between("counter", 0.07, 0.12)
    scene.overlay(
        outline(
            [(-0.41, low + 0.01), (-0.41, 0.57), (-0.392, h + 0.06)],
            [(-0.39 + counter, h + 0.12), (-0.35 + counter, low + 0.01)],
        ),
        "trim",
        puff=0.006,
        soft=0.014,
    )
    if d.chance("toe cap", 0.6):
        back = toe - d.between("cap", 0.10, 0.16)
        scene.overlay(
            outline(
                [(back, 0.50), (back - 0.02, 0.58), (back - 0.01, low + 0.02)],
                (toe + 0.05, low + 0.02),
                [(toe + 0.05, 0.50), (back, 0.50)],
            ),
            "self",
            puff=0.006,
            soft=0.016,
        )
        scene.topstitch([(back + 0.014, 0.52), (back - 0.006, 0.58), (back + 0.004, low - 0.01)], width=0.0035)
    if d.chance("side panel", 0.7):
        lean = d.between("lean", -0.06, 0.08)
        scene.overlay(
            ribbon([(-0.06 + lean, h + 0.11), (-0.10, 0.58), (-0.13 - 0.3 * lean, low + 0.02)], 0.050, 0.080),
            "trim",
            puff=0.004,
            soft=0.012,
        )
    scene.overlay(
        ribbon([(-0.378, h + 0.012), (-0.31, h + 0.048), (-0.20, h + 0.044), (-0.115, h + 0.012)], 0.036),
        "self",
        puff=0.012,
        soft=0.014,
        clip=False,
    )
    plate(scene, -0.345, 0.5 * (h + low) + 0.02, 0.030, 0.022)


def _laces(scene: Scene, instep: Curve) -> None:
    """The eyelet row below the instep and laces over its edge."""
    line = along(instep)
    stay = line[(line[:, 0] > -0.09) & (line[:, 0] < 0.17)]
    band = [(float(x) - 0.012, float(y) + 0.036) for x, y in stay[::4]]
    scene.overlay(ribbon(band, 0.066), "self", puff=0.005, soft=0.012)
    num_rows = 5
    for i in range(num_rows):
        x, y = stay[round((i + 0.4) / num_rows * (len(stay) - 1))].tolist()
        ring(scene, x - 0.024, y + 0.046, 0.0135, 0.0135, 0.0120)
        scene.overlay(
            ribbon([(x - 0.020, y + 0.040), (x + 0.004, y + 0.012), (x + 0.026, y - 0.010)], 0.019),
            "lace",
            puff=0.010,
            soft=0.008,
            clip=False,
        )


def boot(scene: Scene) -> None:
    """Ankle boot to tall boot with a buckled strap at the ankle; flat, block or stacked heel."""
    d = scene.design
    scene.stage(1.0 * child_zoom(scene), (0.02, 0.5 if scene.appearance.size == "large" else 0.57))
    top, heel = BOOT_TOP[scene.appearance.size], d.one_of("heel", (0.035, 0.065, 0.105))
    floor, half = 0.90, d.between("shaft", 0.105, 0.130)
    low = floor - heel
    front_low, toe = floor - 0.030, 0.345 + d.between("toe", -0.015, 0.025)
    scene.stand(-0.22, toe + 0.01, floor)
    slant = d.between("slant", -0.03, 0.03)
    scene.inside(
        outline(
            [(-0.05 - half, top + slant), (-0.05, top - 0.030), (-0.05 + half, top)],
            [(-0.05, top + 0.05), (-0.05 - half, top + slant)],
        )
    )
    vamp: Curve = [
        (-0.05 + half, top),
        (0.055, max(0.62, top + 0.12)),
        (0.10, 0.690),
        (0.21, 0.745),
        (toe - 0.02, 0.790),
        (toe, front_low),
    ]
    back: Curve = [(-0.205, low), (-0.195, 0.75), (-0.160, max(0.64, top + 0.14)), (-0.05 - half, top + slant)]
    rim: Curve = [(-0.05 - half, top + slant), (-0.05, top + 0.035), (-0.05 + half, top)]
    upper = outline(back, rim, vamp, [(toe, front_low), (0.12, front_low + 0.006), (0.02, low), (-0.205, low)])
    scene.panel(upper, puff=0.034, soft=0.036, volume=0.022, folds=_boot_folds(scene, top), shadow=0.4, quilted=True)
    scene.seam([(0.12, front_low), (0.075, 0.78), (0.085, 0.70), (0.10, 0.688)], dark=0.4)
    scene.overlay(
        ribbon([(-0.05 - half, top + slant + 0.016), (-0.05, top + 0.050), (-0.05 + half, top + 0.016)], 0.030),
        "self",
        puff=0.008,
        soft=0.012,
    )
    if d.chance("gore", 0.45):
        scene.overlay(
            outline([(-0.075, top + 0.06), (0.0, top + 0.06)], [(-0.02, 0.72), (-0.05, 0.735), (-0.075, top + 0.06)]),
            "rib",
            puff=-0.004,
            soft=0.012,
            shadow=0.0,
        )
    strap(scene, [(-0.19, 0.725), (-0.06, 0.715), (0.03, 0.690), (0.125, 0.680)], 0.046, "trim", clip=True)
    buckle(scene, 0.015, 0.694, 0.040, 0.038, 0.016)
    if scene.appearance.size in ("medium", "large"):
        strap(
            scene,
            [(-0.05 - half, top + 0.10), (-0.05, top + 0.12), (-0.05 + half, top + 0.10)],
            0.040,
            "trim",
            clip=True,
        )
        buckle(scene, -0.01, top + 0.118, 0.036, 0.034, 0.015)
    _boot_sole(scene, floor, low, front_low, toe, heel)


def _boot_folds(scene: Scene, top: float) -> list[Crease]:
    rng = scene.shot.generator("folds")
    ankle = [
        Crease(
            (0.085 - 0.01 * i, 0.63 + 0.035 * i),
            (-0.14, 0.66 + 0.03 * i + rng.normal(0, 0.01)),
            rng.uniform(-0.007, 0.007),
            0.013,
            rng.normal(0, 0.1),
        )
        for i in range(3)
    ]
    return [
        *ankle,
        Crease((0.17, 0.725), (0.13, 0.85), -0.006, 0.012, 0.1),
        Crease((0.21, 0.745), (0.18, 0.86), -0.005, 0.012, 0.1),
        Crease((-0.02, top), (-0.04, 0.62), 0.006, 0.03),
    ]


def _boot_sole(scene: Scene, floor: float, low: float, front: float, toe: float, heel: float) -> None:
    welt: Curve = [(-0.212, low - 0.004), (0.02, low - 0.004), (0.12, front - 0.004), (toe + 0.008, front - 0.008)]
    under: Curve = [
        (toe + 0.010, floor - 0.008),
        (toe - 0.05, floor),
        (0.12, floor - 0.002),
        (0.03, low + 0.024),
        (-0.212, low + 0.020),
    ]
    scene.panel(
        outline(welt, under[0], under, welt[0]), "dark", puff=0.006, soft=0.010, lift=0.006, shadow=0.5, reach=0.010
    )
    if heel > 0.05:
        scene.panel(
            outline([(-0.212, low + 0.018), (-0.045, low + 0.020)], (-0.065, floor), (-0.200, floor)),
            "heel",
            puff=0.012,
            soft=0.016,
            shadow=0.3,
        )
    else:
        scene.panel(box(-0.212, low + 0.012, -0.02, floor, 0.008), "dark", puff=0.008, soft=0.010, shadow=0.3)
