"""A plan in words: a line a cohort, then what follows from it."""

from collections.abc import Iterator
from typing import Any

HEAD = (
    *("cohort", "rows", "rows a chip", "arguments", "outputs", "temporaries", "of its HBM"),
    *("FLOPs", "bytes", "FLOPs a byte", "at peak", "a step", "in all", "compiled in"),
)
ESTIMATE = "the compiler's estimate"
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_MANY = ("", "k", "M", "G", "T", "P")
_TIMES = ((7200, 3600, "h"), (120, 60, "min"), (1, 1, "s"), (1e-3, 1e-3, "ms"), (0, 1e-6, "us"))


def to_lines(plan: dict[str, Any]) -> Iterator[str]:
    """What the command prints."""
    rows = [HEAD, *(_cells(each, plan["hbm_bytes"]) for each in plan["cohorts"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        yield "  ".join(f"{w:>{width}}" for w, width in zip(row, widths, strict=True))
    yield from notes(plan)


def to_markdown(plan: dict[str, Any]) -> str:
    """The same for the README."""
    rows = [HEAD, ["---"] * len(HEAD), *(_cells(c, plan["hbm_bytes"]) for c in plan["cohorts"])]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    tools = " and ".join(f"{name} {plan['versions'][name]}" for name in ("jax", "libtpu"))
    made = f"`{plan['command']}`, compiled on {plan['hardware']} with {tools}"
    return "\n".join([*lines, "", f"{made}: {'; '.join(notes(plan))}."])


def _cells(cohort: dict[str, Any], hbm: int) -> list[str]:
    first = [cohort["id"], str(cohort["rows"]), f"{-(-cohort['rows'] // cohort['chips'])}"]
    if "error" in cohort:
        return [*first, *"---", "does not fit", *"-------"]
    total = f"{_scaled(cohort['total_bytes'], _BYTES, 1024)} of {_scaled(hbm, _BYTES, 1024)}"
    parts = ("argument_bytes", "output_bytes", "temporary_bytes")
    return [
        *first,
        *(_scaled(cohort[part], _BYTES, 1024) for part in parts),
        total if cohort["fits"] else f"{total}: does not fit",
        _scaled(cohort["flops"], _MANY, 1000),
        _scaled(cohort["bytes_accessed"], _BYTES, 1024),
        f"{cohort['flops'] / cohort['bytes_accessed']:.3g}",
        _time(cohort["optimal_seconds"]),
        _time(cohort["step_seconds"]),
        _time(cohort["run_seconds"]),
        _time(cohort["compile_seconds"]),
    ]


def notes(plan: dict[str, Any]) -> Iterator[str]:
    """What the table means, and where it says less than it seems to."""
    hosts = f"{plan['hosts']} host{'s' if plan['hosts'] > 1 else ''}"
    yield f"a chip's figures, of {plan['chips']} in {plan['topology']} on {hosts}, a step's"
    yield _in_all(plan["cohorts"])
    for each in plan["cohorts"]:
        name = each["id"] if each["id"] == "run" else f"cohort {each['id']}"
        if "error" in each:
            yield f"{name} does not fit: {each['error']}"
        if each["id"] == "run" and each["chips"] < plan["chips"]:
            yield "the run trains on one of them, unless with --config.devices=N"
        elif each["id"] == "run" and plan["hosts"] > 1:
            yield "gan-jax train takes the chips of one host"
        if each["rows"] > 1 and each["chips"] < plan["chips"]:
            share = -(-each["rows"] // each["chips"])
            yield f"{name}: {each['rows']} rows, {share} a chip, fill {each['chips']} chips"
        if each.get("loops"):
            times = " and ".join(f"{n} times" for n in each["loops"])
            yield f"{name}: loops inside a step, {times}, count once in FLOPs, bytes and at peak"
    if plan["hosts"] > 1 and plan["cohorts"][0]["id"] != "run":
        yield "gan-jax sweep trains on one host's chips: hosts take a share of the rows (--share)"


def _in_all(cohorts: list[dict[str, Any]]) -> str:
    times = [each["run_seconds"] for each in cohorts if each.get("run_seconds") is not None]
    if len(times) < len(cohorts):
        return f"{ESTIMATE}: none for {len(cohorts) - len(times)} of {len(cohorts)}"
    whole = f"{_time(sum(times))} for {len(cohorts)} cohorts in turn"
    if len(cohorts) == 1:
        (only,) = cohorts
        whole = f"{_time(only['step_seconds'])} a step, {_time(times[0])} for {only['steps']} steps"
    return f"{ESTIMATE}: {whole}, without start-up, evaluations and pictures"


def _scaled(value: float, units: tuple[str, ...], base: int) -> str:
    """1.5 GiB, of the unit that leaves a number below the base."""
    power = 0
    while value >= base and power < len(units) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g} {units[power]}".rstrip() if value < 100 else f"{value:.0f} {units[power]}"


def _time(seconds: float | None) -> str:
    if seconds is None or seconds < 0:  # cost_analysis() counts a call that it does not know as -1
        return "-"
    _, size, unit = next(each for each in _TIMES if seconds >= each[0])
    return f"{seconds / size:.3g} {unit}"
