"""Statistics over seeds: against numbers worked out by hand, and scipy."""

import json
import math

import fake_sweep
import numpy as np
import pytest
import scipy.stats

from gan_jax.config import get_config
from gan_jax.host.errors import CannotWriteError, ConfigError
from gan_jax.sweeps import best, statistics, typeset


def sweep(folder, results, leaves=("objective", "seed"), **facts):
    """A sweep's folder: results {(objective, seed): (status, metrics) or None while it runs}."""
    rows = []
    for objective, seed in results:
        config = get_config()
        config.objective, config.seed = objective, seed
        rows.append(fake_sweep.make_row(len(rows), config, leaves))
    fake_sweep.write_rows(folder, rows, varied=list(leaves), **facts)
    for row, found in zip(rows, results.values(), strict=True):
        run = folder / "rows" / row["id"]
        run.mkdir(parents=True)
        if found:
            summary = {"status": found[0], "step": 9, "metrics": found[1], "labels": []}
            (run / "summary.json").write_text(json.dumps(summary | {"seconds": 1.0}))
    return rows


def done(**metrics):
    return "done", {name.replace("__", "/"): value for name, value in metrics.items()}


def test_by_hand(tmp_path):
    sweep(
        tmp_path,
        {
            ("hinge", 0): done(eval__ks=0.1),
            ("hinge", 1): done(eval__ks=0.2),
            ("hinge", 2): done(eval__ks=0.6),
            ("hinge", 3): ("diverged", {"eval/ks": 0.9}),
            ("wgan", 0): done(eval__ks=0.5),
            ("wgan", 1): ("failed", {}),
            ("wgan", 2): None,
        },
    )
    table = statistics.aggregate(tmp_path)
    hinge, wgan = table["settings"]
    assert (table["by"], table["metrics"]) == (["objective"], ["eval/ks"])
    assert hinge["values"] == {"objective": "hinge"}
    counts = [hinge[k] for k in ("seeds", "done", "diverged", "failed", "failure_rate")]
    assert counts == [4, 3, 1, 0, 0.25]
    found = hinge["metrics"]["eval/ks"]
    assert found["each"] == [0.1, 0.2, 0.6, None]  # the diverged row's number is not a result
    assert (found["n"], found["median"]) == (3, 0.2)
    assert found["mean"] == pytest.approx(0.3)
    # variance ((0.2)^2 + (0.1)^2 + (0.3)^2) / 2 = 0.07
    assert found["standard_error"] == pytest.approx(math.sqrt(0.07 / 3))
    counts = [wgan[k] for k in ("seeds", "done", "diverged", "failed", "failure_rate")]
    assert counts == [3, 1, 0, 1, 0.5]  # of the two that have ended
    one = wgan["metrics"]["eval/ks"]
    assert (one["n"], one["mean"], one["median"], one["each"]) == (1, 0.5, 0.5, [0.5, None, None])
    assert one["standard_error"] is one["low"] is one["high"] is None
    assert statistics.describe([0.1] * 3)["standard_error"] == 0  # np.std gives 1.7e-17


def test_a_leaf_that_only_other_rows_set_has_its_value_of_the_config(tmp_path):
    rows = []
    for values in ({"objective": "hinge"}, {"objective": "hinge", "gen.lr": 0.25}):
        config = get_config()
        config.objective, config.gen.lr = "hinge", values.get("gen.lr", 0.5)
        rows.append(fake_sweep.make_row(len(rows), config, tuple(values)))
    fake_sweep.write_rows(tmp_path, rows, varied=["gen.lr"])
    settings = statistics.aggregate(tmp_path)["settings"]
    assert [setting["values"] for setting in settings] == [{"gen.lr": 0.5}, {"gen.lr": 0.25}]


def test_the_interval_is_that_of_scipy():
    x = np.random.default_rng(3).exponential(size=12)
    low, high = statistics.bootstrap(x)
    theirs = scipy.stats.bootstrap((x,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)
    assert low < x.mean() < high


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    found = [statistics.bootstrap(rng.normal(size=40)) for _ in range(300)]
    assert 0.90 < np.mean([low < 0 < high for low, high in found]) < 0.985


def test_differences_are_over_the_same_seeds(tmp_path):
    sweep(
        tmp_path,
        {
            ("hinge", 2): done(eval__modes=5, test__modes=5),  # not in the order of seeds
            ("hinge", 0): done(eval__modes=2, test__modes=1),
            ("hinge", 1): done(eval__modes=4, test__modes=4),
            ("wgan", 0): done(eval__modes=7, test__modes=6),
            ("wgan", 2): done(eval__modes=8, test__modes=8),
            ("wgan", 5): done(eval__modes=8, test__modes=1),
        },
    )
    table = statistics.aggregate(tmp_path)
    assert table["settings"][0]["metrics"]["eval/modes"]["each"] == [2, 4, 5]
    assert table["best"]["setting"] == 1
    first, second = table["paired"]
    assert (first["setting"], first["against"], first["metric"]) == (0, 1, "eval/modes")
    assert (first["n"], first["mean_difference"], first["median"]) == (2, -4.0, -4.0)  # -5, -3
    assert first["standard_error"] == pytest.approx(1.0)
    assert (first["low"], first["high"]) == (-5.0, -3.0)
    assert (second["metric"], second["n"], second["mean_difference"]) == ("test/modes", 2, -4.0)


@pytest.mark.parametrize(("metric", "leads"), [("modes", 1), ("ks", 0), ("frechet_lenet", 0)])
def test_the_best_is_chosen_on_eval_and_reported_on_test(tmp_path, metric, leads):
    sweep(
        tmp_path,
        {
            ("hinge", 0): ("done", {f"eval/{metric}": 1.0, f"test/{metric}": 30.0}),
            ("wgan", 0): ("done", {f"eval/{metric}": 2.0, f"test/{metric}": 20.0}),
        },
    )
    found = statistics.aggregate(tmp_path)["best"]
    assert found["setting"] == leads
    assert (found["metric"], found["chosen_on"]) == (metric, f"eval/{metric}")
    assert found["direction"] == ("up" if metric == "modes" else "down")
    assert found["reported"][f"test/{metric}"]["mean"] == (20.0 if leads else 30.0)
    assert set(found["reported"]) == {f"test/{metric}"}


def test_ties_go_to_the_next_metric_then_to_the_first(tmp_path):
    both = {"modes": 8, "reverse_kl": 0.5}
    results = {
        ("hinge", 0): done(**{f"eval__{k}": v for k, v in both.items()}),
        ("wgan", 0): done(eval__modes=8, eval__reverse_kl=0.1),
        ("lsgan", 0): done(eval__modes=8, eval__reverse_kl=0.1),
        ("pearson", 0): done(eval__modes=7, eval__reverse_kl=0.0),
    }
    sweep(tmp_path, results)
    found = statistics.aggregate(tmp_path)["best"]
    assert found["setting"] == 1
    assert set(found["reported"]) == {"eval/modes"}  # there is no test/


def verdicts(folder, *of_seeds):
    """The lead of hinge, wgan, lsgan ... with these values of eval/modes, a tuple a setting."""
    names = ("hinge", "wgan", "lsgan", "ragan", "rpgan")
    results = {
        (name, seed): done(eval__modes=value)
        for name, values in zip(names, of_seeds, strict=False)
        for seed, value in enumerate(values)
    }
    sweep(folder, results)
    table = statistics.write(folder)
    return table["best"], typeset.best_in_words(table)[0]


def test_the_best_is_better_by_seed(tmp_path):
    """Seeds differ by more than settings do, and each of them says the same."""
    lead, words = verdicts(tmp_path, (1.0, 5.0, 9.0, 13.0), (2.0, 6.1, 10.0, 13.9))
    assert (lead["setting"], lead["tied"], lead["pairs"]) == (1, [], 1)
    [found] = lead["intervals"]
    theirs = scipy.stats.ttest_rel((2.0, 6.1, 10.0, 13.9), (1.0, 5.0, 9.0, 13.0))
    wanted = theirs.confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((wanted.low, wanted.high))
    assert words.startswith("best on eval/modes (larger is better): objective=wgan; eval/modes")


def test_a_tie_is_called_one_and_names_the_runners_up(tmp_path):
    lead, words = verdicts(tmp_path, (1, 5, 3, 4), (4, 2, 5, 3), (4, 3, 4, 1))
    assert (lead["setting"], lead["tied"]) == (1, [0, 2])
    assert words.startswith("a tie on eval/modes (larger is better): nothing separates the 3; ")
    assert "objective=wgan has" in words
    assert words.endswith("then objective=hinge; objective=lsgan")
    lead, words = verdicts(tmp_path / "b", (8, 8.1, 8), (8.1, 8, 8), (1, 1, 1.1))
    assert (lead["tied"], lead["pairs"]) == ([1], 3)
    assert "is not told from objective=wgan; 1 other is worse" in words


def test_equal_settings_and_single_seeds_are_ties(tmp_path):
    assert verdicts(tmp_path / "a", (8, 8, 8), (8, 8, 8))[0]["tied"] == [1]
    assert verdicts(tmp_path / "b", (8,), (1,))[0]["tied"] == [1]
    assert "alone has ended with eval/modes" in verdicts(tmp_path / "c", (8, 7))[1]


def test_the_level_holds_for_all_settings_together(tmp_path):
    """A difference that is told between two settings is not among five."""
    two = verdicts(tmp_path / "a", (1.0, 2.0, 3.0), (2.0, 3.1, 3.8))[0]
    same = [(1.0, 2.0, 3.0)] * 4
    five = verdicts(tmp_path / "b", (2.0, 3.1, 3.8), *same)[0]
    assert two["tied"] == []
    assert (five["pairs"], five["tied"]) == (10, [1, 2, 3, 4])


def test_chance_is_rarely_the_best():
    """Of 300 sweeps over five equal settings at most one in twenty has a best one."""
    rng, names = np.random.default_rng(0), []
    for _ in range(300):
        settings = [
            {
                "metrics": {"eval/modes": {**statistics.describe(list(x)), "each": list(x)}},
                **{"seed_of_each": list(range(4)), "done": 4, "failure_rate": 0.0},
            }
            for x in rng.normal(size=(5, 4))
        ]
        lead = best.choose(settings, ["eval/modes"], "eval/modes")
        names.append(len(lead["tied"]) < 4)
    assert np.mean(names) <= 0.05


@pytest.mark.parametrize(
    ("data", "metric"),
    [("ring", "eval/modes"), ("gaussian1d", "eval/ks"), ("mixture1d", "eval/ks")],
)
def test_what_decides_is_fixed_by_the_data_and_not_by_what_comes_out(data, metric):
    names = ["eval/ks", "eval/modes", "eval/high_quality"]
    assert best.deciding(names, {"data": {"name": data}}) == metric
    for odd in ({}, {"data": 3}, {"data": {"name": "<b>"}}, {"data": {"name": "mnist5k"}}):
        assert best.deciding(["eval/classes", "eval/frechet_x"], odd) == "eval/frechet_x"


def test_a_metric_that_is_finite_nowhere_still_decides(tmp_path):
    odd = {"eval/ks": None, "eval/parzen": 1.0, "nonfinite": {"eval/ks": "nan"}}
    sweep(tmp_path, {("hinge", 0): ("done", odd), ("wgan", 0): ("done", odd)})
    table = statistics.write(tmp_path)
    assert (table["deciding"], table["best"]) == ("eval/ks", None)
    assert table["leads"]["eval/parzen"]["tied"] == [1]


def test_a_survivor_is_not_the_best(tmp_path):
    sweep(
        tmp_path,
        {
            ("hinge", 0): done(eval__modes=8),
            ("hinge", 1): ("diverged", {"eval/modes": 8}),
            ("hinge", 2): ("failed", {}),
            ("wgan", 0): done(eval__modes=5),
            ("wgan", 1): ("diverged", {}),
        },
    )
    assert statistics.aggregate(tmp_path)["best"]["setting"] == 1


def test_a_metric_that_is_infinite_for_one_row_does_not_win(tmp_path):
    odd = {"eval/ks": None, "nonfinite": {"eval/ks": "inf"}}
    sweep(
        tmp_path,
        {
            ("hinge", 0): done(eval__ks=0.1),
            ("hinge", 1): ("done", odd),
            ("wgan", 0): done(eval__ks=0.5),
            ("wgan", 1): done(eval__ks=0.5),
        },
    )
    table = statistics.write(tmp_path)
    assert table["best"]["setting"] == 1
    assert "| 0.1 (n = 1) |" in (tmp_path / "table.md").read_text()


def test_what_is_not_finite_is_named_and_left_out(tmp_path):
    odd = {"eval/ks": None, "nonfinite": {"eval/ks": "nan"}}
    rows = sweep(
        tmp_path,
        {("hinge", 0): ("done", odd), ("hinge", 1): done(eval__ks=0.5, text="x", flag=True)},
    )
    table = statistics.write(tmp_path)
    found = table["settings"][0]["metrics"]["eval/ks"]
    assert (found["each"], found["n"], found["mean"]) == ([None, 0.5], 1, 0.5)
    assert found["nonfinite"] == {rows[0]["id"]: "nan"}
    assert table["metrics"] == ["eval/ks"]
    text = (tmp_path / "table.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == table


def test_numbers_too_large_to_add_give_no_infinity():
    found = statistics.describe([1.5e308, 1.5e308])
    assert found["mean"] is None
    json.dumps(found, allow_nan=False)


def test_two_aggregations_give_the_same_bytes(tmp_path):
    fake_sweep.write(tmp_path, ("hinge", "wgan"), (0.0, 1.0), 5, 1000, pictures=False)
    first = statistics.write(tmp_path) and (tmp_path / "table.json").read_bytes()
    for file in tmp_path.glob("rows/*/summary.json"):  # only the clock differs
        file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": 99.0}))
    sweep = json.loads((tmp_path / "rows.json").read_text())
    sweep["rows"] = [dict(reversed(row.items())) for row in reversed(sweep["rows"])]
    (tmp_path / "rows.json").write_text(json.dumps(sweep))
    statistics._resamples.cache_clear()
    table = statistics.write(tmp_path)
    assert (tmp_path / "table.json").read_bytes() == first
    assert first.decode() == json.dumps(table, indent=2, sort_keys=True) + "\n"


def test_seeds_alone_are_one_setting_and_nothing_yet_is_a_table(tmp_path):
    sweep(tmp_path, {("hinge", 0): None, ("hinge", 1): None}, leaves=("seed",))
    table = statistics.write(tmp_path)
    [setting] = table["settings"]
    assert (table["by"], setting["values"], setting["seeds"]) == ([], {}, 2)
    assert setting["failure_rate"] is table["best"] is None
    assert table["paired"] == table["metrics"] == []
    assert "| 0/2 | - |" in (tmp_path / "table.md").read_text()


def test_without_a_known_metric_differences_are_to_the_first(tmp_path):
    sweep(tmp_path, {("hinge", 0): done(eval__mean=4.0), ("wgan", 0): done(eval__mean=3.0)})
    table = statistics.aggregate(tmp_path)
    assert table["best"] is None
    [pair] = table["paired"]
    assert (pair["setting"], pair["against"], pair["mean_difference"]) == (1, 0, -1.0)
    assert (pair["n"], pair["standard_error"]) == (1, None)


def test_what_is_said_of_real_data_decides_nothing():
    assert best.known("eval/confidence_real") is None
    assert best.known("eval/frechet_lenet_real") is None
    assert best.known("confidence") is None
    assert best.known("eval/confidence").sign == 1
    assert best.known("eval/label_accuracy").sign == 1
    assert best.known("eval/label_accuracy_3") is None  # one class decides nothing


def test_text(tmp_path):
    sweep(
        tmp_path,
        {
            ("a|b_c&d\n# e", 0): done(eval__modes=7, test__modes=6),
            ("a|b_c&d\n# e", 1): done(eval__modes=8, test__modes=7),
            ("[wgan]", 0): done(eval__modes=1, test__modes=1),
        },
    )
    table = statistics.write(tmp_path)
    markdown = (tmp_path / "table.md").read_text().splitlines()
    assert markdown[0].startswith(
        "| objective | done | failed | eval/modes | median | 95 % interval"
    )
    assert markdown[2].startswith(
        r"| a\|b_c&amp;d # e | 2/2 | 0 % | 7.50 ± 0.50 | 7.5 | 7 to 8 | 6.50 ± 0.50 |"
    )
    assert markdown[3].startswith(r"| \[wgan\] | 1/1 | 0 % | 1 | 1 | - |")
    assert "a tie on eval/modes (larger is better): nothing separates the two" in markdown[-1]
    latex = (tmp_path / "table.tex").read_text()
    assert r"a\textbar{}b\_c\&d \# e & 2/2 & 0 \% & 7.50 $\pm$ 0.50 & 7.5 & 7 to 8" in latex
    assert "\n{[}wgan{]} & 1/1" in latex
    assert r"\begin{tabular}{lrrrrrrrr}" in latex
    assert "eval/ks" not in statistics.to_markdown(table, ["test/modes"])
    assert "| test/modes |" in statistics.to_markdown(table, ["test/modes"])


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (7.9375, 0.0625, "7.938 ± 0.062"),
        (123456.0, 2345.0, "123456 ± 2345"),
        (-0.5, 0.0, "-0.5 ± 0"),
        (1.0, 1e-7, "1 ± 1e-07"),
        (2.0, None, "2"),
        (None, None, "-"),
    ],
)
def test_a_number_with_its_error(mean, error, text):
    assert typeset.plus_minus({"mean": mean, "standard_error": error}) == text


def test_values_as_a_person_writes_them():
    values = [0.1, 10.0, 1e-5, True, None, "r1", [128, 128], 3]
    assert typeset.show({"collapse": 6, "x": [1, 2.0]}) == "collapse: 6, x: (1, 2)"
    assert typeset.show({}) == "-"
    assert [typeset.show(v) for v in values] == [
        *("0.1", "10", "1e-05", "true", "none", "r1", "(128, 128)", "3")
    ]
    told = [typeset.duration(seconds) for seconds in (119, 121, 7100, 7300)]
    assert told == ["119 s", "2 minutes", "118 minutes", "2.0 hours"]
    assert [typeset.percent(s) for s in (None, 0, 0.001, 0.125)] == ["-", "0 %", "<1 %", "12 %"]


BAD = {
    None: "rows.json is not there: give a --workdir that a sweep has written",
    "{": "cannot be read",
    "[]": "it is a list, not an object",
    "{}": "is not a sweep's",
    '{"rows": 3, "varied": [], "name": "x", "command": "y"}': "is not a sweep's",
}


@pytest.mark.parametrize("text", BAD)
def test_a_folder_without_a_sweep_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "rows.json").write_text(text)
    with pytest.raises(ConfigError, match=BAD[text]):
        statistics.aggregate(tmp_path)


@pytest.mark.parametrize("name", ["../x", "/x", "", "a/b", "..", "a\0", 3])
def test_an_id_cannot_lead_out_of_the_sweep(tmp_path, name):
    row = {"id": name, "index": 0, "values": {}, "config": {}}
    fake_sweep.write_rows(tmp_path, [row])
    with pytest.raises(ConfigError, match="is not the name of a folder"):
        statistics.aggregate(tmp_path)


def test_a_torn_or_foreign_summary_is_a_row_that_has_not_ended(tmp_path):
    rows = sweep(tmp_path, {("hinge", s): done(eval__ks=0.5) for s in range(4)})
    for row, text in zip(rows, ['{"status": "do', "[]", '{"status": "well"}'], strict=False):
        (tmp_path / "rows" / row["id"] / "summary.json").write_text(text)
    [setting] = statistics.aggregate(tmp_path)["settings"]
    assert (setting["done"], setting["seeds"], setting["failure_rate"]) == (1, 4, 0.0)


def test_a_folder_that_cannot_be_written(tmp_path):
    sweep(tmp_path, {("hinge", 0): done(eval__ks=0.5)})
    (tmp_path / "table.json").mkdir()
    with pytest.raises(CannotWriteError, match="cannot write"):
        statistics.write(tmp_path)
