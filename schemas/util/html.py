"""HTML pages in one file, with no reference outside themselves, safe for untrusted text.

Templates are Jinja files (`*.j2`) in the folder of the package that owns the page. All values are escaped, embedded
JSON cannot close its element, and a content security policy admits only the page's own style and script.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ToileError
from schemas.util.files import storage_errors, write_atomic

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


@functools.cache
def environment(folder: Path) -> "jinja2.Environment":
    """Return the Jinja environment of a folder of templates: autoescape on, undefined names are errors.

    Templates of this module's folder (`base.css.j2`, the style that all pages share) are found too.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(
    folder: Path,
    template: str,
    *,
    styles: tuple[str, ...] = (),
    scripts: tuple[str, ...] = (),
    style_attributes: bool = False,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **context: Any,
) -> str:
    """Return the page of a template.

    Args:
        folder: where the templates are.
        template: file name of the page's template. It receives `style`, `script` and `policy` (the value of its
            Content-Security-Policy) in addition to `context`.
        styles: templates that make up the page's one style element, in order.
        scripts: templates that make up the page's one script element, in order.
        style_attributes: admit `style` attributes in the page, for sizes that are data.
        filters: further Jinja filters by name.
    """
    from markupsafe import Markup

    templates = environment(folder)
    templates.filters.update(filters or {})
    style = "".join(templates.get_template(name).render() for name in styles)
    script = "".join(templates.get_template(name).render() for name in scripts)
    assert "</" not in style + script, "would end its element"
    return templates.get_template(template).render(
        style=Markup(style),  # ours, and it holds no markup
        script=Markup(script),
        policy=Markup(security_policy(style, script, style_attributes=style_attributes)),  # quotes and base64
        **context,
    )


def security_policy(style: str, script: str, *, style_attributes: bool = False) -> str:
    """Return a Content-Security-Policy that admits exactly this style and this script, and `data:` images.

    An empty script admits none.
    """
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{_base64_sha256(style)}'",
        **({"style-src-attr": "'unsafe-inline'"} if style_attributes else {}),
        "script-src": f"'sha256-{_base64_sha256(script)}'" if script else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def embed_json(document: Any) -> "Markup":
    """Return JSON that is safe inside a script element: no character of it can end or open one.

    Raises a `ValueError` for NaN and infinity.
    """
    from markupsafe import Markup

    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # escaped above


def refuse_existing(page: Path, *, force: bool) -> None:
    """Raise a `ToileError` where `page` exists and may not be replaced, or is a folder."""
    if page.is_dir():
        raise ToileError(str(page), "is a folder", "name the page, such as page.html")
    if page.exists() and not force:
        raise ToileError(str(page), "exists already", "choose another name, or --force")


def write_page(page: Path, html: str) -> None:
    """Write a page atomically in UTF-8 and make its folder; lone surrogates, which UTF-8 cannot hold, become `?`."""
    with storage_errors(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, html.encode("utf-8", "replace"))


def _base64_sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
