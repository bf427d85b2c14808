"""Which setting of a sweep is the best, or that none can be told from the others.

The metric that decides is fixed by the kind of data before anything trains. A setting is the best
only if it is better than every other one by a paired interval: an interval of the differences over
the seeds that both have, at a level that holds for all pairs of settings at once.
"""

import fnmatch
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from gan_jax.data import distribution
from gan_jax.host.errors import ConfigError

LEVEL = 0.95
MOST_FAILURES = 0.5  # a setting that fails more often cannot be the best one


class Known(NamedTuple):
    """A metric whose better direction is known; `sign` is 1 where larger is better, else -1."""

    pattern: str
    sign: int
    unit: str = ""


# Of the metrics that a kind of data has, the first one here decides.
KNOWN = (
    Known("frechet*", -1),
    Known("kernel*", -1),
    Known("modes", 1, "number found"),
    Known("high_quality", 1, "share of samples"),
    Known("reverse_kl*", -1, "nats"),
    Known("coverage*", 1, "share of reals"),
    Known("density*", 1),
    Known("recall*", 1, "share of reals"),
    Known("precision*", 1, "share of samples"),
    Known("inception*", 1),
    Known("ks", -1, "largest gap of the two CDFs"),
    Known("label_accuracy", 1, "share of samples"),
    Known("classes", 1, "number found"),
    Known("confidence", 1, "mean probability"),
    Known("parzen*", 1, "nats"),
)
FIRST = {"line": ("ks",), "mixture": ("modes",), "examples": ()}  # by kind, before KNOWN's order


def known(metric: str) -> Known | None:
    """The row of KNOWN for a name such as eval/modes; None for metrics of real data."""
    part, _, name = metric.rpartition("/")
    if part not in ("eval", "test") or name.endswith("_real"):
        return None
    return next((k for k in KNOWN if fnmatch.fnmatchcase(name, k.pattern)), None)


def by_importance(metrics: Sequence[str], part: str = "eval") -> dict[str, Known]:
    """The known metrics of a part, in KNOWN's order."""
    found = {m: k for m in sorted(metrics) if m.startswith(f"{part}/") and (k := known(m))}
    return dict(sorted(found.items(), key=lambda item: KNOWN.index(item[1])))


def kind_of(config: Mapping[str, Any]) -> str:
    """line, mixture or examples: what a config's data are, before anything of them is read."""
    try:
        module = distribution(str(config["data"]["name"]))
    except (ConfigError, KeyError, TypeError):
        return "examples"
    if module is None:
        return "examples"
    return "line" if hasattr(module, "cdf") else "mixture"


def deciding(names: Sequence[str], config: Mapping[str, Any]) -> str | None:
    """The metric that decides, of all that evaluations wrote, finite or not; None if none does."""
    there = by_importance(names)
    preferred = [f"eval/{name}" for name in FIRST[kind_of(config)]]
    return next((name for name in (*preferred, *there) if name in there), None)


def choose(
    settings: Sequence[dict[str, Any]], metrics: Sequence[str], metric: str | None
) -> dict[str, Any] | None:
    """The setting that leads on that metric, and those it cannot be told apart from ("tied").

    Mere survivors do not lead: a setting of which more than MOST_FAILURES fail is left out, and one
    with a done row whose metric is not finite comes behind all others. "intervals" has the paired
    difference of the leader to each other setting, and its interval's ends. Means are compared on
    eval/; the leader's own value is reported on test/. None if no metric decides.
    """
    able = [
        i
        for i, setting in enumerate(settings)
        if metric and setting["metrics"][metric]["n"]
        if setting["failure_rate"] <= MOST_FAILURES
    ]
    if not able or metric is None:
        return None
    order = by_importance(metrics)
    order = {metric: order[metric], **order}

    def loss(i: int) -> list[float]:
        found = [(settings[i]["metrics"][name], k.sign) for name, k in order.items()]
        whole = settings[i]["done"]
        return [-sign * m["mean"] if m["n"] == whole else math.inf for m, sign in found]

    leader, sign = min(able, key=loss), order[metric].sign
    pairs = max(1, len(able) * (len(able) - 1) // 2)
    intervals = {
        i: interval(differences(settings[leader], settings[i], metric), pairs)
        for i in able
        if i != leader
    }
    found = settings[leader]["metrics"]
    return {
        "metric": metric.removeprefix("eval/"),
        "direction": "up" if sign > 0 else "down",
        "setting": leader,
        "tied": [i for i, each in intervals.items() if not _is_better(each, sign)],
        "intervals": [{"setting": i, **each} for i, each in intervals.items()],
        "pairs": pairs,
        "chosen_on": metric,
        "reported": {m: _summary(found[m]) for m in by_importance(metrics, "test") or [metric]},
    }


def _is_better(interval: Mapping[str, Any], sign: int) -> bool:
    """Whether the whole interval of the leader's difference lies on the better side of 0."""
    nearest = interval["low" if sign > 0 else "high"]
    return nearest is not None and sign * nearest > 0


def differences(one: Mapping[str, Any], other: Mapping[str, Any], metric: str) -> list[float]:
    """one minus other, for each seed of which both have a finite number."""
    theirs = dict(zip(other["seed_of_each"], other["metrics"][metric]["each"], strict=True))
    ours = zip(one["seed_of_each"], one["metrics"][metric]["each"], strict=True)
    return [a - b for seed, a in ours if a is not None and (b := theirs.get(seed)) is not None]


def interval(values: Sequence[float], pairs: int = 1) -> dict[str, Any]:
    """Student's interval of a mean, at LEVEL for `pairs` intervals at once (Bonferroni).

    A single value has only a mean: low and high are then null.
    """
    x_N = np.asarray(values, float)
    n = len(x_N)
    mean = float(x_N.mean()) if n else None
    if n < 2:
        return {"n": n, "mean": mean, "low": None, "high": None}
    reach = stats.t.ppf(1 - (1 - LEVEL) / (2 * pairs), n - 1) * x_N.std(ddof=1) / math.sqrt(n)
    return {"n": n, "mean": mean, "low": float(mean - reach), "high": float(mean + reach)}


def _summary(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {k: metric[k] for k in ("n", "mean", "standard_error", "median", "low", "high")}
