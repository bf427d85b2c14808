"""Writes the pages' figures from the files that commands wrote: python -m gan_jax.report.readme.

On the front page and in the README beside those files, the text between <!-- results:NAME --> and
<!-- end --> is made from experiments/results/NAME.json. Those files are made from runs/demo and
from runs/NAME, the workdir of a table, if these folders exist.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_jax import reproduce
from gan_jax.bench import speed_up
from gan_jax.host.files import read_json
from gan_jax.plan import table as plan_table
from gan_jax.reproduce import lacks_rows_of, to_markdown
from gan_jax.sweeps.typeset import duration, of_fewer, pipes, plus_minus

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "experiments" / "results"
PAGES = (ROOT / "README.md", ROOT / "docs" / "speed.md", RESULTS / "README.md")
BLOCK = re.compile(r"(<!-- results:(\w+)( brief)? -->\n).*?(<!-- end -->)", re.DOTALL)


def demo_table(result: dict[str, Any]) -> str:
    """What a classifier finds in the demo's samples and in real digits."""
    m = result["metrics"]
    right = [f"{m[f'eval/label_accuracy_{i}']:.0%}" for i in range(10)]
    return "\n".join(
        [
            *pipes(["digit asked for", *map(str, range(10))], [["is drawn", *right]]),
            "",
            f"In all {m['eval/label_accuracy']:.1%} of 1,000 samples. Mean confidence of the "
            f"classifier: **{m['eval/confidence']:.3f}** on samples, "
            f"**{m['eval/confidence_real']:.3f}** on real digits that it was not trained on (it "
            f"gets {m['eval/accuracy_real']:.1%} of them right). {result['step']} steps in "
            f"{result['seconds']:.0f} s, evaluations and pictures included, seed "
            f"{result['seed']}: `{result['command']}` on {result['hardware']}, jax "
            f"{result['versions']['jax']}.",
        ]
    )


def bench_table(result: dict[str, Any]) -> str:
    """Our speed beside that of the other library."""
    unit = result["cases"][0]["unit"]
    head = ["case", f"gan_jax, {unit}", f"the other, {unit}", "speed-up"]
    rows = [
        [
            case["name"].replace("_", " "),
            f"{case['ours']:.1f}",
            f"{case['theirs']:.1f}",
            speed_up(case),
            f"{case['matmul_fraction']:.0%}",
        ]
        for case in result["cases"]
    ]
    tools = ", ".join(f"{name} {result['versions'][name]}" for name in ("jax", "torch"))
    command = f"gan-jax bench {result['name']} --against pytorch"
    lines = pipes([*head, "share of matrix products"], rows)
    return "\n".join([*lines, "", f"`{command}` on {result['hardware']}; {tools}."])


def costs_table(result: dict[str, Any]) -> str:
    """What a penalty or dynamics adds to a plain step, beside the gradients it needs at least."""
    plain = next(case for case in result["cases"] if case["name"] == "plain")
    head = ["step", "time, in plain steps", "gradients, at least", "in those of a plain step"]
    rows = [
        [
            case["name"].replace("_", " "),
            f"{plain['ours'] / case['ours']:.2f}",
            str(case["gradients"]),
            f"{case['gradients'] / plain['gradients']:.1f}",
        ]
        for case in result["cases"]
    ]
    words = f"a plain step takes {1e3 / plain['ours']:.2f} ms"
    said = f"`gan-jax bench costs` on {result['hardware']}; {words}."
    return "\n".join([*pipes(head, rows), "", said])


def watch_table(result: dict[str, Any]) -> str:
    """The share of a run that diagnostics take, in a sentence."""
    shares = [f"{case['diagnostics_share']:.2%} ({case['name']})" for case in result["cases"]]
    words = f"Diagnostics take {', '.join(shares)} of a run's time"
    return f"{words}: `gan-jax bench watch` on {result['hardware']}."


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
SWEEPS = {"ring_all": ON_THE_RING, "objectives": ON_THE_RING, "conditions": WITH_LABELS}


def sweep_table(result: dict[str, Any]) -> str:
    """A row for each setting: mean and standard error over its seeds."""
    shown = SWEEPS[result["name"]]
    head = ["setting", *shown.values()]
    rows = [
        [
            row["name"],
            *(_mean(row[name], row["seeds"]) if name in row else "-" for name in shown),
            f"{row['lost']} of {row['seeds']}",
        ]
        for row in result["rows"]
    ]
    said = f"`{result['command']}`: {duration(result['seconds'])} on {result['hardware']}."
    return "\n".join([*pipes([*head, "diverged or crashed"], rows), "", said])


def _mean(metric: dict[str, Any], seeds: int) -> str:
    return plus_minus(metric) + of_fewer(metric, seeds)


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "demo": demo_table,
    "bench_mlp": bench_table,
    "bench_conv": bench_table,
    "bench_sweep": bench_table,
    **dict.fromkeys(reproduce.names(), to_markdown),
    "bench_costs": costs_table,
    "bench_watch": watch_table,
    **dict.fromkeys(SWEEPS, sweep_table),
    "plan_mnist": plan_table.to_markdown,
    "plan_ring": plan_table.to_markdown,
}


def render(text: str, results: Path = RESULTS) -> str:
    """A page with every block written anew."""

    def block(match: re.Match) -> str:
        file = results / f"{match[2]}.json"
        if not file.exists():
            table = match[2] in reproduce.names()
            command = f": `gan-jax reproduce {match[2]} --workdir DIR`" * table
            return f"{match[1]}Not measured yet{command}.\n{match[4]}"
        result = read_json(file)
        text = to_markdown(result, brief=True) if match[3] else TABLES[match[2]](result)
        return f"{match[1]}{text.rstrip()}\n{match[4]}"

    return BLOCK.sub(block, text)


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
    rows = [
        {"name": _in_words(each["values"]), "seeds": each["seeds"]}
        | {"lost": each["diverged"] + each["failed"]}
        | {n: _few(m[f"test/{n}"]) for m in [each["metrics"]] for n in shown if f"test/{n}" in m}
        for each in table["settings"]
    ]
    said = read_json(run / "rows.json")
    found = {"name": run.name, "command": table["command"], "seconds": _seconds(run, said)}
    found |= {"versions": said["versions"], "hardware": said["hardware"], "rows": rows}
    (results / f"{run.name}.json").write_text(json.dumps(found, indent=2) + "\n")


def _seconds(run: Path, said: dict[str, Any]) -> float:
    """The seconds of its cohorts in turn, each as long as its longest row, over all processes."""

    def seconds(row: str) -> float:
        return float(read_json(run / "rows" / row / "summary.json")["seconds"])

    return sum(max(map(seconds, cohort["rows"])) for cohort in said["cohorts"])


def _in_words(values: dict[str, Any]) -> str:
    """A setting's name; a leaf that only other settings give has no value here."""
    given = {leaf: v for leaf, v in values.items() if leaf != "objective" and v is not None}
    others = [f"{leaf} {value}" for leaf, value in given.items()]
    return ", ".join([values.get("objective", ""), *others]).removeprefix(", ")


def _few(metric: dict[str, Any]) -> dict[str, Any]:
    return {name: metric[name] for name in ("mean", "standard_error", "each")}


def main() -> None:
    """Collects the demo and the tables that were made in runs/, and writes the pages."""
    run = ROOT / "runs" / "demo"
    if (run / "summary.json").exists():
        collect_demo(run)
    collect_tables(ROOT / "runs")
    for name in SWEEPS:
        if (ROOT / "runs" / name / "table.json").exists():
            collect_sweep(ROOT / "runs" / name)
    for page in PAGES:
        page.write_text(render(page.read_text()))


if __name__ == "__main__":
    main()
