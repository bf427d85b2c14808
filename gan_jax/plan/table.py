"""A plan in words: a line for each cohort, then what follows from them."""

from collections.abc import Iterator
from typing import Any

HEAD = (
    *("cohort", "rows", "rows a chip", "arguments", "outputs", "temporaries", "of its HBM"),
    *("FLOPs", "bytes", "FLOPs a byte", "summed over chips", "of it a step's", "at peak"),
    *("a step", "images/s", "in all", "compiled in"),
)
ESTIMATE = "the compiler's estimate"
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_MANY = ("", "k", "M", "G", "T", "P")
_TIMES = ((7200, 3600, "h"), (120, 60, "min"), (1, 1, "s"), (1e-3, 1e-3, "ms"), (0, 1e-6, "us"))


def to_lines(plan: dict[str, Any]) -> Iterator[str]:
    """The lines that the command prints."""
    rows = [HEAD, *(_cells(each, plan["hbm_bytes"]) for each in plan["cohorts"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        yield "  ".join(f"{w:>{width}}" for w, width in zip(row, widths, strict=True))
    yield from notes(plan)


def to_markdown(plan: dict[str, Any]) -> str:
    """The same as Markdown, for the README."""
    rows = [HEAD, ["---"] * len(HEAD), *(_cells(c, plan["hbm_bytes"]) for c in plan["cohorts"])]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    tools = " and ".join(f"{name} {plan['versions'][name]}" for name in ("jax", "libtpu"))
    made = f"`{plan['command']}`, compiled on {plan['hardware']} with {tools}"
    return "\n".join([*lines, "", f"{made}: {'; '.join(notes(plan))}."])


def _cells(cohort: dict[str, Any], hbm: int) -> list[str]:
    first = [cohort["id"], str(cohort["rows"]), f"{-(-cohort['rows'] // cohort['chips'])}"]
    if "error" in cohort:
        return [*first, *"---", "does not fit", *"-" * (len(HEAD) - 7)]
    total = f"{_scaled(cohort['total_bytes'], _BYTES, 1024)} of {_scaled(hbm, _BYTES, 1024)}"
    parts = ("argument_bytes", "output_bytes", "temporary_bytes")
    return [
        *first,
        *(_scaled(cohort[part], _BYTES, 1024) for part in parts),
        total if cohort["fits"] else f"{total}: does not fit",
        _scaled(cohort["flops"], _MANY, 1000),
        _scaled(cohort["bytes_accessed"], _BYTES, 1024),
        f"{cohort['flops'] / cohort['bytes_accessed']:.3g}",
        _scaled(cohort.get("collective_bytes", 0), _BYTES, 1024),
        _time(cohort.get("collective_seconds")),
        _time(cohort["optimal_seconds"]),
        _time(cohort["step_seconds"]),
        _rate(cohort),
        _time(cohort["run_seconds"]),
        _time(cohort["compile_seconds"]),
    ]


def _rate(cohort: dict[str, Any]) -> str:
    """A run's examples per second, as text."""
    if not cohort.get("step_seconds") or "batch_size" not in cohort:
        return "-"
    return f"{cohort['batch_size'] / cohort['step_seconds']:,.0f}"


def notes(plan: dict[str, Any]) -> Iterator[str]:
    """What the table means, and what it leaves out."""
    hosts = f"{plan['hosts']} host{'s' if plan['hosts'] > 1 else ''}"
    yield f"a chip's figures, of {plan['chips']} in {plan['topology']} on {hosts}, a step's"
    yield _in_all(plan["cohorts"])
    for each in plan["cohorts"]:
        name = each["id"] if "batch_size" in each else f"cohort {each['id']}"
        if "error" in each:
            yield f"{name} does not fit: {each['error']}"
        if each["id"] == "run" and each["chips"] < plan["chips"]:
            yield "the run trains on one of them, unless with --config.devices=0"
        elif "batch_size" in each and each["chips"] > 1:
            yield f"{name}: {_bound(each)}"
        if plan.get("price") and each.get("run_seconds"):
            cost = plan["price"] * each["chips"] * each["run_seconds"] / 3600
            yield f"{name}: {cost:,.2f} at {plan['price']:g} for a chip's hour"
        if each["rows"] > 1 and each["chips"] < plan["chips"]:
            share = -(-each["rows"] // each["chips"])
            yield f"{name}: {each['rows']} rows, {share} a chip, fill {each['chips']} chips"
        if each.get("loops"):
            times = " and ".join(f"{n} times" for n in each["loops"])
            yield f"{name}: loops inside a step, {times}, count once in FLOPs, bytes and at peak"
    if plan["hosts"] > 1 and "batch_size" not in plan["cohorts"][0]:
        yield "gan-jax sweep trains on one host's chips: hosts take a share of the rows (--share)"


def _bound(run: dict[str, Any]) -> str:
    """What limits a step, by the compiler's schedule and published link speeds."""
    links, step = run["collective_seconds"], run["step_seconds"]
    if not step:
        return "the compiler gives no estimate of its step"
    share = f"the sums over chips take {links / step:.0%} of a step, if nothing goes on meanwhile"
    return f"{share}, which is {'most' if links > step / 2 else 'less than half'} of it"


def _in_all(cohorts: list[dict[str, Any]]) -> str:
    times = [each["run_seconds"] for each in cohorts if each.get("run_seconds") is not None]
    if len(times) < len(cohorts):
        return f"{ESTIMATE}: none for {len(cohorts) - len(times)} of {len(cohorts)}"
    if "batch_size" in cohorts[0] and len(cohorts) > 1:
        return f"{ESTIMATE} of each topology, without start-up, evaluations and pictures"
    whole = f"{_time(sum(times))} for {len(cohorts)} cohorts in turn"
    if len(cohorts) == 1:
        (only,) = cohorts
        whole = f"{_time(only['step_seconds'])} a step, {_time(times[0])} for {only['steps']} steps"
    return f"{ESTIMATE}: {whole}, without start-up, evaluations and pictures"


def _scaled(value: float, units: tuple[str, ...], base: int) -> str:
    """The value in the unit that leaves a number below the base: 1.5 GiB."""
    power = 0
    while value >= base and power < len(units) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g} {units[power]}".rstrip() if value < 100 else f"{value:.0f} {units[power]}"


def _time(seconds: float | None) -> str:
    if seconds is None or seconds < 0:  # cost_analysis() counts a call that it does not know as -1
        return "-"
    _, size, unit = next(each for each in _TIMES if seconds >= each[0])
    return f"{seconds / size:.3g} {unit}"
