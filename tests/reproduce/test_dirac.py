"""The Dirac-GAN's verdicts and eigenvalues: the project's losses and steps where all is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from gan_jax import reproduce
from gan_jax.reproduce import dirac, dirac_game
from gan_jax.reproduce.work import Work

VERDICTS = {
    ("minimax", "simultaneous"): "diverges",
    ("minimax", "alternating"): "orbits",
    ("non_saturating", ""): "creeps in (sub-linearly)",
    ("wgan", ""): "cycles",
    ("wgan_gp", ""): "cycles",
    ("consensus", ""): "converges only locally",
    ("", ""): "converges",
}


def known(method, schedule):
    """The first entry whose words begin the cell's."""
    for (name, kind), verdict in VERDICTS.items():
        if (method == name or not name) and schedule.startswith(kind):
            return verdict
    return None


pytestmark = pytest.mark.slow  # the whole table is made for them


@pytest.fixture(scope="module")
def rows():
    return {(row["method"], row["schedule"]): row for row in dirac.run(Work(Path()))}


def test_every_cell_has_a_row(rows):
    assert len(rows) == 9 * 3 + 3
    assert list(rows) == dirac.cells()
    json.dumps(list(rows.values()), allow_nan=False)


@pytest.mark.parametrize("cell", dirac.cells(), ids="-".join)
def test_known_verdicts_come_out(cell, rows):
    assert rows[cell]["verdict"] == known(*cell)


@pytest.mark.parametrize("cell", dirac.cells(), ids="-".join)
def test_the_steps_eigenvalues_are_those_of_the_formulas(cell, rows):
    row = rows[cell]
    found, expected = (np.array(row[f"eigenvalues_{k}"]) for k in ("measured", "predicted"))
    assert len(expected) == {"optimistic": 4, "wgan_gp": 0}.get(row["method"], 2)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize(("gamma", "method"), [(0.3, "minimax_r1_0.3"), (1.0, "minimax_r1_1")])
def test_r1s_field_has_the_papers_eigenvalues(gamma, method, rows):
    """-gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4), so critical at gamma = 1. Mescheder et al. 2018."""
    update = np.array(rows[method, "simultaneous"]["eigenvalues_measured"]) @ [1, 1j]
    field = (update - 1) / dirac_game.STEP
    root = np.emath.sqrt(gamma**2 / 4 - 1 / 4)
    np.testing.assert_allclose(field, [-gamma / 2 - root, -gamma / 2 + root], atol=1e-7)


def sig(t):
    return 1 / (1 + np.exp(-t))


@pytest.mark.parametrize("schedule", ["simultaneous", "alternating_1", "alternating_5"])
def test_the_path_by_hand(schedule):
    """non_saturating's update: theta + h psi sig(-psi theta), psi - h theta sig(psi theta)."""
    theta, psi = 1.0, -1.0
    path = dirac.trajectories()["non_saturating", schedule]
    for found in path[:20]:
        np.testing.assert_allclose(found, [theta, psi], rtol=1e-12)
        old = psi
        for _ in range(max(1, dirac_game.SCHEDULES[schedule])):
            psi -= 0.2 * theta * sig(psi * theta)
        seen = old if schedule == "simultaneous" else psi
        theta += 0.2 * seen * sig(-seen * theta)


def test_verdicts_by_their_rule():
    t, angle = np.arange(501), 0.1 * np.arange(501)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    still = circle[:2]

    def said(norm, far=still):
        return dirac.verdict(norm[:, None] * circle, far)

    assert said(1.002**t) == "diverges"
    assert said(np.where(t < 400, 1.0, np.nan)) == "diverges"
    assert said(0.99**t) == said(0.5**t) == "converges"
    assert said(0.99**t, far=np.array([[1.0, 0], [2, 0]])) == "converges only locally"
    assert said(1 / np.sqrt(1 + t)) == "creeps in (sub-linearly)"
    assert said(np.ones(501)) == "orbits"
    assert said(1 + 0.8**t) == said(1 - 0.5 * 0.8**t) == "cycles"


def test_the_table_is_written_with_its_own_columns_and_picture(tmp_path, rows):
    text = reproduce.reproduce("dirac", tmp_path, quick=True)
    assert text == (tmp_path / "table.md").read_text()
    lines = text.splitlines()
    assert lines[0].startswith("| method | schedule | norm after 500 steps | verdict |")
    assert len({line.count("|") for line in lines[: len(rows) + 2]}) == 1
    table = json.loads((tmp_path / "table.json").read_text())
    assert table["rows"] == list(rows.values())
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
