"""Runs and prints the benchmarks: one file for each, together with its PyTorch reference.

A benchmark has CASES, a list of names, and makers: make_ours(case) and, for each entry of THEIRS,
make(case). A maker returns a function of n that runs n steps and returns when they are done. A
benchmark may have a UNIT for its steps, a number of PAIRS of runs, and a remark(case) in words. One
that measures no steps has estimate(case) -> figures and in_words(figures) instead. With ON_REQUEST
it runs only when it is named.
"""

import importlib.util
import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gan_jax.bench.worker import Worker
from gan_jax.config import choose
from gan_jax.config.choices import Choices
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import write_named
from gan_jax.host.versions import hardware, versions

_FILES = Choices(__name__, "benchmark", {"worker", "products", "stand_in", "tables", "torch_gans"})
names = _FILES.names
PAIRS = 7


def run(wanted: Iterable[str], against: str | None, json_file: Path | None) -> None:
    """Runs the named benchmarks, or the usual ones, prints their lines, writes JSON if asked."""
    usual = [name for name in names() if not hasattr(_FILES.module(name), "ON_REQUEST")]
    chosen = [choose("benchmark", name, names()) for name in wanted] or usual
    if against and importlib.util.find_spec("torch") is None:
        raise ConfigError("--against pytorch needs torch: pip install 'gan-jax[bench]'")
    if json_file:
        write_named("--json", json_file, None)
    reports: list[dict[str, Any]] = []
    for name in chosen:
        reports.append({"name": name, "versions": versions(), "hardware": hardware(), "cases": []})
        for case, words in _cases(name, against):
            print(words, flush=True)
            reports[-1]["cases"].append(case)
            if json_file:  # after each case: a later failure then loses no measurement
                text = json.dumps(reports if len(chosen) > 1 else reports[0], indent=2) + "\n"
                write_named("--json", json_file, text.encode())


def _cases(name: str, against: str | None) -> Iterator[tuple[dict[str, Any], str]]:
    """The measurements of each case, and the same in words."""
    module = _FILES.module(name)
    for case in module.CASES:
        if hasattr(module, "estimate"):
            found = {"name": case, **module.estimate(case)}
            yield found, f"{name} {case}: {module.in_words(found)}"
            continue
        for other in (module.THEIRS if against else None) or [None]:
            found = measure(module, case, other)
            yield found, in_words(module, found)


def measure(module: Any, case: str, other: str | None) -> dict[str, Any]:
    """Measures one case, each side in its own process, in turn: medians, and the median of ratios.

    "pairs" has the speeds of both sides in each turn, which show how far they spread.
    """
    n, count = module.STEPS[case], getattr(module, "PAIRS", PAIRS)
    pairs: list[list[float]] = []
    with Worker(module.__name__, "make_ours", case) as ours:
        if other is None:
            speeds = [n / ours.run(n) for _ in range(count)]
        else:
            with Worker(module.__name__, module.THEIRS[other], case) as theirs:
                pairs = [[n / ours.run(n), n / theirs.run(n)] for _ in range(count)]
            speeds = [pair[0] for pair in pairs]
        facts = ours.ask()
    return {
        "name": f"{case}_against_{other}" if other else case,
        "ours": statistics.median(speeds),
        "theirs": statistics.median(pair[1] for pair in pairs) if pairs else None,
        "unit": getattr(module, "UNIT", "steps/s"),
        "ratio": statistics.median(o / t for o, t in pairs) if pairs else None,
        **({"pairs": pairs} if pairs else {}),
        **facts,
    }


def in_words(module: Any, case: dict[str, Any]) -> str:
    """The figures of a case, in one line; a benchmark's remark(case) adds to it."""
    words = (
        f"{module.__name__.rpartition('.')[2]} {case['name']}: {case['ours']:.1f} {case['unit']}"
    )
    if case["ratio"]:
        words += f", theirs {case['theirs']:.1f}, ratio {speed_up(case)}"
    if hasattr(module, "remark"):
        words += f"; {module.remark(case)}"
    if "flops" in case:
        words += f"; {case['flops'] / 1e9:.3g} GFLOP a step: {_shares(case)}"
    return words


def _shares(case: dict[str, Any]) -> str:
    """What share of a step its products take alone, and their rates."""
    kinds = {"matmul": "matrix products", "conv": "convolutions"}
    return ", ".join(
        f"{words} {share:.0%} at {case[f'{name}_flops'] * case['ours'] / share / 1e9:.0f} GFLOP/s"
        for name, words in kinds.items()
        if (share := case[f"{name}_fraction"])
    )


def speed_up(case: dict[str, Any]) -> str:
    """The median ratio, with its range over the pairs of runs if the file has them."""
    ratios = [ours / theirs for ours, theirs in case.get("pairs", ())]
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
    return f"{case['ratio']:.2f}{spread}"
