"""Writes the pages' figures from the files that commands wrote: python -m gan_jax.report.readme.

On the front page and in the README beside those files, the text between <!-- results:NAME --> and
<!-- end --> is made from experiments/results/NAME.json. Those files are made from runs/demo and
from runs/NAME, the workdir of a table, if these folders exist.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_jax import reproduce
from gan_jax.bench import tables
from gan_jax.host.files import read_json
from gan_jax.plan import table as plan_table
from gan_jax.report.collected import RESULTS, ROOT, SWEEPS, collect
from gan_jax.reproduce import to_markdown
from gan_jax.sweeps.typeset import duration, of_fewer, pipes, plus_minus

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
    **dict.fromkeys(("bench_mlp", "bench_conv", "bench_sweep"), tables.speeds),
    "bench_costs": tables.costs,
    "bench_watch": tables.watch,
    "bench_pods": tables.pods,
    "bench_input": tables.inputs,
    "bench_compile": tables.compiles,
    **dict.fromkeys(reproduce.names(), to_markdown),
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


def main() -> None:
    """Collects what was made in runs/, and writes the pages."""
    collect(ROOT / "runs")
    for page in PAGES:
        page.write_text(render(page.read_text()))


if __name__ == "__main__":
    main()
