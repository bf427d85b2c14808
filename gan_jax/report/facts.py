"""The parts of a page about its origin: the head, the config beside its defaults, its versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from gan_jax.config import flatten, get_config, to_json
from gan_jax.data import credit_of
from gan_jax.report.markup import Html, cell, join, section, table, tag
from gan_jax.report.parts import pill
from gan_jax.sweeps.typeset import show

ABSENT = "absent"


def head(
    kind: str,
    title: str,
    says: Sequence[Any],
    command: str | None = None,
    more: Sequence[Html | None] = (),
) -> Html:
    """What the page is about, in a few words, and the command that reproduces it."""
    line = tag("p", between(says, Html(" &middot; ")), class_="says")
    code = tag("pre", tag("code", command), class_="command") if command else None
    return tag("header", tag("p", kind, class_="kind"), tag("h1", title), line, code, *more)


def between(parts: Sequence[Any], mark: Html) -> Html:
    """The parts with the mark between each two."""
    return join([each for part in parts for each in (mark, part)][1:])


def credit(configs: Sequence[Mapping[str, Any]]) -> Html | None:
    """A credit to whoever has to be named beside pictures of the configs' data."""
    words = " ".join(dict.fromkeys(filter(None, map(credit_of, configs))))
    return tag("p", words, class_="quiet") if words else None


def navigation(parts: Mapping[str, str]) -> Html:
    """Links to the sections of the page."""
    return tag("nav", *(tag("a", t, href=f"#{i}") for i, t in parts.items()), aria_label="Sections")


def config_section(configs: Sequence[Mapping[str, Any]], varied: Sequence[str]) -> Html:
    """What the config changes in the defaults, and the varied leaves with all their values."""
    flat = [leaves(config) for config in configs]
    default = leaves(to_json(get_config()))
    seen = {leaf: list(dict.fromkeys(each.get(leaf, ABSENT) for each in flat)) for leaf in varied}
    rows: list[tuple[str, str, Html | None]] = [
        (leaf, ", ".join(v[:40]) + (f", and {len(v) - 40} more" if v[40:] else ""), pill("varied"))
        for leaf, v in seen.items()
    ]
    rows += [
        (leaf, flat[0].get(leaf, ABSENT), None)
        for leaf in sorted((default.keys() | flat[0].keys()) - seen.keys())
        if flat[0].get(leaf, ABSENT) != default.get(leaf, ABSENT)
    ]
    cells = [
        (cell(tag("code", leaf)), cell(default.get(leaf, ABSENT)), cell(here), cell(mark))
        for leaf, here, mark in rows
    ]
    changed = (
        table(("leaf", "default", "here", ""), cells, "Config beside its defaults", class_="config")
        if cells
        else tag("p", "Every leaf has its default.", class_="empty")
    )
    lines = "\n".join(f"{leaf} = {value}" for leaf, value in flat[0].items() if leaf not in varied)
    whole = tag("details", tag("summary", "All leaves"), tag("pre", lines, class_="lines"))
    return section("config", "Config", changed, whole)


def leaves(config: Mapping[str, Any]) -> dict[str, str]:
    """Every leaf by its dotted path, as text; an empty section has none."""
    return {str(leaf): show(value) for leaf, value in flatten(config).items()}


def made_with(versions: Any, hardware: Any, *more: Any) -> Html:
    """Versions and hardware."""
    rows = [("hardware", hardware or "not recorded")]
    rows += sorted(versions.items()) if isinstance(versions, Mapping) else []
    facts = [join((tag("dt", name), tag("dd", value))) for name, value in rows]
    return section("made-with", "Made with", tag("dl", *facts), *more)
