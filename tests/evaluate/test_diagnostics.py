"""Each symptom on lines made by hand: it is found when it is there, and not a look earlier."""

import pytest
import tiny

from gan_jax.data import open_data
from gan_jax.evaluate.diagnostics import Diagnosis, Finding, facts, parts_at_zero
from gan_jax.evaluate.symptoms import COLLAPSE, NOT_BEGUN, SYMPTOMS, YOUNG, Game
from gan_jax.objectives import OBJECTIVES

GAME = Game(steps=4_000, has_threshold=True, modes=8, classes=10)
HEALTHY = {
    "disc_loss": 1.2,
    "watch/auc": 0.8,
    "watch/gen_grad": 1.0,
    "watch/logit_real": 0.5,
    "watch/logit_fake": -0.4,
    "watch/logit_held": 0.4,
    "watch/spread": 0.9,
    "watch/variety": 0.8,
    "watch/place": 0.1,
}


def lines(n=20, start=200, **functions):
    """Healthy looks that are never the same, with functions(i) in the place of some numbers."""
    made = []
    for i in range(n):
        jitter = 1 + 0.01 * ((7 * i) % 5)
        line = {name: value * jitter for name, value in HEALTHY.items()} | {"watch/auc": 0.8}
        line |= {name: f(i) for name, f in functions.items() if name in line}
        line |= {f"watch/{name}": f(i) for name, f in functions.items() if f"watch/{name}" in line}
        made.append({"step": start + 200 * i, **line})
    return made


def series(**functions):
    """Held-out reals are judged like the others unless a series says how."""
    if "logit_real" in functions:
        functions.setdefault("logit_held", lambda i: functions["logit_real"](i) - 0.1)
    return functions


def found(lines, game=GAME):
    return {f.label: f.step for f in Diagnosis(game, lines).found.values()}


def after(i, sick, healthy):
    return lambda j: sick(j) if j >= i else healthy + j / 999


def test_health_has_no_label():
    assert found(lines(60)) == {}
    assert found(lines(60), GAME._replace(has_threshold=False)) == {}


SICK = {
    "gen stands still": series(
        place=after(5, lambda i: 0.3, 0.1), spread=after(5, lambda i: 0.9, 0.8)
    ),
    "disc stands still": series(logit_real=after(5, lambda i: 0.3, 0.1)),
    "mode collapse": series(variety=after(5, lambda i: 0.2 + i / 1000, 0.9)),
    "disc wins": series(
        auc=after(5, lambda i: 1.0, 0.8),
        disc_loss=after(5, lambda i: 0.001, 1.2),
        gen_grad=after(5, lambda i: 1e-4 * (1 + i), 1.0),
    ),
    "disc takes all for real": series(
        logit_real=after(5, lambda i: 30.0 + i, 0.5), logit_fake=after(5, lambda i: 25.0 + i, -0.4)
    ),
    "disc takes all for fake": series(
        logit_real=after(5, lambda i: -30.0 - i, 0.5),
        logit_fake=after(5, lambda i: -25.0 - i, -0.4),
    ),
    "samples far from the data": series(place=after(5, lambda i: -6.0, 0.1)),
    "oscillation": series(place=after(5, lambda i: 1.5 * (-1) ** i, 0.1)),
    "disc overfits": series(
        logit_real=after(5, lambda i: 4.0 + i / 99, 0.5),
        logit_fake=after(5, lambda i: -1.0 - i / 99, -0.4),
        logit_held=after(5, lambda i: -0.5 - i / 99, 0.4),
    ),
}


@pytest.mark.parametrize("label", sorted(SICK))
def test_a_symptom_is_found_when_it_has_lasted(label):
    """Look 5, at step 1,200, is the first sick one; nothing else is found, and nothing before."""
    patience = SYMPTOMS[label][1]
    sick = found(lines(**SICK[label]))
    assert set(sick) == {label}
    assert 1_200 <= sick[label] <= 1_200 + 200 * patience
    assert found(lines(5, **SICK[label])) == {}
    assert found(lines(5 + min(patience, 3) - 1, **SICK[label])) == {}


def test_judgements_that_grow_without_end():
    up, down = lambda i: 2.0 * 1.4**i, lambda i: -1.9 * 1.4**i
    growing = lines(12, **series(logit_real=up, logit_fake=down))
    assert set(found(growing)) == {"disc unbounded"}
    settled = lines(30, **series(logit_real=lambda i: min(2.0 * 1.4**i, 14) + i / 999))
    assert found(settled) == {}
    small = lines(12, **series(logit_real=lambda i: 0.1 * 1.4**i))
    assert found(small) == {}
    assert found(growing, GAME._replace(steps=40_000)) == {}  # a young run's first growth


def test_where_differences_count_so_does_their_growth():
    """To either side; the level may go where it likes."""
    differ, up = GAME._replace(has_threshold=False), lambda i: 2.0 * 1.4**i
    level = lines(12, **series(logit_real=lambda i: up(i) + 1, logit_fake=up))
    assert found(level, differ) == {}
    turning = lines(12, **series(logit_real=lambda i: up(i) * (-1) ** i, logit_fake=lambda i: 0.1))
    assert set(found(turning, differ)) == {"disc unbounded"}
    fakes_above = lines(12, **series(logit_real=lambda i: 0.1, logit_fake=up))
    assert "disc unbounded" in found(fakes_above, differ)


def test_a_disc_that_has_won_before_the_first_line():
    won = {"auc": lambda i: 1.0, "disc_loss": lambda i: 1e-3 / (1 + i)}
    won |= series(logit_real=lambda i: 8.0 + i / 9, logit_fake=lambda i: -8.0 - i / 9)
    assert set(found(lines(**won))) == {"disc wins"}
    assert found(lines(**won), GAME._replace(has_threshold=False)) == {}


def test_every_symptom_is_tested_here():
    assert set(SICK) | {"disc unbounded"} == set(SYMPTOMS)


@pytest.mark.parametrize(
    "well",
    [
        series(disc_loss=lambda i: 1e-9, auc=lambda i: 1.0),  # relativistic hinge: gen still learns
        series(auc=lambda i: 1.0, gen_grad=lambda i: 1e-6 * (1 + i)),  # disc still has a loss
        series(gen_grad=lambda i: 1 / (1 + i) ** 3),  # gen is done
        series(variety=after(5, lambda i: 0.26 + i / 999, 0.9)),  # less varied, but no collapse
        series(spread=after(5, lambda i: 0.05 + i / 999, 0.9)),  # tight clusters, as varied
        series(
            logit_real=lambda i: 12.0 + i / 9, logit_fake=lambda i: -12.0 - i / 9
        ),  # sure, and right
        series(logit_real=lambda i: 30 + i / 9, logit_fake=lambda i: 6 + i / 9),  # far apart
        # disc has won, but gen still learns; gen learns no more, but disc has a loss
        series(disc_loss=after(5, lambda i: 1e-4 * (1 + i), 1.2), auc=lambda i: 1.0),
        series(gen_grad=after(5, lambda i: 1e-6 * (1 + i), 1.0), auc=lambda i: 1.0),
        series(place=lambda i: 0.3),  # but other samples
        series(place=lambda i: 1.2 * abs(i % 8 - 4)),  # there and back, slowly
        series(place=lambda i: 0.3 * (-1) ** i),  # it trembles
        series(logit_held=lambda i: 0.2 + i / 999),
    ],
)
def test_what_looks_like_a_symptom_and_is_none(well):
    shown = {"disc_loss": lambda i: 1.2, **well}
    assert found(lines(**shown)) == {}


def test_only_differences_count_for_some():
    """A wgan's critic may call everything real."""
    high = series(logit_real=lambda i: 30.0 + i / 99, logit_fake=lambda i: 25.0 + i / 99)
    assert found(lines(**high), GAME._replace(has_threshold=False)) == {}
    assert found(lines(**high)) == {"disc takes all for real": 400}


def narrow(n=20, width=0.02, start=200, **functions):
    """A gen that has never made but nearly equal samples."""
    usual = {"spread": lambda i: width + i / 9999, "variety": lambda i: 0.12}
    return lines(n, start, **usual | functions)


def test_a_gen_that_has_yet_to_open_up_is_not_collapsed():
    assert found(narrow()) == {COLLAPSE: 1_000}  # a fifth of the run has passed, and 1,000 updates
    assert found(narrow(), GAME._replace(steps=100_000)) == {}
    # images are wide long before they are varied, but not for ever
    assert found(narrow(19, width=0.15)) == {}
    assert found(narrow(width=0.15)) == {COLLAPSE: 4_000}
    # what gen made while it was young does not count
    assert found(narrow(5, width=0.15), GAME._replace(steps=1_000)) == {}
    slow = narrow(width=0.15, variety=lambda i: 0.12 if i < 19 else 0.3)
    assert found(slow) == {}
    # by then gen has had as many updates as others in 4,000 steps
    assert found(narrow(4, start=50), GAME._replace(steps=800)) == {}
    often = GAME._replace(steps=3_000, updates=20)
    assert found(narrow(4), often) == {COLLAPSE: 800}


def test_collapse_does_not_depend_on_where_samples_lie_or_how_wide_they_are():
    """A crescent in a square: half as wide, but two samples are alike five times as often."""
    crescent = series(
        spread=after(5, lambda i: 0.6 + i / 999, 1.0), variety=after(5, lambda i: 0.2, 0.9)
    )
    assert found(lines(**crescent)) == {COLLAPSE: 1_800}


def test_samples_that_travel_do_not_oscillate():
    assert set(found(lines(place=lambda i: 2.0 * i))) == {"samples far from the data"}
    assert set(found(lines(spread=lambda i: 2.0 * i))) == {"samples far from the data"}
    assert found(lines(place=lambda i: 6.0 if i < 3 else 0.1 * i)) == {}  # they may begin there


def test_samples_that_become_one_point_are_collapsed_at_once():
    """Even though they never were as varied as half the data."""
    fell = {"variety": after(5, lambda i: 0.14, 0.4), "spread": after(5, lambda i: 1e-6 * i, 0.5)}
    assert found(lines(6, **fell)) == {COLLAPSE: 1_200}
    assert found(lines(6, **fell), GAME._replace(steps=100_000)) == {}  # it is young


@pytest.mark.parametrize("step", [1, 100, 300, 999])
def test_a_run_that_was_stopped_young_has_not_begun(step):
    """And is not collapsed, whatever its classes."""
    game = GAME._replace(steps=step)
    [line] = narrow(1, start=step, width=0.15)
    assert found([line], game) == {NOT_BEGUN: step}
    assert found([line | {"eval/classes": 1}], game) == {NOT_BEGUN: step}
    assert found([{"step": step, "eval/classes": 1}], game) == {NOT_BEGUN: step}
    assert found([line], GAME) == {}  # it goes on
    [varied] = lines(1, start=step)
    assert found([varied], game) == {}


def test_a_run_that_is_no_longer_young_has_begun():
    game = GAME._replace(steps=YOUNG)
    [line] = narrow(1, start=YOUNG, width=0.15)
    assert found([line], game) == {}
    assert found([line | {"eval/classes": 1}], game) == {COLLAPSE: YOUNG}
    assert found([line], GAME._replace(steps=YOUNG, updates=1)) == {}
    early = [line | {"step": 200}]
    assert found(early, GAME._replace(steps=200, updates=20)) == {}  # 4,000 updates


def test_a_gen_that_never_moves_stands_still_and_has_not_begun():
    """It is called neither collapsed nor anything else."""
    frozen = narrow(20, place=lambda i: 0.3, spread=lambda i: 0.02)
    last = GAME._replace(steps=4_000)
    assert set(found(frozen, last)) == {"gen stands still", NOT_BEGUN}


def test_lines_of_a_run_from_before_variety_was_measured_give_no_false_alarm():
    old = [{k: v for k, v in line.items() if k != "watch/variety"} for line in narrow()]
    assert found(old) == {}


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({"eval/modes": 2, "eval/high_quality": 0.9}, "mode collapse"),
        ({"eval/modes": 3, "eval/high_quality": 0.9}, ""),
        ({"eval/modes": 2, "eval/high_quality": 0.1}, ""),
        ({"eval/classes": 2}, "mode collapse"),
        ({"eval/classes": 3}, ""),
    ],
)
def test_mode_collapse_by_an_evaluation(values, label):
    good = {"eval/modes": 8, "eval/high_quality": 0.9} if "eval/modes" in values else {}
    good = good or {"eval/classes": 10}
    looks = [{"step": 1005, **values}, {"step": 1010, **values}]
    assert found(looks) == ({label: 1010} if label else {})
    assert found(looks[:1]) == {}  # one look may be at a bad moment
    assert found([looks[0], {"step": 1010, **good}, {"step": 1015, **values}]) == {}
    game = GAME._replace(steps=8_000)
    young = [{"step": 1200, **values}, {"step": 1600, **values}]
    assert found(young, game) == {}  # a fifth of the run: gen may have yet to open up
    assert found([*young, {"step": 1800, **good}], game) == {}
    assert found([*young, {"step": 1605, **values}], game) == {}
    assert found([{"step": 5, **good}, *young], game) == ({label: 1600} if label else {})
    assert list(found([{"step": GAME.steps, **values}])) == ([label] if label else [])


def test_a_resumed_run_finds_what_a_whole_one_finds():
    whole = lines(**SICK["mode collapse"])
    first = Diagnosis(GAME, whole[:7])
    news = [f for line in whole[7:] for f in first.add(line)]
    assert first.found == Diagnosis(GAME, whole).found
    assert [f.label for f in news] == ["mode collapse"]  # told once


def test_a_finding_is_kept_once():
    diagnosis = Diagnosis(GAME)
    assert diagnosis.tell(Finding("x", 1, "a"))
    assert not diagnosis.tell(Finding("x", 2, "b"))
    assert diagnosis.found["x"].step == 1


def test_which_objectives_part_at_a_threshold():
    differences = {name for name in OBJECTIVES if not parts_at_zero(name)}
    assert differences == {"wgan", "ragan", "rpgan"}
    assert not parts_at_zero("began")


def test_facts_of_a_config():
    def known(**leaves):
        config = tiny.config(**leaves)
        return facts(config, open_data(config))

    assert known(data__name="ring") == Game(40, True, 8, 0, 1)
    assert known(data__name="digits", objective="wgan") == Game(40, False, 0, 10, 1)
    assert known() == Game(40, True, 0, 0, 1)
