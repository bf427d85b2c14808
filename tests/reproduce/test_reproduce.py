import contextlib
import json
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from PIL import Image

from gan_jax import bench, reproduce
from gan_jax.config import flatten
from gan_jax.data import grid, mixture1d
from gan_jax.host import stop
from gan_jax.host.errors import ConfigError, PreemptedError, WorkdirBusyError
from gan_jax.host.locks import hold
from gan_jax.report import collected, readme
from gan_jax.reproduce import adversarial_flow_1d, gaussian1d, modes, r3gan_lazy
from gan_jax.reproduce import goodfellow2014_recipe as recipe
from gan_jax.reproduce.methods import Methods
from gan_jax.reproduce.work import Size, make_row, mean_and_error, ours, shortened, verdict
from gan_jax.training import experiment

KEYS = {"name", "published", "published_error", "measured", "standard_error", "seeds", "differs"}


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ("gaussian1d", lambda: gaussian1d.settings("moments", 0, 5000)),
        ("adversarial_flow_1d", lambda: adversarial_flow_1d.settings("normal", 0.2, 0, 3000)),
    ],
)
def test_the_tables_settings_are_the_experiments(table, settings):
    path = next(p for p in tiny.EXPERIMENTS if p.stem == table.rpartition(".")[2])
    theirs, ours = flatten(tiny.experiment(path)), flatten(settings())
    how_often = {k for k in ours if k.endswith("_every_steps")} | {"eval_samples"}
    assert {k for k in ours if ours[k] != theirs[k]} <= how_often


def test_seeds_are_summarised_by_hand():
    found = {
        "mean": np.asarray([4.05, 3.8]),
        "std": np.asarray([1.2, 1.25]),
        "ks": np.asarray([0.1, 0.3]),
    }
    rows = {r["name"]: r["measured"] for r in gaussian1d.rows("v", found)}
    assert rows["v: median abs(mean - 4)"] == pytest.approx(0.125)
    assert rows["v: median KS distance"] == pytest.approx(0.2)
    assert rows["v: share of seeds within 0.1 of both"] == 0.5


def test_maps_are_compared_by_hand():
    """The quantile map of its own law is on it; turned around it is as far as can be."""
    order = adversarial_flow_1d.quantile_map()
    assert (np.diff(order) > 0).all()
    share = np.asarray(mixture1d.cdf(jnp.asarray(order)))
    np.testing.assert_allclose(share, (np.arange(400) + 0.5) / 400, atol=1e-4)
    for law, spread in (("normal", 1.0), ("uniform", 3**-0.5)):
        assert adversarial_flow_1d.places(law).std() == pytest.approx(spread, rel=0.01)
    maps = np.stack([order, order + 0.1, order[::-1]])
    row = adversarial_flow_1d.make_flow_row("x", "normal", maps, [])
    turned = abs(order - order[::-1]).mean()
    np.testing.assert_allclose(row["each"], [0, 0.1, turned], atol=1e-9)
    expected = (0.1 + turned + abs(order + 0.1 - order[::-1]).mean()) / 3
    assert row["between"] == pytest.approx(expected)
    assert row["order"] == pytest.approx(2 / 3)


@pytest.mark.slow
def test_a_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gaussian1d, "VIEWS", {"raw": "sample"})
    small = gaussian1d.settings
    monkeypatch.setattr(gaussian1d, "settings", lambda *a: _small(small(*a)))
    with jax.debug_key_reuse(False):  # a false alarm under vmap
        text = reproduce.reproduce("gaussian1d", tmp_path, quick=True)
    table = json.loads((tmp_path / "table.json").read_text())
    assert {"name", "command", "versions", "hardware", "seconds", "methods", "rows"} == set(table)
    assert set(table["methods"]) == {row["method"] for row in table["rows"]} == {"raw"}
    assert set(table["rows"][0]) >= KEYS
    assert (tmp_path / "table.md").read_text() == text


def _small(config):
    config.batch_size, config.steps, config.log_every_steps = 10, 4, 3
    config.dynamics.k_disc = config.dynamics.k_gen = 2
    return config


def test_the_pages_say_what_the_results_say():
    pages = [page.read_text() for page in readme.PAGES]
    assert [readme.render(text) for text in pages] == pages
    assert {*readme.TABLES} == {m[1] for p in pages for m in readme.BLOCK.findall(p)}


def test_a_sweeps_numbers_are_those_of_its_table(tmp_path):
    run, results = tmp_path / "ring_all", tmp_path / "results"
    results.mkdir()
    said = {"cohorts": [{"rows": ["a", "b"]}, {"rows": ["c"]}], "hardware": "abacus"}
    for row, seconds in {"a": 50.0, "b": 60.0, "c": 60.0}.items():
        (run / "rows" / row).mkdir(parents=True)
        (run / "rows" / row / "summary.json").write_text(json.dumps({"seconds": seconds}))
    (run / "rows.json").write_text(json.dumps(said | {"versions": {"jax": "1"}}))
    metric = {"mean": 7.5, "standard_error": 0.5, "each": [7, 8], "median": 7.5}
    setting = {
        "values": {"objective": "hinge", "penalty.weight": 0.1, "disc.args.code": None},
        **{"seeds": 3, "diverged": 1, "failed": 0},
        "metrics": {f"{p}/{n}": metric for p in ("eval", "test") for n in collected.ON_THE_RING},
    }
    setting["metrics"]["test/reverse_kl"] = {"mean": None, "standard_error": None, "each": [None]}
    leaves = {"objective": "began", "penalty.weight": 0.1, "disc.args.code": 1}
    table = {"command": "c", "settings": [setting, setting | {"values": leaves}]}
    (run / "table.json").write_text(json.dumps(table))
    collected.collect_sweep(run, results)
    lines = readme.sweep_table(json.loads((results / "ring_all.json").read_text())).splitlines()
    few = "7.50 ± 0.50 (n = 2)"
    assert lines[2] == f"| hinge | {few} | {few} | - | 1 of 3 |"
    assert lines[3].startswith("| began, disc.args.code 1 |")  # not the weight, which both have
    assert lines[-1] == "`c`: 2 minutes on abacus."


def test_a_sweeps_picture_has_the_last_samples_of_each_settings_first_seed(tmp_path):
    run, results = tmp_path / "sndcgan_emoji", tmp_path / "results"
    results.mkdir()
    for row, brightness in {"a": 255, "b": 0, "c": 100}.items():
        (run / "rows" / row / "samples").mkdir(parents=True)
        (run / "rows" / row / "summary.json").write_text(json.dumps({"seconds": 1}))
        for step, value in (("000900", 7), ("001000", brightness)):
            picture = Image.fromarray(np.full((30, 200, 3), value, np.uint8))
            picture.save(run / "rows" / row / "samples" / f"step_{step}.png")
    settings = [
        {"values": {"disc.augment": each}, "seeds": len(rows), "diverged": 0, "failed": 0}
        | {"rows": rows, "metrics": {}}
        for each, rows in (("colour", ["a", "b"]), ("none", ["c"]))
    ]
    (run / "table.json").write_text(json.dumps({"command": "c", "settings": settings}))
    said = {"cohorts": [{"rows": ["a", "b", "c"]}], "hardware": "abacus", "versions": {}}
    (run / "rows.json").write_text(json.dumps(said))
    collected.collect_sweep(run, results)
    picture = np.asarray(Image.open(results / "sndcgan_emoji.png"))
    high = picture.shape[0] // 2
    assert (picture[high - 30 : high] == 255).all()
    assert (picture[-30:] == 100).all()


def test_a_speed_up_has_the_range_of_its_pairs():
    assert bench.speed_up({"ratio": 1.5}) == "1.50"
    case = {"ratio": 1.5, "pairs": [[3, 2], [4, 1], [1, 1]]}
    assert bench.speed_up(case) == "1.50 (1.00 to 4.00)"


def test_lazy_rows_differ_in_laziness_alone():
    one, other = (flatten(r3gan_lazy.settings("rpgan", every, 3, 100)) for every in (1, 8))
    assert {k for k in one if one[k] != other[k]} == {"penalty.every_steps"}
    experiment.check(r3gan_lazy.settings("rpgan", 8, 3, 100))


def test_modes_are_counted_over_seeds_by_hand():
    centres = np.asarray(grid.centres(spacing=2.0), np.float64)
    whole = np.tile(centres, (4, 1))
    half = np.where(np.arange(100)[:, None] < 50, centres[:1], centres[0] + 0.5)
    row = r3gan_lazy._row("name", np.stack([whole, half]))
    assert row["each"] == [25, 1]
    assert row["measured"] == 13
    assert row["standard_error"] == pytest.approx(12)
    assert row["high_quality"] == pytest.approx(0.75)
    assert (
        "2 updates refused" in r3gan_lazy._row("x", whole[None], ["2 updates refused"])["differs"]
    )


def _tiny_lazy(monkeypatch):
    settings = r3gan_lazy.settings

    def small(*args):
        c = settings(*args)
        c.batch_size, c.latent.dim, c.penalty.name = (
            4,
            2,
            "none",
        )  # a second derivative compiles long
        c.gen.args.hidden = c.disc.args.hidden = (3,)
        c.log_every_steps, c.checkpoint_every_steps = 2, 4
        return c

    monkeypatch.setattr(r3gan_lazy, "settings", small)
    monkeypatch.setattr(r3gan_lazy, "SAMPLES", 20)


def _rows(folder):
    return json.loads((folder / "table.json").read_text())["rows"]


@pytest.mark.slow
def test_a_stopped_table_goes_on_and_takes_more_seeds_and_steps(tmp_path, monkeypatch):
    """In the second of its cohorts; then as if it had been asked for in full at once."""
    _tiny_lazy(monkeypatch)
    with jax.debug_key_reuse(False):
        reproduce.reproduce("r3gan_lazy", tmp_path / "whole", False, 3, 8)
        asked = iter([False] * 6 + [True])  # before and after each of the dispatches
        monkeypatch.setattr(stop, "requested", lambda: next(asked))
        with pytest.raises(PreemptedError):
            reproduce.reproduce("r3gan_lazy", tmp_path / "parts", False, 2, 6)
        monkeypatch.setattr(stop, "requested", lambda: False)
        assert len(list((tmp_path / "parts" / "states").iterdir())) == 2
        assert len(_rows(tmp_path / "parts")) == 2  # of the first cohort
        assert "Stopped before its end" in (tmp_path / "parts" / "table.md").read_text()
        reproduce.reproduce("r3gan_lazy", tmp_path / "parts", False, 2, 6)
        assert [row["seeds"] for row in _rows(tmp_path / "parts")] == [2] * 4
        text = reproduce.reproduce("r3gan_lazy", tmp_path / "parts", False, 3, 8)
    assert _rows(tmp_path / "parts") == _rows(tmp_path / "whole")
    assert "Stopped" not in text
    assert "`gan-jax reproduce r3gan_lazy --workdir DIR --seeds 3 --steps 8`" in text


def test_a_stop_leaves_the_rows_before_it_and_loses_none_that_are_there(tmp_path, monkeypatch):
    names = ["first", "second", "third"]

    def run(work):
        yield from (make_row(name, [1.0]) for name in names[: work.size.seeds])
        if work.size.seeds < len(names):
            raise PreemptedError("stopped")

    monkeypatch.setattr(r3gan_lazy, "run", run)
    monkeypatch.setattr(r3gan_lazy, "COLUMNS", {"row": lambda row: row["name"]})
    for seeds, there in ((1, 1), (2, 2), (1, 2), (2, 2), (3, 3), (2, 3)):
        with contextlib.nullcontext() if seeds == 3 else pytest.raises(PreemptedError):
            reproduce.reproduce("r3gan_lazy", tmp_path, False, seeds)
        assert [row["name"] for row in _rows(tmp_path)] == names[:there]
        text = (tmp_path / "table.md").read_text()
        assert ("Stopped before its end" in text) == (there < 3)


@pytest.mark.parametrize("file", ["rows.json", "config.json", "table.json"])
def test_what_is_no_such_table_is_not_written_over(tmp_path, file):
    (tmp_path / file).write_text(json.dumps({"name": "grid"}))
    with pytest.raises(
        ConfigError, match=f"has a {file}.*choose another --workdir for table dirac"
    ):
        reproduce.reproduce("dirac", tmp_path, True)
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("text", ["[]", "{"])
def test_a_foreign_table_is_one_plain_line(tmp_path, text):
    (tmp_path / "table.json").write_text(text)
    with pytest.raises(ConfigError, match=r"table\.json .* another --workdir"):
        reproduce.reproduce("dirac", tmp_path, True)


def test_a_table_with_columns_of_its_own_says_what_differs_too():
    made = {"name": "gaussian1d", "command": "c", "seconds": 1.0, "hardware": "h"}
    row = gaussian1d._row("x", 1.0, 0.5, np.ones(2))
    assert "differs" not in reproduce.to_markdown(made | {"rows": [row]})
    text = reproduce.to_markdown(made | {"rows": [row | {"differs": ["rounded"]}]})
    assert "| 1 |" in text
    assert "Differs: (1) rounded." in text


def test_a_signal_before_there_is_work_to_save_leaves_the_rows_too(tmp_path, monkeypatch):
    """Amid a compile the process ends at once; after the last row there is nothing to leave."""

    def end(code):
        raise SystemExit(code)

    def run(work):
        yield make_row("first", [1.0])
        if work.size.seeds == 1:
            stop.on_signal(signal.SIGTERM)

    stop.reset()
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(r3gan_lazy, "run", run)
    monkeypatch.setattr(r3gan_lazy, "COLUMNS", {"row": lambda row: row["name"]})
    with pytest.raises(SystemExit, match="75"):
        reproduce.reproduce("r3gan_lazy", tmp_path, False, 1)
    assert [row["name"] for row in _rows(tmp_path)] == ["first"]
    assert "Stopped before its end" in (tmp_path / "table.md").read_text()
    reproduce.reproduce("r3gan_lazy", tmp_path, False, 2)
    with pytest.raises(SystemExit):
        stop.on_signal(signal.SIGTERM)
    assert "Stopped" not in (tmp_path / "table.md").read_text()


def test_sizes_that_a_table_does_not_take():
    with pytest.raises(ConfigError, match="--seeds is 3: table dirac trains nothing"):
        reproduce.make_work("dirac", "x", False, seeds=3)
    with pytest.raises(ConfigError, match="--steps is 0: expected at least 1"):
        reproduce.make_work("ring", "x", False, steps=0)
    with pytest.raises(ConfigError, match=r"--precision.* .bfloat61..*bfloat16"):
        reproduce.make_work("ring", "x", False, precision="bfloat61")
    with pytest.raises(ConfigError, match="--precision is highest: table dirac trains nothing"):
        reproduce.make_work("dirac", "x", False, precision="highest")
    with pytest.raises(ConfigError, match="--recorded is f: table dirac trains nothing that"):
        reproduce.make_work("dirac", "x", False, recorded="f")
    with pytest.raises(ConfigError, match=r"--recorded is f: table planted trains all .* anew"):
        reproduce.make_work("planted", "x", False, recorded="f")
    assert reproduce.make_work("ring", "x", True, precision="highest").size == Size(
        2, 20, "highest"
    )
    assert reproduce.make_work("gaussian1d", "x", True, seeds=9).size == Size(9, 200)
    assert reproduce.make_work("r3gan_lazy", "x", False, steps=30_000).size == Size(8, 30_000)


@pytest.mark.parametrize(
    "name",
    [
        "adversarial_flow_1d",
        "bigan",
        "gaussian1d",
        "goodfellow2014",
        "grid",
        "infogan",
        "r3gan_lazy",
        "ring",
    ],
)
def test_tables_train_at_the_precision_that_is_asked_for(tmp_path, monkeypatch, name):
    """The command keeps it; the first cohort is all we let them train."""
    module = modes if name in {"grid", "ring"} else reproduce.FILES.module(name)
    found = []

    def train(folder, name, configs, look=None, start=None):
        found.extend(configs)
        raise PreemptedError("stopped")

    monkeypatch.setattr(module, "train", train)
    if name == "goodfellow2014":
        nothing = module.Protocol(1, None, None)
        monkeypatch.setattr(module, "make_protocol", lambda quick: nothing)
        monkeypatch.setattr(module, "images", lambda *a: None)
        monkeypatch.setattr(module, "scored_row", lambda *a: make_row("a", [1.0]))
        monkeypatch.setattr(module, "mixture_row", lambda *a: make_row("b", [1.0]))
    with pytest.raises(PreemptedError):
        reproduce.reproduce(name, tmp_path, True, precision="bfloat16")
    assert {c.precision for c in found} == {"bfloat16"}
    file = tmp_path / "table.json"
    if file.exists():
        command = f"gan-jax reproduce {name} --workdir DIR --quick --precision bfloat16"
        assert json.loads(file.read_text())["command"] == command


def test_a_table_is_measured_by_one_process_at_a_time(tmp_path):
    handle = hold(tmp_path)
    with pytest.raises(WorkdirBusyError):
        reproduce.reproduce("dirac", tmp_path, quick=True)
    os.close(handle)


@pytest.mark.parametrize(
    ("measured", "error", "published", "why_not", "says"),
    [
        (7.0, 0.3, (7.9, 0.4), "", "reproduced"),  # .9 apart, room for 1
        (7.0, 0.3, (7.9, 0.3), "", "not reproduced"),  # room for .85
        (8.8, 0.3, (7.9, 0.4), "", "reproduced"),
        (7.0, None, (7.9, 0.5), "", "reproduced"),
        (7.0, 0.3, (7.9, None), "", "not reproduced"),
        (7.9, 0.3, (7.9, 0.4), "other data", "not comparable: other data"),
        (None, None, (7.9, 0.4), "no data", "not measured: no data"),
        (7.0, 0.3, (None, None), "other data", "nothing published"),
        (float("nan"), None, (7.9, 0.4), "", "not reproduced"),
    ],
)
def test_verdicts(measured, error, published, why_not, says):
    assert verdict(measured, error, published, why_not) == says


def test_errors_are_those_of_the_mean_over_seeds():
    assert mean_and_error([1.0, 2.0, 6.0]) == (3, pytest.approx(np.sqrt(7 / 3)))
    assert mean_and_error([4.0]) == (4, None)
    assert mean_and_error([]) == (None, None)


def test_seeds_without_a_number_are_said():
    row = make_row("x", [1.0, float("nan"), 3.0], (2.0, 0.1))
    assert row["each"] == [1.0, None, 3.0]
    assert (row["measured"], row["seeds"]) == (2.0, 3)
    assert row["verdict"] == "not comparable: 1 of 3 seeds have no such number"
    json.dumps(row, allow_nan=False)


def test_a_mean_over_fewer_seeds_says_how_many():
    assert ours(make_row("x", [1.0, float("nan"), 3.0])) == "2.0 ± 1.0 (n = 2)"
    assert ours(make_row("x", [1.0, 3.0])) == "2.0 ± 1.0"
    assert ours(make_row("x", [float("nan")])) == "-"


def test_a_sweeps_table_in_a_tables_place_is_left_there(tmp_path):
    runs, results = tmp_path / "runs", tmp_path / "results"
    (runs / "ring").mkdir(parents=True)
    results.mkdir()
    (runs / "ring" / "table.json").write_text(json.dumps({"command": "c", "settings": []}))
    collected.collect_tables(runs, results)
    assert not [*results.iterdir()]


def test_a_picture_of_other_rows_goes(tmp_path):
    """At the end of a table that has none; a stop leaves it."""
    table = {"name": "dirac", "command": "c", "seconds": 1.0, "hardware": "h", "rows": []}
    old = tmp_path / "picture.png"
    old.write_bytes(b"png")
    reproduce._write(tmp_path, table | {"stopped": True})
    assert old.exists()
    reproduce._write(tmp_path, table)
    assert not old.exists()


def test_fewer_steps_are_no_comparison():
    assert shortened(40_000, 400_000) == "40,000 of 400,000 steps"
    assert shortened(400_000, 400_000) == ""


def test_settings_that_differ_are_notes_below_the_table():
    rows = [make_row("a", [1.0], differs=["x", "y"]), make_row("b", [1.0], differs=["y"])]
    made = {"name": "ring", "command": "c", "seconds": 1.0, "hardware": "h"}
    text = reproduce.to_markdown(made | {"rows": [*rows, make_row("c", [1.0])]})
    assert [line.split("|")[-2].strip() for line in text.splitlines()[:5]] == [
        "differs",
        "---",
        "1, 2",
        "2",
        "-",
    ]
    assert "Differs: (1) x; (2) y." in text


def test_the_readme_takes_what_was_measured_in_full(tmp_path):
    results, runs = tmp_path / "results", tmp_path / "runs"
    results.mkdir()
    block = "<!-- results:ring -->\n<!-- end -->"
    assert "Not measured yet: `gan-jax reproduce ring --workdir DIR`." in readme.render(
        block, results
    )
    for name, words in {"ring": "", "grid": " --quick"}.items():
        (runs / name).mkdir(parents=True)
        made = {"name": name, "command": f"reproduce {name}{words}", "rows": [make_row("r", [1.0])]}
        text = json.dumps(made | {"seconds": 1.0, "hardware": "h"})
        (runs / name / "table.json").write_text(text)
    collected.collect_tables(runs, results)
    assert [path.name for path in results.iterdir()] == ["ring.json"]
    for name in ("ring", "grid"):
        (runs / name / "picture.png").write_bytes(b"whole")
    collected.collect_tables(runs, results)
    assert sorted(path.name for path in results.iterdir()) == ["ring.json", "ring.png"]
    assert "| r | - | 1 |" in readme.render(block, results)
    made = json.loads((results / "ring.json").read_text())
    methods = {"GAN": {"steps": 20, "seed": [0, 1]}}
    (results / "ring.json").write_text(json.dumps(made | {"methods": methods}))
    for less in ({"steps": 10}, {"seed": [0]}):
        shorter = made | {"methods": {"GAN": methods["GAN"] | less}}
        (runs / "ring" / "table.json").write_text(json.dumps(shorter))
        collected.collect_tables(runs, results)
        assert json.loads((results / "ring.json").read_text())["methods"] == methods
    more = made | {"methods": methods, "stopped": True}
    (runs / "ring" / "picture.png").write_bytes(b"of fewer rows")
    for part in (more, more | {"rows": []}):
        (runs / "ring" / "table.json").write_text(json.dumps(part))
        collected.collect_tables(runs, results)
    assert (results / "ring.png").read_bytes() == b"whole"
    assert json.loads((results / "ring.json").read_text()) == more
    assert "| r | - | 1 |" in readme.render(block, results)


def settings_now(table, name, known):
    """A recorded method's settings as its table has them now, but for size and precision."""
    seeds, steps = known["seed"], known["steps"]
    if table == "goodfellow2014":
        size = Size(len(seeds), 410 * 500, known["precision"])
        return {k: v for plan in recipe.plans(size) for k, v in plan.items()}[name]
    if table == "r3gan_lazy":
        every, objective = known["penalty.every_steps"], known["objective"]
        return [r3gan_lazy.settings(objective, every, s, steps) for s in seeds]
    return [modes.METHODS[name].settings(table, s, steps) for s in seeds]


@pytest.mark.parametrize("table", ["ring", "grid", "r3gan_lazy", "goodfellow2014"])
def test_recorded_rows_are_of_todays_settings(table):
    """A new default is taken back in a table's settings: else --recorded would not take its rows.

    Leaves that the file does not know mean what was done before them.
    """
    file = tiny.FOLDER.parent / f"experiments/results/{table}.json"
    recorded, checked = json.loads(file.read_text())["methods"], 0
    for name, known in recorded.items():
        if table == "goodfellow2014" and name not in (recipe.OURS, "adversarial nets, minimax"):
            continue
        configs = settings_now(table, name, known)
        for config in configs:
            config.precision = known["precision"]
        assert not configs[0].ema.warmup
        methods = Methods(False, table, str(file))
        assert methods.recorded(name, configs)
        checked += 1
    assert checked > 1
