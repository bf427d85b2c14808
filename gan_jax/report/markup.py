"""HTML that its content cannot break: only tag() makes Html, and it escapes everything else.

The page is one file. Its content-security policy allows only what the file itself holds, by hash,
and no requests: even a text that escaped the escaping could not run or load anything.
"""

import base64
import hashlib
import html
import re
from collections.abc import Container, Iterable
from importlib import resources
from typing import Any
from urllib.parse import quote

_VOID = {"meta", "link", "input", "img", "br", "hr"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Html(str):
    """Text that already is HTML."""

    __slots__ = ()


def text(value: Any) -> Html:
    """A value as HTML: escaped unless it is Html; control characters are replaced."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(_CONTROL.sub("\ufffd", str(value))))


def join(parts: Iterable[Any]) -> Html:
    """The parts joined; None adds nothing."""
    return Html("".join(text(part) for part in parts if part is not None))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """<name ...>children</name>. class_ is class, aria_label aria-label; True needs no value."""
    given = {
        key.rstrip("_").replace("_", "-"): value
        for key, value in attributes.items()
        if value is not None and value is not False
    }
    pairs = (key if value is True else f'{key}="{text(value)}"' for key, value in given.items())
    words = [name, *pairs]
    end = "" if name in _VOID else f"{join(children)}</{name}>"
    return Html(f"<{' '.join(words)}>{end}")


def link(path: str, label: Any, **attributes: Any) -> Html:
    """A link to a file beside the page: a relative path whose first word cannot be a scheme."""
    return tag("a", label, href="./" + quote(path, errors="replace"), **attributes)


def section(name: str, title: str, *children: Any) -> Html:
    """A part of the page with its heading, which the navigation links to."""
    return tag("section", tag("h2", title), *children, id=name)


def table(
    head: Iterable[str],
    rows: Iterable[Iterable[Any]],
    label: str,
    numeric: Container[str] = (),
    **attributes: Any,
) -> Html:
    """A plain table of cells (see cell) in a box of its own that scrolls."""
    heads = (tag("th", n, scope="col", class_="right" if n in numeric else None) for n in head)
    top = tag("thead", tag("tr", *heads))
    body = tag("tbody", *(tag("tr", *row) for row in rows))
    return scrolling(tag("table", top, body, **attributes), label)


def scrolling(child: Html, label: str, kind: str = "scroll") -> Html:
    """A box for content wider than a phone's screen; the keyboard can enter and scroll it."""
    return tag("div", child, class_=kind, tabindex="0", role="region", aria_label=label)


def cell(value: Any, sort: Any = None, kind: str | None = None, **attributes: Any) -> Html:
    """A table's cell; `sort` is the key to sort its column by, if that is not the text."""
    return tag("td", value, data_v=sort, class_=kind, **attributes)


def page(title: str, *body: Any) -> str:
    """The whole page as text."""
    css, js = _read("page.css"), _read("page.js") + _read("chart.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(css)}; script-src {_hash(js)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(css)),
    )
    whole = tag("html", head, tag("body", *body, tag("script", Html(js))), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
