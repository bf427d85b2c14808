"""The page that compares runs: verdict, curves, samples, numbers, where their configs differ."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax.config.as_json import read_config
from gan_jax.config.values import flatten
from gan_jax.host.errors import ConfigError
from gan_jax.report import explore, facts
from gan_jax.report.explain import explain
from gan_jax.report.gather import Sweep, gather_rows
from gan_jax.report.markup import Html, cell, join, page, section, table, tag
from gan_jax.report.numbers import latest
from gan_jax.report.parts import labels, metric_name, number_cell, pill, quiet
from gan_jax.report.sweep import samples_section, verdict
from gan_jax.sweeps.statistics import aggregate_rows
from gan_jax.sweeps.typeset import number, show

MOST_LEAVES = 8  # shown beside the runs; the config section has all that differ
PARTS = {
    "runs": "Runs",
    "curves": "Curves",
    "samples": "Samples",
    "numbers": "Numbers",
    "config": "Config",
}


def compare_page(folders: Sequence[Path]) -> str:
    """The page as text. ConfigError if a folder holds no run, or is given twice."""
    for folder in folders:
        if not (folder / "config.json").exists():
            raise ConfigError(
                f"{str(folder)!r} holds no single run: several --workdir compare runs that train "
                "has written; a sweep or a table has a report of its own"
            )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("--workdir names one run twice: expected different ones to compare")
    runs = _gather(folders)
    names = [row.id for row in runs.rows]
    title = ", ".join(names)
    return page(
        f"{title} - gan_jax",
        facts.head("comparison", title, [f"{len(folders)} runs"], runs.facts["command"]),
        facts.navigation(PARTS),
        tag(
            "main",
            _runs(runs),
            verdict(runs, _settings(runs)),
            explore.curves_section(runs, "run"),
            samples_section(runs, names),
            _numbers(runs),
            facts.config_section([row.config for row in runs.rows], runs.facts["varied"]),
        ),
    )


def names_of(folders: Sequence[Path]) -> list[str]:
    """The folders' own names, with as many of their parents' as are needed to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def _gather(folders: Sequence[Path]) -> Sweep:
    """The runs as the rows of a sweep over the leaves in which their configs differ."""
    configs = [read_config(folder) for folder in folders]
    flat = [flatten(config) for config in configs]
    leaves = list(dict.fromkeys(leaf for each in flat for leaf in each))
    varied = [leaf for leaf in leaves if len({show(each.get(leaf)) for each in flat}) > 1]
    rows = [
        {"id": name, "index": i, "config": c, "values": {leaf: f.get(leaf) for leaf in varied}}
        for i, (name, c, f) in enumerate(zip(names_of(folders), configs, flat, strict=True))
    ]
    words = [word for folder in folders for word in ("--workdir", str(folder))]
    command = shlex.join(["gan-jax", "report", *words])
    said = {"name": "runs", "command": command, "varied": varied, "rows": rows}
    return gather_rows(said, aggregate_rows(said, folders), folders)


def _settings(runs: Sweep) -> list[str]:
    """The name of each setting: those of its runs, which differ in their seeds only."""
    return [" and ".join(setting["rows"]) for setting in runs.table["settings"]]


def _runs(runs: Sweep) -> Html:
    """How each run ended, and how it differs from the others."""
    varied = [leaf for leaf in runs.facts["varied"] if not leaf.endswith("_every_steps")]
    varied = varied[:MOST_LEAVES]
    heads = ["run", "status", "step", *varied]
    body = []
    for row in runs.rows:
        status = join((pill(row.status), labels(row.summary)))
        step = cell(number(row.summary.get("step")), kind="num")
        values = [cell(show(row.values[leaf])) for leaf in varied]
        body.append([cell(row.id, kind="strong"), cell(status), step, *values])
    says = None if runs.facts["varied"] else quiet("Their configs are the same.")
    return section("runs", "Runs", says, table(heads, body, "Runs", {"step"}, class_="narrow"))


def _numbers(runs: Sweep) -> Html:
    """The last value of each metric shown, with a column for each run."""
    found: list[dict[str, Any]] = [
        row.summary.get("metrics") or latest(row.folder / "metrics.jsonl") for row in runs.rows
    ]
    heads = ["", *(row.id for row in runs.rows), "what it says"]
    body = [
        [
            cell(metric_name(name)),
            *(
                number_cell(each.get(name), (each.get("nonfinite") or {}).get(name))
                for each in found
            ),
            cell(explain(name), kind="wrap says"),
        ]
        for name in runs.metrics
    ]
    return section("numbers", "Numbers", table(heads, body, "Numbers", {*heads[1:-1]}))
