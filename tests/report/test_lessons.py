"""The figures that teachers draw by hand: what they must show, and that they show it."""

import re

import fake_sweep
import numpy as np
import pytest
from test_report import Tree

from gan_jax import report
from gan_jax.config import get_config, to_json
from gan_jax.metrics import optimal_discriminator
from gan_jax.objectives import OBJECTIVES, THEORY
from gan_jax.objectives.fgan import F_DIVERGENCES, f_divergence
from gan_jax.report import figures as lessons
from gan_jax.report import labelled, markup, transposed
from gan_jax.report import lessons as pages
from gan_jax.report.figures import DIVERGENCES, Chosen

EVERY = [Chosen(name) for name in OBJECTIVES]
FAR = np.array([-30.0, 0.0, 30.0])  # logits: disc is sure of a fake, cannot tell, is fooled
APART = np.array([0.0, 0.5, 2.0, 8.0])


@pytest.fixture(scope="module")
def losses():
    return {one.name: curve for one, curve in lessons.gen_losses(EVERY, FAR).items()}


@pytest.fixture(scope="module")
def divergences():
    return lessons.apart(DIVERGENCES, APART)


def test_minimax_saturates_and_non_saturating_does_not(losses):
    np.testing.assert_allclose(losses["minimax"].slope, [0, -0.5, -1], atol=1e-9)
    np.testing.assert_allclose(losses["non_saturating"].slope, [-1, -0.5, 0], atol=1e-9)
    np.testing.assert_allclose(losses["minimax"].value[1], np.log(0.5), rtol=1e-12)
    np.testing.assert_allclose(losses["non_saturating"].value[1], np.log(2), rtol=1e-12)


def test_slopes_at_d_of_a_half_are_in_proportion(losses):
    """With -log D as the unit: minimax the same, max_likelihood too, lsgan twice, ragan twice."""
    names = ("non_saturating", "minimax", "max_likelihood", "lsgan", "hinge", "ragan", "rpgan")
    slopes = [losses[name].slope[1] / losses["non_saturating"].slope[1] for name in names]
    np.testing.assert_allclose(slopes, [1, 1, 1, 2, 2, 2, 1], rtol=1e-12)


def test_a_slope_is_that_of_the_loss():
    logits, move = np.linspace(-2, 2, 7) + 0.05, 1e-5  # beside the jumps at 0
    here, above, below = (lessons.gen_losses(EVERY, logits + m) for m in (0, move, -move))
    for one in EVERY:
        difference = (above[one].value - below[one].value) / (2 * move)
        np.testing.assert_allclose(here[one].slope, difference, rtol=1e-6, atol=1e-8, err_msg=one)


def test_an_objectives_numbers_are_its_own():
    """blend's gen loss is (zeta sp(-s) - m sp(s)) / (zeta + m), log(2) (zeta - m) / (...) at 0."""
    changed = Chosen("blend", (("zeta", 3.0), ("m", 1.0)))
    found = lessons.gen_losses([changed, Chosen("blend")], np.zeros(1))
    np.testing.assert_allclose(found[changed].value, np.log(2) / 2)
    np.testing.assert_allclose(found[Chosen("blend")].value, 0, atol=1e-12)


def test_only_relativistic_losses_look_at_reals():
    logits = np.linspace(-2, 2, 5)
    low, high = (lessons.gen_losses(EVERY, logits, real_logit=real) for real in (0.0, 1.0))
    moved = [one for one in EVERY if not np.array_equal(low[one].value, high[one].value)]
    assert moved == [one for one in EVERY if lessons.looks_at_reals(one)]
    level = lessons.gen_losses([Chosen("rpgan")], np.array([1.0]), real_logit=1.0)
    np.testing.assert_allclose(level[Chosen("rpgan")].value, np.log(2))


def test_bounded_divergences_reach_their_bounds_and_kl_does_not(divergences):
    ends = {"JS": np.log(2), "total variation": 1, "squared Hellinger": 2}
    for name, bound in ends.items():
        values = divergences[name].value
        assert values[0] == 0, name
        assert np.all(np.diff(values) > 0), name
        np.testing.assert_allclose(values[-1], bound, rtol=1e-3)
        assert abs(divergences[name].slope[-1]) < 2e-3, name
    for name in ("KL(p, q)", "KL(q, p)"):
        np.testing.assert_allclose(divergences[name].value, APART**2 / 2, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(divergences[name].slope, APART, rtol=1e-7, atol=1e-9)


def test_the_other_closed_forms(divergences):
    forms = {
        "Jeffreys": APART**2,
        "Pearson \u03c7\u00b2": np.expm1(APART**2),
        "Neyman \u03c7\u00b2": np.expm1(APART**2),
        "squared Hellinger": -2 * np.expm1(-(APART**2) / 8),
    }
    for name, form in forms.items():
        np.testing.assert_allclose(divergences[name].value, form, 1e-8, 1e-12, err_msg=name)
    erf = [0, 0.19741265, 0.68268949, 0.99993666]  # of d / sqrt(8)
    np.testing.assert_allclose(divergences["total variation"].value, erf, atol=2e-5)


def test_every_f_divergence_of_the_code_is_in_the_figure(divergences):
    """Up to a factor and what it is at d = 0."""
    rows = {
        name: lambda p, q, row=row: f_divergence(row.f, p, q) for name, row in F_DIVERGENCES.items()
    }
    shown = [curve.value / curve.value[1] for curve in divergences.values()]
    for name, curve in lessons.apart(rows, APART).items():
        less = curve.value - curve.value[0]
        assert any(np.allclose(less / less[1], other, 1e-6) for other in shown), name


def test_the_best_disc():
    x = np.linspace(-3, 3, 13)
    for d in (0.0, 1.0, 4.0):
        best = lessons.best_disc(x, d)
        assert best[6] == 0.5  # x = 0
        np.testing.assert_allclose(best + best[::-1], 1, rtol=1e-12)
        np.testing.assert_allclose(best, 1 / (1 + np.exp(d * x)), rtol=1e-9)
        logs = [-((x - mean) ** 2) / 2 for mean in (-d / 2, d / 2)]
        np.testing.assert_allclose(best, optimal_discriminator(*logs), atol=1e-6)
    assert lessons.best_disc(np.array([-1.0]), 2.0)[0] > 0.5  # the data are on the left


def test_the_pull_on_gen():
    """Alike where they meet, gone for minimax and d for non_saturating where they are far."""
    names = ("minimax", "non_saturating", "max_likelihood", "hinge")
    curves = lessons.apart(
        {name: lessons.claim(Chosen(name))[0] for name in names}, np.array([0.02, 2.0, 8.0])
    )
    np.testing.assert_allclose(curves["minimax"].slope[0], 0.01, rtol=1e-3)
    np.testing.assert_allclose(curves["non_saturating"].slope[0], 0.01, rtol=1e-3)
    assert curves["minimax"].slope[-1] < 1e-3
    np.testing.assert_allclose(curves["non_saturating"].slope[-1], 8, rtol=1e-3)
    np.testing.assert_allclose(curves["max_likelihood"].slope, [0.01, 1, 4], rtol=1e-6)
    np.testing.assert_allclose(
        curves["hinge"].slope[1], 2 * lessons.density(np.array(1.0), 0), rtol=1e-4
    )


def test_a_claim_is_only_for_its_numbers():
    assert lessons.claim(Chosen("wgan")) == (None, THEORY["wgan"].reason)
    assert lessons.claim(Chosen("minimax"))[0]
    assert lessons.claim(Chosen("minimax", (("smooth_real", 0.1),)))[0] is None
    assert lessons.claim(Chosen("blend"))[1].startswith("worked out for zeta 3, m 1")
    assert lessons.claim(Chosen("blend", (("zeta", 3.0),)))[0]


def test_the_objectives_of_configs():
    configs = [
        {"objective": "blend", "objective_args": {"zeta": 3, "unknown": 1, "m": "<b>"}},
        {"objective": "blend", "objective_args": {"zeta": 3}},
        {"objective": "began", "objective_args": {}},
        {"objective": ["hinge"]},
        {"objective": "hinge", "objective_args": None},
        {"objective": "minimax", "objective_args": {"smooth_real": float("nan")}},
        {},
    ]
    found = lessons.chosen(configs)
    assert found == [Chosen("blend", (("zeta", 3.0),)), Chosen("hinge"), Chosen("minimax")]
    assert [o.label for o in found] == ["blend (zeta 3)", "hinge", "minimax"]


def test_a_curve_stops_where_it_leaves_the_picture():
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    first, second = labelled.pieces(x, np.array([0.0, 2.0, 0.0, np.nan, 1.0]), (-1.0, 1.0))
    np.testing.assert_allclose(first, [[0, 0], [0.5, 1]])
    np.testing.assert_allclose(second, [[1.5, 1], [2, 0]])
    (steep,) = labelled.pieces(x, np.array([0.5, 0, 0, 0, -np.inf]), (-1.0, 1.0))
    np.testing.assert_allclose(steep[-1], [3, -1], atol=1e-5)


def test_names_keep_their_order_and_do_not_overlap():
    middles = labelled.spread([50, 51, 52, 180], [13, 26, 13, 13], 0, 200)
    assert np.all(np.diff(middles) >= [19.5, 19.5, 13])
    np.testing.assert_allclose(labelled.spread([199, 200], [13, 13], 0, 200), [180.5, 193.5])
    np.testing.assert_allclose(labelled.spread([0, 1], [13, 13], 0, 200), [6.5, 19.5])
    np.testing.assert_allclose(labelled.spread([20, 80], [13, 13], 0, 200), [20, 80])


def test_names_above_stand_in_rows_that_go_down_to_the_right():
    x = np.linspace(0, 1, 50)
    curves = [labelled.Named([f"slope {k}"], "c0", x, k * x) for k in (8, 6, 4)]
    drawn = labelled.labelled("leaving", curves, (0, 1), (0, 1), ("x", "y"))
    places = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="named', drawn)
    across, down = np.array(places, float).T
    assert len(across) == 3
    assert np.all(np.diff(across) > 0)
    assert np.all(np.diff(down) >= labelled.ROW)


def test_long_names_are_broken_at_their_joints():
    lines = labelled.broken("fgan_total_variation_heuristic")
    assert lines == ["fgan_total_", "variation_", "heuristic"]
    assert labelled.broken("hinge") == ["hinge"]


def test_equal_curves_are_one_with_all_their_names():
    x = np.arange(3.0)
    curves = [
        labelled.Named(["minimax"], "c1", x, x, "thin"),
        labelled.Named(["lsgan"], "c2", x, x**2, "own"),
        labelled.Named(["fgan_gan"], "c3", x, x, "own"),
    ]
    both, other = labelled.merged(curves)
    assert (both.names, both.colour, both.kind) == (["minimax", "fgan_gan"], "c1", "own")
    assert other.names == ["lsgan"]


def names_in(text):
    """The names that stand beside curves, by figure."""
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    return [re.findall(r'<text[^>]*class="named[^"]*"[^>]*>([^<]*)<', each) for each in figures]


def test_a_section_shows_the_runs_objective_beside_the_two():
    section = pages.section_of([to_json(get_config()) | {"objective": "hinge"}])
    assert isinstance(section, markup.Html)
    for names in names_in(section):
        assert set(names) == {"minimax", "non_saturating", "hinge"}
    assert len(names_in(section)) == 3
    assert section.count("line own") == 3  # and the other two are thin
    assert pages.section_of([{"objective": "ebgan"}]) is None
    loss, slope, pull = re.findall(r'<path d="M([^"]*)" class="line own', section)
    lines = (loss, slope, pull)
    down = [[float(point.split()[1]) for point in line.split("L")] for line in lines]
    assert len(set(down[0])) > 50  # -s falls
    assert len(set(down[1])) == 1  # by one a logit
    assert np.all(np.diff(down[2]) >= 0)  # the slope of 2 TV falls too


def test_a_sweep_shows_all_its_objectives_in_the_same_colours():
    configs = [{"objective": name} for name in ("ragan", "wgan", "lsgan")]
    section = pages.section_of(configs)
    assert "What these objectives do" in section
    loss, _, pull = names_in(section)
    assert set(loss) == {"minimax", "non_saturating", "ragan", "wgan", "lsgan"}
    assert set(pull) == {"minimax", "non_saturating", "lsgan"}
    assert "No pull of wgan: unbounded without its Lipschitz constraint." in section
    assert "ragan: disc&#x27;s logit on all reals is 0." in section
    colours = set(re.findall(r'class="named line (c\d)">lsgan<', section))
    assert len(colours) == 1


def test_the_report_shows_them(tmp_path):
    rows = fake_sweep.write(tmp_path, ("hinge", "lsgan"), (0.0,), 1, 100, pictures=False)
    run = tmp_path / "rows" / rows[0]["id"]
    for folder in (tmp_path, run):
        tree = Tree(report.write(folder).read_text())
        assert ("section", "id", "objective") in tree.attributes
        assert ("a", "href", "#objective") in tree.attributes


def test_a_transposed_convolution_in_numbers():
    """What pixels become adds up; 3x3 reaches pixels 1, 2 or 4 times, 4x4 all inside as often."""
    drawn = transposed.panels()
    image, first, others, whole, even, odd, random = (
        np.array(re.findall(r">(-?[\d.]+)</text>", one), float)
        for one in re.findall(r"<figure>.*?</figure>", drawn, re.DOTALL)
    )
    np.testing.assert_array_equal(image, [1, 2, 3, 4])
    np.testing.assert_array_equal(first, np.outer([3, 3, 1, 0], [3, 3, 1, 0]).ravel())
    np.testing.assert_array_equal(first + others, whole)
    inside = [one.reshape(8, 8)[1:-1, 1:-1] for one in (even, odd, random)]
    np.testing.assert_array_equal(inside[0], 4)
    np.testing.assert_array_equal(inside[1][:2, :2], [[1, 2], [2, 4]])
    for board in inside:
        np.testing.assert_array_equal(board, np.tile(board[:2, :2], (3, 3)))
    assert len(np.unique(inside[2])) == 4


def test_all_of_them_on_one_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["lessons", "--out", str(tmp_path / "new")])
    pages.main()
    path = tmp_path / "new" / "lessons.html"
    assert capsys.readouterr().out.strip() == str(path)
    text = path.read_text()
    tree = Tree(text)
    assert tree.count("figure") == 2 + 4 + 2 + 1 + 3 * len(OBJECTIVES) + 7
    assert not re.search(r'd="[^"]*(nan|inf)', text)
    for name in OBJECTIVES:
        assert any(said.startswith(name) for said in tree.texts), name
