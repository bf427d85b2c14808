"""The files that benchmarks write, as tables in Markdown."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from gan_jax.bench import speed_up
from gan_jax.sweeps.typeset import pipes


def speeds(result: dict[str, Any]) -> str:
    """Our speed beside that of the other library, and what products alone take of our step."""
    unit = result["cases"][0]["unit"]
    head = ["case", f"gan_jax, {unit}", f"the other, {unit}", "speed-up", "GFLOP a step"]
    rows = [
        [
            case["name"].replace("_", " "),
            f"{case['ours']:.1f}",
            f"{case['theirs']:.1f}",
            speed_up(case),
            f"{case['flops'] / 1e9:.3g}",
            *(_alone(case, kind) for kind in ("matmul", "conv")),
        ]
        for case in result["cases"]
    ]
    tools = ", ".join(f"{name} {result['versions'][name]}" for name in ("jax", "torch"))
    command = f"gan-jax bench {result['name']} --against pytorch"
    lines = pipes([*head, "matrix products alone", "convolutions alone"], rows)
    return "\n".join([*lines, "", f"`{command}` on {result['hardware']}; {tools}."])


def _alone(case: dict[str, Any], kind: str) -> str:
    """The share of a step that one kind of product takes, and its rate."""
    share = case.get(f"{kind}_fraction")
    if not share:
        return "-"
    flops = case.get(f"{kind}_flops", case["flops"])  # older files have products of one kind
    return f"{share:.0%} at {flops * case['ours'] / share / 1e9:.0f} GFLOP/s"


def costs(result: dict[str, Any]) -> str:
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


def watch(result: dict[str, Any]) -> str:
    """The share of a run that diagnostics take, in a sentence."""
    shares = [f"{case['diagnostics_share']:.2%} ({case['name']})" for case in result["cases"]]
    words = f"Diagnostics take {', '.join(shares)} of a run's time"
    return f"{words}: `gan-jax bench watch` on {result['hardware']}."


def pods(result: dict[str, Any]) -> str:
    """A run on more and more chips: a chip's time, that of the sums, and what each chip adds."""
    head = ["run", "scaling", "chips", "batch", "step", "of it sums over chips", "images/s"]
    head += ["efficiency", "without the sums", "compiled in"]
    rows = [row for kind in _by_kind(result["cases"]) for row in _scaling(kind)]
    tools = " and ".join(f"{name} {result['versions'][name]}" for name in ("jax", "libtpu"))
    said = f"`gan-jax bench pods`, compiled on {result['hardware']} with {tools}."
    return "\n".join([*pipes(head, rows), "", said])


def _by_kind(cases: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for _, found in groupby(cases, lambda case: case["name"].rsplit(" ", 1)[0]):
        yield list(found)


def _scaling(cases: list[dict[str, Any]]) -> Iterator[list[str]]:
    """The rows of one run and one kind of scaling, beside the least number of chips."""

    def rate(case: dict[str, Any], sums: bool) -> float:
        seconds = case["step_seconds"] - (0 if sums else case["collective_seconds"])
        return case["batch_size"] / seconds / case["chips"]

    least = next((case for case in cases if "error" not in case), None)
    for case in cases:
        run, scaling, _ = case["name"].split()
        first = [run, scaling, str(case["chips"]), f"{case['batch_size']:,}"]
        if "error" in case:
            yield [*first, "does not fit", *"-----"]
            continue
        assert least
        yield [
            *first,
            f"{1e3 * case['step_seconds']:.3g} ms",
            f"{case['collective_seconds'] / case['step_seconds']:.0%}",
            f"{case['batch_size'] / case['step_seconds']:,.0f}",
            *(f"{rate(case, sums) / rate(least, sums):.0%}" for sums in (True, False)),
            f"{case['compile_seconds']:.0f} s",
        ]


def inputs(result: dict[str, Any]) -> str:
    """Images a second from disk, and what a run loses to that."""
    cases = result["cases"]
    rates = [[f"{c['name']}x{c['name']}", f"{c['ours']:,.0f}"] for c in cases[:-1]]
    run = cases[-1]
    words = f"A run on 200,000 images of 64x64 from disk takes {run['lost_to_input']:+.1%} of its "
    words += "time more than from the device's memory (median of 15 pairs, which vary by 5 %), and "
    words += f"its process holds {run['anonymous_mb']:.0f} MB that are not backed by a file: "
    words += f"`gan-jax bench input` on {result['hardware']}."
    return "\n".join([*pipes(["images in colour", "images/s"], rates), "", words])


def compiles(result: dict[str, Any]) -> str:
    """The seconds that each experiment's step takes to trace and to compile."""
    rows = [
        [case["name"], f"{case['trace_seconds']:.1f}", f"{case['compile_seconds']:.1f}"]
        for case in result["cases"]
    ]
    said = f"`gan-jax bench compile` on {result['hardware']}; jax {result['versions']['jax']}."
    return "\n".join([*pipes(["experiment", "traced in, s", "compiled in, s"], rows), "", said])
