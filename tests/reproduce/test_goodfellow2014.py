"""The 2014 table: its recipe is the experiment's, its protocol that of the paper, by hand."""

import json

import jax
import numpy as np
import pytest
import tiny

from gan_jax import data
from gan_jax.config import flatten, hypers
from gan_jax.metrics import parzen
from gan_jax.reproduce import goodfellow2014 as table
from gan_jax.reproduce import goodfellow2014_recipe as recipe
from gan_jax.reproduce.methods import MADE, Methods
from gan_jax.reproduce.work import Size, Work, make_row
from gan_jax.training import experiment


def test_the_recipe_is_the_experiments():
    path = next(p for p in tiny.EXPERIMENTS if p.stem == "goodfellow2014")
    theirs, ours = flatten(tiny.experiment(path)), flatten(recipe.settings(0, 125_000))
    how_often = {k for k in ours if k.endswith("_every_steps")}
    assert {k for k in ours if ours[k] != theirs[k]} <= how_often


def test_variants_differ_in_what_they_are_named_after():
    one = flatten(recipe.settings(0, 1000))
    other = flatten(recipe.settings(0, 1000, "minimax"))
    assert {k for k in one if one[k] != other[k]} == {"objective"}


def test_with_k_2_epochs_are_what_they_were():
    """Half as many steps, each with two batches; gen moves half as often."""
    one, two = recipe.settings(0, 1000), recipe.settings(0, 1000, k=2)
    assert two.steps * two.dynamics.k_disc == one.steps * one.dynamics.k_disc == 1000
    assert two.eval_every_steps * 2 == one.eval_every_steps == 5000
    assert two.disc.momentum_steps == one.disc.momentum_steps == 125_000
    assert two.gen.momentum_steps * 2 == one.gen.momentum_steps
    assert two.gen.lr_decay == pytest.approx(one.gen.lr_decay**2, rel=1e-12)
    assert float(hypers(two).players["disc"]["lr_decay"]) == float(
        hypers(one).players["disc"]["lr_decay"]
    )


def test_cohorts_and_their_steps():
    long = recipe.plans(Size(3, 250_000))
    steps = {name: [c.steps for c in seeds] for plan in long for name, seeds in plan.items()}
    assert steps == {
        "adversarial nets": [250_000] * 3,
        "adversarial nets, minimax": [75_000],
        "adversarial nets, max_likelihood": [75_000],
        "adversarial nets, k_disc = 2": [37_500],
        "adversarial nets, Gaussian latents": [65_000],
        "adversarial nets, first weights by fan-in": [65_000],
    }
    assert [c.seed for c in long[0]["adversarial nets"]] == [0, 1, 2]
    assert [len(plan) for plan in long] == [1, 2, 1, 1, 1]


@pytest.mark.parametrize("name", recipe.VARIED)
def test_what_is_varied_is_all_that_differs(name):
    (config,) = next(p for p in recipe.plans(Size(2, 250_000)) if name in str([*p])).popitem()[1]
    one, other = flatten(recipe.settings(0, 65_000)), flatten(config)
    changed = {leaf for leaf in other if one.get(leaf) != other[leaf]}
    assert changed == {*recipe.VARIED[name]}
    experiment.check(config)


def test_at_another_precision_a_row_at_the_devices_own_stands_beside():
    """Of the first seed, for as long as rounding takes to show."""
    first, beside, *others = recipe.plans(Size(3, 250_000, "bfloat16"))
    asked = [first, *others]
    assert {c.precision for plan in asked for seeds in plan.values() for c in seeds} == {"bfloat16"}
    ((name, (config,)),) = beside.items()
    assert name == "adversarial nets, 60 epochs at the device's own precision"
    one = flatten(asked[0]["adversarial nets"][0])
    found = flatten(config)
    assert {k for k in one if one[k] != found[k]} == {"precision", "steps"}
    assert found["precision"] == "default"
    assert found["steps"] == 30_000


def test_at_the_end_rates_are_what_the_schedule_makes_them_much_later():
    seeds = [recipe.settings(seed, 100_000) for seed in (0, 1)]
    ((name, found),) = recipe.lowered(seeds).items()
    assert name == "adversarial nets, then 30 epochs at 1/10 of the rates"
    for c, seed in zip(found, seeds, strict=True):
        one, other = flatten(seed), flatten(c)
        changed = {"gen.lr", "disc.lr", "steps", "eval_every_steps"}
        assert {k for k in one if one[k] != other[k]} == changed
        assert (c.steps, c.eval_every_steps) == (115_000, 2_500)
        for player in (c.gen, c.disc):
            later = round(np.log(0.1) / np.log(player.lr_decay))
            assert player.lr == pytest.approx(0.1 * player.lr_decay**later, rel=1e-5)
    assert f"{later / 500:,.0f} epochs" in recipe.LOWER_WHY
    assert [c.steps for c in recipe.lowered([recipe.settings(0, 20)])[name]] == [40]


def test_a_page_with_little_room_leaves_the_way_out():
    way = table.milestones("x", [[[60, 1.0, 0.2, 2.0, 0.19]]])
    (precise,) = recipe.plans(Size(1, 40, "bfloat16"))[1]
    rows, _ = table.shorten([make_row("x", [1.0]), *way, make_row(precise, [1.0])])
    assert [row["name"] for row in rows] == ["x"]


SIGMAS = np.logspace(-1, 0, 10)


def likelihoods(centres, x, sigma):
    """[M] nats, in float64, from the formula."""
    squares = ((x[:, None] - centres[None]) ** 2).sum(-1) / (2 * sigma**2)
    best = squares.min(1)
    sums = np.log(np.exp(best[:, None] - squares).mean(1)) - best
    return sums - centres.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))


@pytest.fixture
def protocol():
    rng = np.random.default_rng(0)
    valid, test = rng.uniform(size=(2, 60, 4)).astype(np.float32)
    return table.Protocol(30, valid, test)


def some(seed, n=40):
    return np.random.default_rng(seed).uniform(size=(n, 4))


def test_a_number_is_that_of_the_protocol(protocol):
    """The sigma that the validation images like best, the mean and error of the test images."""
    x = some(1)
    row = table.scored_row("adversarial nets", [x], protocol)
    valid = [likelihoods(x[:30], protocol.valid_NxD, s).mean() for s in SIGMAS]
    sigma = SIGMAS[int(np.argmax(valid))]
    test = likelihoods(x[:30], protocol.test_NxD, sigma)
    assert row["sigma"] == [pytest.approx(sigma)]
    assert row["measured"] == pytest.approx(test.mean(), rel=1e-4)
    assert row["standard_error"] == pytest.approx(test.std() / np.sqrt(60), rel=1e-3)
    assert row["verdict"] == "not reproduced"
    fine = table.scored_row("x", [x], protocol, fine=True)
    assert likelihoods(x[:30], protocol.valid_NxD, fine["sigma"][0]).mean() >= max(valid)


def test_the_error_of_several_seeds_is_over_seeds(protocol):
    row = table.scored_row("adversarial nets", [some(1), some(2), some(3)], protocol)
    assert row["standard_error"] == pytest.approx(np.std(row["each"], ddof=1) / np.sqrt(3))
    alone = [table.scored_row("x", [some(i)], protocol) for i in (1, 2, 3)]
    assert row["each"] == [each["measured"] for each in alone]
    errors = [each["standard_error"] for each in alone]
    assert row["standard_error_over_images"] == pytest.approx(np.mean(errors))


def test_a_sigma_at_the_grids_edge_is_refused(protocol):
    far = some(1) + 9  # the widest window is the best
    row = table.scored_row("adversarial nets", [some(1), far], protocol)
    assert row["each"][1] is row["sigma"][1] is None
    assert row["measured"] == row["each"][0]
    assert row["verdict"] == "not comparable: 1 of 2 seeds have no such number"
    alone = table.scored_row("adversarial nets", [far], protocol)
    assert alone["measured"] is None
    assert alone["verdict"].startswith("not measured: refused: sigma 1 is the best")
    assert alone["published"] == 225


def test_the_way_there_is_told_by_validation(protocol, monkeypatch):
    shown = np.stack([some(1), some(1) + 9])
    monkeypatch.setattr(table, "flat_samples", lambda config, states, n: shown[:, :n])
    good, refused = table.validate(None, protocol, None)
    assert refused is None
    valid = [likelihoods(shown[0, :30], protocol.valid_NxD, s).mean() for s in SIGMAS]
    assert good[:2] == pytest.approx([max(valid), SIGMAS[int(np.argmax(valid))]], rel=1e-4)
    finer = likelihoods(shown[0, :30], protocol.valid_NxD, good[3]).mean()
    assert good[2] == pytest.approx(finer, rel=1e-4)
    assert finer > max(valid)


def test_rows_of_the_way():
    """A seed that was refused there, or looked at before there was a finer search, has none."""
    old = [[60.0, 100.0, 0.2]]
    seeds = [
        [[50.0, 1.0, 0.2, 2.0, 0.19], [60.0, 110.0, 0.2, 115.0, 0.19]],
        [[60.0, 120.0, 0.1, 125.0, 0.11], [130.0, 140.0, 0.1, 145.0, 0.11]],
        old,
    ]
    rows = {row["name"]: row for row in table.milestones("x", seeds, ["rounded"])}
    assert rows["x, validation after 130 epochs"]["differs"] == ["rounded"]
    assert rows["x, validation after 130 epochs, finer sigma"]["differs"] == ["rounded", table.FINE]
    assert {name: row["each"] for name, row in rows.items()} == {
        "x, validation after 60 epochs": [110, 120, 100],
        "x, validation after 60 epochs, finer sigma": [115, 125, None],
        "x, validation after 130 epochs": [None, 140, None],
        "x, validation after 130 epochs, finer sigma": [None, 145, None],
    }
    assert rows["x, validation after 60 epochs, finer sigma"]["sigma"] == [0.19, 0.11, None]
    assert rows["x, validation after 60 epochs"]["verdict"] == "nothing published"


class Split:
    def __init__(self, x):
        self.x = x


@pytest.fixture
def mnist(monkeypatch):
    """Small images in MNIST's splits: which were read."""
    read, rng = [], np.random.default_rng(0)

    def load(name, split):
        read.append((name, split))
        return Split(rng.integers(0, 256, (20_000, 28, 28, 1), np.uint8))

    monkeypatch.setattr(data, "load", load)
    return read


def test_the_papers_images(mnist):
    protocol = table.make_protocol(quick=False)
    assert protocol.centres == 10_000
    assert protocol.valid_NxD.shape == (1_000, 784)
    assert protocol.test_NxD.shape == (10_000, 784)
    assert protocol.test_NxD.min() == 0
    assert protocol.test_NxD.max() == 1
    assert mnist == [("mnist", "train[50000:]"), ("mnist", "test")]
    np.testing.assert_allclose(parzen.SIGMAS, SIGMAS)


def tiny_settings(seed, steps, objective="non_saturating", k=1):
    c = SETTINGS(seed, steps, objective, k)
    c.data.name, c.data.split, c.batch_size, c.latent.dim = "digits", "train[:50]", 10, 2
    c.gen.args.hidden, c.disc.args.units, c.disc.args.pieces = (4,), (4,), 2
    c.log_every_steps = c.eval_every_steps = c.checkpoint_every_steps = 2 // k
    return c


SETTINGS = recipe.settings


@pytest.mark.slow
def test_the_table_and_its_picture(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def images(split, n=None):
        return rng.uniform(size=(n or 60, 64)).astype(np.float32)

    monkeypatch.setattr(table, "images", images)
    monkeypatch.setattr(recipe, "settings", tiny_settings)
    protocol = table.Protocol(50, images("valid", 30), images("test", 40))
    monkeypatch.setattr(table, "make_protocol", lambda quick: protocol)
    monkeypatch.setattr(table, "COMPONENTS", 10)
    monkeypatch.setattr(table, "MIXTURE", 2)
    work = Work(tmp_path, False, Size(2, 8))
    with jax.debug_key_reuse(False):
        rows = list(table.run(work))
    json.dumps(rows, allow_nan=False)
    by_name = {row["name"]: row for row in rows}
    ours = by_name["adversarial nets"]
    assert (ours["published"], ours["published_error"], ours["seeds"]) == (225, 2, 2)
    assert ours["verdict"] == "not comparable: 8 of 205,000 steps of the recorded run"
    assert [[epoch for epoch, *_ in seed] for seed in ours["history"]] == [
        [0.004, 0.008, 0.012, 0.016]
    ] * 2
    assert by_name["adversarial nets, k_disc = 2"]["history"][0][-1][0] == 0.016
    lower = by_name[recipe.LOWERED]
    assert lower["differs"][0].startswith("0.032 epochs:")  # as many again
    assert lower["each"] != ours["each"]
    assert recipe.LOWER_WHY in lower["differs"]
    assert recipe.LOWER_WHY not in ours["differs"]
    assert lower["verdict"] == "nothing published"
    assert any("both at once" in d for d in by_name["adversarial nets, k_disc = 2"]["differs"])
    assert by_name["adversarial nets, finer sigma"]["published"] is None
    assert by_name["deep GSN"]["verdict"] == "not measured: published only"
    assert by_name["training images as centres"]["measured"] is not None
    facts = dict.fromkeys(MADE, "") | {"name": "goodfellow2014", "rows": rows}
    file = tmp_path / "recorded.json"
    file.write_text(json.dumps(facts | {"methods": work.methods.settings}))
    again = _without_its_training(tmp_path / "again", file, monkeypatch)
    for row, before in zip(again, rows, strict=True):
        if "method" in row:
            assert {k: v for k, v in row.items() if k != "made"} == before
            assert ("made" in row) == (row["method"] != recipe.LOWERED)
    assert table.picture(work, rows).dtype == np.uint8
    assert table.picture(work, rows[7:]) is not None
    assert table.picture(work, rows[:5]) is None


def _without_its_training(folder, file, monkeypatch):
    """Once more, of recorded rows but for the lowered: these need the states they begin with."""
    names, train, table_json = [], table.train, json.loads(file.read_text())
    table_json["methods"].pop(recipe.LOWERED)
    file.write_text(json.dumps(table_json))

    def listed(folder, name, *args):
        names.append(name)
        return train(folder, name, *args)

    monkeypatch.setattr(table, "train", listed)
    work = Work(folder, False, Size(2, 8), Methods(False, "goodfellow2014", str(file)))
    with jax.debug_key_reuse(False):
        rows = list(table.run(work))
    assert names == [recipe.OURS, recipe.LOWERED]
    return rows


def test_without_scikit_learn_the_mixtures_row_says_so(monkeypatch):
    monkeypatch.setattr(table.importlib.util, "find_spec", lambda name: None)
    row = table.mixture_row(False, None)
    assert row["verdict"] == "not measured: needs scikit-learn: pip install 'gan-jax[demo]'"


def test_settings_are_good_ones(monkeypatch):
    for config in (tiny_settings(0, 10), tiny_settings(0, 10, k=2)):
        experiment.check(config)
