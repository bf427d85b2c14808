"""Every row of a sweep with its samples, and the reasons of those that broke off."""

from collections.abc import Sequence
from pathlib import Path

from gan_jax.report import facts
from gan_jax.report.gather import NOT_STARTED, Row, Sweep
from gan_jax.report.markup import Html, cell, join, link, section, table, tag
from gan_jax.report.parts import (
    decimals,
    empty,
    filters,
    header,
    labels,
    log_link,
    number_cell,
    numeric,
    pill,
    quiet,
    relative,
    sortable,
    value_cell,
)
from gan_jax.sweeps.typeset import number, setting_in_words

UNSAID = {  # if a summary gives no reason
    "diverged": "losses or parameters left the finite numbers",
    "failed": "no reason was written",
}
MOST_SHOWN = 6  # metrics in the table of rows


def rows_section(sweep: Sweep, folder: Path) -> Html:
    leaves, metrics = sweep.facts["varied"], sweep.summarised[:MOST_SHOWN]
    names = ["samples", "row", "setting", *leaves, "status", "step", *metrics, "seconds", "files"]
    words = {"status"} | {x for x in leaves if not numeric(row.values[x] for row in sweep.rows)}
    heads = [header(name, name not in words) for name in names]
    heads[0], heads[-1] = (tag("th", name, scope="col") for name in ("samples", "files"))
    places = {
        name: decimals(row.summary.get("metrics", {}).get(name) for row in sweep.rows)
        for name in metrics
    }
    begun = [row for row in sweep.rows if row.status != NOT_STARTED]
    body = [_row(row, leaves, places, folder) for row in begun]
    gallery = tag("button", "Pictures only", type="button", class_="gallery", aria_pressed="false")
    statuses = ["", *dict.fromkeys(row.status for row in begun)]
    if not body:
        return section("rows", "Rows", empty("No row has started."))
    above = filters("rows", len(body), statuses, gallery)
    credit = facts.credit([row.config for row in sweep.rows])
    return section("rows", "Rows", credit, above, sortable(heads, body, "Rows"))


def _row(row: Row, leaves: Sequence[str], places: dict[str, int | None], folder: Path) -> Html:
    base = relative(row.folder, folder) + "/"
    found, odd = row.summary.get("metrics", {}), row.summary.get("metrics", {}).get("nonfinite", {})
    alt = f"samples of row {row.number}: {setting_in_words(row.values)}"
    picture = tag(
        "img",
        src=row.thumbnail,
        alt=alt,
        loading="lazy",
        decoding="async",
    )
    grid = link(relative(row.grid, folder), picture) if row.grid and row.thumbnail else None
    gif = row.folder / "samples" / "progress.gif"
    files = [
        link(base, "folder") if row.folder.exists() else None,
        link(relative(row.grid, folder), "grid") if row.grid else None,
        link(relative(gif, folder), "gif") if gif.exists() else None,
        log_link(base, row.summary.get("log")),
    ]
    cells = [
        cell(grid, kind="samples"),
        cell(row.number, kind="num"),
        cell(row.setting, kind="num"),
        *(value_cell(row.values[leaf]) for leaf in leaves),
        cell(join((pill(row.status), labels(row.summary))), row.status, "status"),
        number_cell(row.summary.get("step")),
        *(number_cell(found.get(n), odd.get(n), digits) for n, digits in places.items()),
        number_cell(row.summary.get("seconds")),
        cell(join(tag("span", each) for each in files if each), kind="files"),
    ]
    return tag("tr", *cells, id=f"row-{row.number}", data_status=row.status)


def failures_section(sweep: Sweep, folder: Path) -> Html:
    lost = [row for row in sweep.rows if row.status in ("diverged", "failed")]
    if not lost:
        return section("failures", "Failures", empty("No row diverged or failed."))
    rows = [
        (
            cell(tag("a", f"row {row.number}", href=f"#row-{row.number}")),
            cell(join((pill(row.status), labels(row.summary)))),
            cell(row.summary.get("reason") or UNSAID[row.status], kind="reason"),
            cell(setting_in_words(row.values)),
            cell(number(row.summary.get("step")), kind="num"),
            cell(log_link(relative(row.folder, folder) + "/", row.summary.get("log"))),
        )
        for row in lost
    ]
    head = ("row", "status", "reason", "values", "step", "log")
    says = "A diverged row is a result: it counts in the failure rate of its setting."
    return section("failures", "Failures", quiet(says), table(head, rows, "Failures", {"step"}))
