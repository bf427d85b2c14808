"""ring and grid: settings as published, numbers by hand, rows beside what was published."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import reproduce
from gan_jax.config import flatten
from gan_jax.data import open_data
from gan_jax.games.play.parts import make_parts, make_view
from gan_jax.host.errors import ConfigError
from gan_jax.reproduce import grid, modes, ring
from gan_jax.reproduce.methods import HOW_OFTEN, MADE, settings_of
from gan_jax.reproduce.work import Size, Work, make_row
from gan_jax.training import experiment

LAW_METHODS = [(law, name) for law in modes.DISTRIBUTIONS for name in modes.METHODS]


@pytest.mark.parametrize(("law", "name"), LAW_METHODS)
def test_settings_are_good_ones(law, name):
    experiment.check(modes.METHODS[name].settings(law, 3, 100))


def sizes(net, x):
    params, _ = jax.eval_shape(net.init, jax.random.key(0), x)
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("m", [1, 2])
def test_pacgan_makes_100_decisions_on_m_samples_each(m):
    config = modes.pacgan("ring", 0, 100, m)
    parts = make_parts(config, open_data(config))
    seen = jax.eval_shape(make_view(config)[0], jnp.zeros((config.batch_size, 2)))
    assert seen.shape == (100, 2 * m)
    gen = 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400 + 400 * 2 + 2  # batch norm's two in place of a bias
    disc = (2 * m + 1) * 1000 + 2 * 201 * 1000 + 201
    assert sizes(parts.gen, jnp.zeros((2, 2))) == gen
    assert sizes(parts.disc, jnp.zeros((2, 2 * m))) == disc


def test_the_unrolled_demos_settings():
    plain, five = (modes.unrolled("ring", 0, 100, k) for k in (0, 5))
    assert (plain.dynamics.name, five.dynamics.name) == ("simultaneous", "unrolled")
    assert five.dynamics.args.unroll_steps == 5
    for c in (plain, five):
        assert (c.objective, c.gen.lr, c.disc.lr, c.batch_size) == ("minimax", 1e-3, 1e-4, 512)
        assert (c.latent.dim, c.latent.law, c.gen.b1, c.ema.decay) == (256, "normal", 0.5, 0)
    parts = make_parts(five, open_data(five))
    assert sizes(parts.gen, jnp.zeros((2, 256))) == 257 * 128 + 129 * 128 + 129 * 2
    assert sizes(parts.disc, jnp.zeros((2, 2))) == 3 * 128 + 129 * 128 + 129


def test_numbers_by_hand():
    centres = modes.centres_of("grid")
    even = np.tile(centres, (4, 1)) + 0.01
    half = np.where(np.arange(100)[:, None] < 50, centres[:1], centres[:1] + 0.5)
    found = modes.measure("grid", np.stack([even, half]))
    assert found["modes"] == [25, 1]
    assert found["high_quality"] == pytest.approx([100, 50])
    assert found["reverse_kl"] == pytest.approx([0, np.log(25)], abs=1e-9)
    off = np.exp(-4.5)
    junk = 0.5 * np.log(0.5 * 25 / (1 - off)) + 0.5 * np.log(0.5 / off)
    assert found["reverse_kl_with_junk"] == pytest.approx([-np.log(1 - off), junk], rel=1e-6)


def test_names_say_what_could_be_had_at_best():
    assert modes.label("ring", "reverse_kl") == "reverse KL, nats (floor 0.0014)"
    assert modes.label("grid", "reverse_kl") == "reverse KL, nats (floor 0.0048)"
    assert modes.label("grid", "modes") == "modes of 25"


def test_published_numbers_stand_beside_theirs():
    unrolled = "5 unrolled steps, the Unrolled demo's settings"
    assert ring.PUBLISHED["GAN"]["reverse_kl"] == (0.45, 0.09)
    assert ring.PUBLISHED[unrolled] == {"modes": (7.6, None), "high_quality": (35.6, None)}
    assert grid.PUBLISHED["PacGAN2"]["modes"] == (23.8, 0.7)
    assert grid.PUBLISHED["GAN, the Unrolled demo's settings"]["modes"] == (3.3, None)


@pytest.fixture
def drawn(monkeypatch):
    """Samples that are the modes themselves; which steps were asked for."""
    asked = []

    def train(folder, name, configs):
        asked.append((name, {c.steps for c in configs}, [c.seed for c in configs]))
        return jax.tree.map(lambda x: x, modes_state())

    def modes_state():
        class Nothing:
            states = None

        return Nothing()

    monkeypatch.setattr(modes, "train", train)
    monkeypatch.setattr(modes, "refused", lambda states: [])
    monkeypatch.setattr(modes, "samples", lambda config, states, n: np.stack([perfect()] * 2))
    return asked


def perfect():
    return np.tile(modes.centres_of("ring"), (300, 1))


@pytest.mark.parametrize(("steps", "of"), [(40_000, "40,000 of 400,000 steps"), (400_000, "")])
def test_verdicts_by_steps(drawn, steps, of):
    rows = {row["name"]: row for row in ring.run(Work(None, False, Size(2, steps)))}
    assert [(s, seeds) for _, s, seeds in drawn[:2]] == [({steps}, [0, 1])] * 2
    assert [s for _, s, _ in drawn[2:]] == [{25_000}, {25_000}, {5_000}]
    for name in ("GAN", "PacGAN2"):
        row = rows[f"{name}: modes of 8"]
        assert row["measured"] == 8
        assert (of in row["differs"]) == bool(of)
        right = "reproduced" if name == "PacGAN2" else "not reproduced"  # 7.9 +- .1, 6.3 +- .5
        assert row["verdict"] == (f"not comparable: {of}" if of else right)
    demo = rows["GAN, the Unrolled demo's settings: modes of 8"]
    assert demo["verdict"] == "not comparable: VEEGAN's own settings are not known here"
    assert any("eight distinct modes" in each for each in demo["differs"])
    assert rows["PacGAN4: modes of 8"]["verdict"] == "not measured: published only"
    assert rows["GAN: reverse KL with a bin for what is off the modes"]["verdict"] == (
        "nothing published"
    )


def test_on_a_page_with_little_room_a_method_is_a_row():
    rows = [
        make_row("A: modes", [6.0, 8.0], (6.3, 0.5), ["x"]),
        make_row(f"A: {modes.JUNK}", [1.0], differs=["y"]),
        make_row("A: quality, %", [9.0, 9.5], (90, 1)),
        make_row("B: modes", [], (8, 0.1), why_not="published only"),
        make_row("B: quality, %", [], (95, 1), why_not="published only"),
    ]
    short, columns = modes.shorten(rows)
    of_each = "modes: reproduced; quality: not reproduced"
    assert list(columns) == ["published / measured", "modes", "quality, %", "verdict"]
    assert [[cell(row) for cell in columns.values()] for row in short] == [
        ["A", "6.3 ± 0.5 / 7.0 ± 1.0", "90 ± 1 / 9.25 ± 0.25", of_each],
        ["B", "8 ± 0.1 / -", "95 ± 1 / -", "not measured: published only"],
    ]
    assert [list(row["differs"]) for row in short] == [["x", "y"], []]


def test_the_committed_size_is_the_default():
    work = reproduce.make_work("grid", "x", quick=False)
    assert work.size == Size(5, 40_000)
    assert reproduce.make_work("grid", "x", quick=True, steps=7).size == Size(2, 7)


def test_settings_are_all_that_decides_the_numbers():
    configs = Size(2, 30, "bfloat16").configs([modes.unrolled("ring", s, 30, 5) for s in (0, 1)])
    found = settings_of(configs)
    assert (found["seed"], found["gen.args.hidden"]) == ([0, 1], [128, 128])
    assert (found["dynamics.args.unroll_steps"], found["precision"]) == (5, "bfloat16")
    configs[0].log_every_steps = 7
    assert settings_of(configs) == json.loads(json.dumps(found)) == found
    assert found.keys() >= flatten(configs[0]).keys() - {*HOW_OFTEN}
    assert settings_of(configs, quick=True) != found


def test_rows_that_are_recorded_are_not_trained_again(drawn, tmp_path, capsys):
    """Of the same settings, seeds and steps; what made them goes with them, also twice."""
    unrolled = "5 unrolled steps, the Unrolled demo's settings"
    (tmp_path / "first").mkdir()
    first = reproduce.reproduce("ring", tmp_path / "first", False, 2, 30_000)
    made = json.loads((tmp_path / "first" / "table.json").read_text())
    assert [name for name, *_ in drawn] == [f"ring: {name}" for name in modes.METHODS]
    made["methods"]["PacGAN2"]["seed"] = [0, 2]
    made["methods"]["GAN"].pop("devices")  # of an older version: it had its default
    file, trained = tmp_path / "recorded.json", len(drawn)
    file.write_text(json.dumps(made))
    again = ("ring", tmp_path / "second", False, 2, 30_000)
    text = reproduce.reproduce(*again, recorded=str(file))
    assert [name for name, *_ in drawn[trained:]] == ["ring: PacGAN2"]
    table = json.loads((tmp_path / "second" / "table.json").read_text())
    said = capsys.readouterr().err
    assert f"GAN: taken from {file}" in said
    assert "PacGAN2: trained, not taken: seed [0, 2] there, [0, 1] here" in said
    facts = {fact: made[fact] for fact in MADE}
    for row, before in zip(table["rows"], made["rows"], strict=True):
        new = row["name"].startswith("PacGAN")
        assert row.get("made") == (None if new else facts)
        assert new or {k: v for k, v in row.items() if k != "made"} == before
    assert table["command"].endswith("--steps 30000 --recorded FILE")
    assert "Rows recorded before: `gan-jax reproduce ring --workdir DIR --seeds 2" in text
    assert "recorded before" not in first
    (shown,) = [r["points"] for r in table["rows"] if r["name"] == f"{unrolled}: modes of 8"]
    assert shown == perfect()[: modes.SHOWN].round(3).tolist()
    last = str(tmp_path / "second" / "table.json")
    text = reproduce.reproduce("ring", tmp_path / "third", False, 2, 30_000, recorded=last)
    assert len(drawn) == trained + 1
    assert text.count("recorded before: `") == 2
    reproduce.reproduce("ring", tmp_path / "fourth", False, 2, 30_001, recorded=last)
    assert [name for name, *_ in drawn[trained + 1 :]] == ["ring: GAN", "ring: PacGAN2"]
    assert "GAN: trained, not taken: steps 30000 there, 30001 here" in capsys.readouterr().err
    reproduce.reproduce("ring", tmp_path / "quick", True, 2, 30_000, recorded=last)
    assert len(drawn) == trained + 3 + len(modes.METHODS)  # fewer samples are another number


FACTS = '"name": "ring", "command": "c", "seconds": 1, "versions": {}, "hardware": "h"'


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "{", '{"name": "ring", "methods": {}, "rows": []}']
    + [f'{{{FACTS.replace("ring", "grid")}, "methods": {{}}, "rows": []}}']
    + [f'{{{FACTS}, "methods": {each}}}' for each in ('{}, "rows": [1]', '[], "rows": []', "{}")]
    + [f'{{{FACTS}, "methods": {{"GAN": 7}}, "rows": []}}'],
)
def test_a_file_that_has_no_such_rows_is_one_plain_line(tmp_path, text):
    file = tmp_path / "some.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"some\.json .*: give a table\.json"):
        reproduce.reproduce("ring", tmp_path / "x", False, recorded=str(file))
    assert not (tmp_path / "x").exists()


def test_the_picture_is_of_the_rows_that_have_samples():
    pytest.importorskip("matplotlib")
    row = make_row("A: modes", [1.0])
    assert modes.picture("ring", None, [row]) is None
    one = modes.picture("ring", None, [row, row | {"name": "B: modes", "points": [[0.0, 1.0]]}])
    two = modes.picture(
        "ring", None, [r | {"points": [[0.0, 1.0]]} for r in (row, row | {"name": "B: m"})]
    )
    assert two.shape[1] == 2 * one.shape[1]


def test_lists_of_numbers_are_a_line_each():
    table = {
        "rows": [{"each": [1.0, 2.5], "differs": ["a [ b ]", "c"], "x": [[1, 2], [3, 4]], "y": []}]
    }
    text = reproduce.dumps(table)
    assert json.loads(text) == table
    assert '"each": [1.0, 2.5]' in text
    assert "[1, 2],\n" in text
