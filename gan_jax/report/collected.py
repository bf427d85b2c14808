"""Copies what commands left in runs/ into experiments/results, from which the pages are written."""

import json
import shutil
from pathlib import Path
from typing import Any

from gan_jax import reproduce
from gan_jax.data.support.opening import read_picture
from gan_jax.evaluate.pictures import grid
from gan_jax.host.files import read_json
from gan_jax.reproduce import lacks_rows_of

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "experiments" / "results"
ON_THE_RING = {
    "modes": "modes found, of 8",
    "high_quality": "high-quality samples, share",
    "reverse_kl": "reverse KL, nats",
}
WITH_LABELS = {
    "label_accuracy": "class asked for, share",
    "classes": "classes found, of 10",
    "confidence": "confidence of the classifier",
}
# By their workdirs in runs/: the metrics shown for each, and their names there.
OF_SATURATION = {
    "d_fake": "D on fakes",
    "watch/gen_grad": "norm of gen's gradient",
    "classes": WITH_LABELS["classes"],
}
OF_EMOJI = {
    "label_accuracy": "category asked for, share",
    "label_accuracy_real": "of held-out drawings, each category counting the same",
    "accuracy_real": "of all held-out drawings",
    "frechet_efficientnet_lite0": "Frechet distance",
    "frechet_efficientnet_lite0_real": "the same of training drawings",
    "watch/logit_real": "logit of training drawings",
    "watch/logit_held": "of held-out ones",
    "watch/logit_fake": "of samples",
}
RINGS = ("ring_all", "objectives", "ring_penalties")
SWEEPS = {
    **dict.fromkeys(RINGS, ON_THE_RING),
    "conditions": WITH_LABELS,
    "saturation": OF_SATURATION,
    "sndcgan_emoji": OF_EMOJI,
}
PICTURED = ("sndcgan_emoji",)  # sweeps that are shown with the samples of each setting's first seed


def collect(runs: Path, results: Path = RESULTS) -> None:
    """Writes the files of the demo, of tables and of sweeps that were made in runs/."""
    if (runs / "demo" / "summary.json").exists():
        collect_demo(runs / "demo", results)
    collect_tables(runs, results)
    for name in SWEEPS:
        if (runs / name / "table.json").exists():
            collect_sweep(runs / name, results)


def collect_demo(run: Path, results: Path = RESULTS) -> None:
    """Writes demo.json, demo.png and demo.gif from a finished run of `make demo`."""
    summary = read_json(run / "summary.json")
    config = read_json(run / "config.json")
    facts = {"name": "demo", "command": "make demo", "seed": config["seed"]}
    found = read_json(run / "made_with.json") | facts | summary
    (results / "demo.json").write_text(json.dumps(found, indent=2) + "\n")
    shutil.copy(sorted(run.glob("samples/step_*.png"))[-1], results / "demo.png")
    shutil.copy(run / "samples" / "progress.gif", results / "demo.gif")


def collect_tables(runs: Path, results: Path = RESULTS) -> None:
    """Writes NAME.json, and NAME.png if it has a picture, from runs/NAME. Leaves out --quick runs
    and those with fewer rows, steps or seeds than the file has."""
    for name in reproduce.names():
        file, there = runs / name / "table.json", results / f"{name}.json"
        if not file.exists():
            continue
        table = read_json(file)
        if (
            table.get("name") != name  # a sweep's, or another table's
            or "--quick" in table["command"]
            or lacks_rows_of(table["rows"], there)
            or (there.exists() and _is_less(table, read_json(there)))
        ):
            continue
        shutil.copy(file, there)
        picture = file.with_name("picture.png")
        if picture.exists() and not table.get("stopped"):  # it is drawn at the end
            shutil.copy(picture, there.with_suffix(".png"))


def _is_less(table: dict[str, Any], there: dict[str, Any]) -> bool:
    """Whether a method has fewer steps or seeds than it has there."""
    known, found = there.get("methods", {}), table.get("methods", {})
    both = [(found[name], known[name]) for name in known if name in found]
    return any(a["steps"] < b["steps"] or len(a["seed"]) < len(b["seed"]) for a, b in both)


def collect_sweep(run: Path, results: Path = RESULTS) -> None:
    """Writes a sweep's NAME.json: the part of its table.json that the README shows."""
    table, shown = read_json(run / "table.json"), SWEEPS[run.name]
    usual = _usual([each["values"] for each in table["settings"]])
    rows = [
        {"name": _in_words(each["values"], usual), "seeds": each["seeds"]}
        | {"lost": each["diverged"] + each["failed"]}
        | {n: _few(found) for n in shown if (found := _metric(each["metrics"], n))}
        for each in table["settings"]
    ]
    recorded = read_json(run / "rows.json")
    found = {"name": run.name, "command": table["command"], "seconds": _seconds(run, recorded)}
    found |= {"versions": recorded["versions"], "hardware": recorded["hardware"], "rows": rows}
    (results / f"{run.name}.json").write_text(json.dumps(found, indent=2) + "\n")
    if run.name in PICTURED:
        seen = [
            grid.under(row["name"], read_picture(_last_samples(run / "rows" / each["rows"][0])))
            for row, each in zip(rows, table["settings"], strict=True)
        ]
        (results / f"{run.name}.png").write_bytes(grid.png_bytes(grid.stacked(seen)))


def _last_samples(row: Path) -> Path:
    return sorted(row.glob("samples/step_*.png"))[-1]


def _seconds(run: Path, recorded: dict[str, Any]) -> float:
    """The seconds of its cohorts in turn, each as long as its longest row, over all processes."""

    def seconds(row: str) -> float:
        return float(read_json(run / "rows" / row / "summary.json")["seconds"])

    return sum(max(map(seconds, cohort["rows"])) for cohort in recorded["cohorts"])


def _usual(settings: list[dict[str, Any]]) -> dict[str, Any]:
    """The leaves that have one value in most settings, with that value."""
    return {
        leaf: value
        for each in settings
        for leaf, value in each.items()
        if sum(other.get(leaf) == value for other in settings) > len(settings) / 2
    }


def _in_words(values: dict[str, Any], usual: dict[str, Any]) -> str:
    """A setting's name: its objective, and the leaves that only it or few others give."""
    given = {leaf: v for leaf, v in values.items() if leaf != "objective" and v is not None}
    others = [f"{leaf} {v}" for leaf, v in given.items() if usual.get(leaf) != v]
    return ", ".join([values.get("objective", ""), *others]).removeprefix(", ")


def _metric(metrics: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A metric on samples that chose nothing, or else a number of the last line."""
    return metrics.get(f"test/{name}", metrics.get(name))


def _few(metric: dict[str, Any]) -> dict[str, Any]:
    return {name: metric[name] for name in ("mean", "standard_error", "each")}
