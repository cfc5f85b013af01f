"""What the pages of this room share: one HTML file each, without a single reference outside itself.

Titles, categories and names are untrusted text: templates escape everything, embedded JSON cannot close its element,
and a content security policy lets no style and no script apply but ours.
"""

import base64
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from schemas.errors import ToileError
from schemas.util.files import storage_errors, write_atomic


def rendered(template: str, *, styles: tuple[str, ...], scripts: tuple[str, ...] = (), **context: Any) -> str:
    """The page of a template; `styles` and `scripts` name the templates that make up its one style and one script.

    The template receives them as `style` and `script`, and `policy` for its Content-Security-Policy.
    """
    environment = _environment()
    style = "".join(environment.get_template(name).render() for name in styles)
    script = "".join(environment.get_template(name).render() for name in scripts)
    assert "</" not in style + script, "would end its element"
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'{_digest(style)}'",
        "script-src": f"'{_digest(script)}'" if script else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in directives.items())
    return environment.get_template(template).render(
        style=Markup(style),  # ours, and it holds no markup
        script=Markup(script),
        policy=Markup(policy),  # quotes and base64
        **context,
    )


def embedded(document: Any) -> Markup:
    """JSON that is safe inside a script element: no character of it can end or open one. Refuses NaN and infinity."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # escaped by hand above


def refuse_existing(page: Path, *, force: bool) -> None:
    """A ToileError where the page is there already and may not be replaced, or can never be a file."""
    if page.is_dir():
        raise ToileError(str(page), "is a folder", "name the page, such as page.html")
    if page.exists() and not force:
        raise ToileError(str(page), "exists already", "choose another name, or --force")


def write_page(page: Path, html: str) -> None:
    """Write atomically in UTF-8, folders included; what UTF-8 cannot hold (lone surrogates) becomes a question mark."""
    with storage_errors(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, html.encode("utf-8", "replace"))


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _digest(text: str) -> str:
    """As a content security policy names the one text that may apply."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
