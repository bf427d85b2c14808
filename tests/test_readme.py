"""What the front page and docs/ tell people to write works as it stands there."""

import re
import shlex
import sys
import textwrap
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax import data, games, nets, objectives
from gan_jax.cli.flags import make_parser as parser
from gan_jax.config.file import experiments
from gan_jax.config.leaves import ARGS
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate import EVALUATORS
from gan_jax.objectives.penalties import PENALTIES
from gan_jax.report import readme
from gan_jax.sweeps.rows import resolve
from gan_jax.training import experiment

MADE = {"FILE.py", "compare.py", "few.py"}
PAGES = {page.name: page.read_text() for page in (readme.ROOT / "docs").glob("*.md")}
PAGES["README.md"] = readme.PAGES[0].read_text()
CODE = list(
    dict.fromkeys(
        textwrap.dedent(block).strip()
        for page in PAGES.values()
        for block in re.findall(r"(?:^ {4}.*\n|^\n)+", page, re.MULTILINE)
    )
)


def module(monkeypatch, words, package=None):
    """The one block with these words as a module, and as a file of the package."""
    (code,) = [block for block in CODE if words in block]
    name = f"{package.__name__}.from_readme" if package else "from_readme"
    made = types.ModuleType(name)
    exec(code, made.__dict__)
    if package:
        monkeypatch.setitem(sys.modules, name, made)
        for lookup in (package, package._FILES):
            monkeypatch.setattr(lookup, "names", lambda: ["from_readme"])
    return made


def test_its_objective(monkeypatch):
    """Its lines show what D is and how often it is right."""
    (code,) = [block for block in CODE if "def reverse_kl" in block]
    found = dict(vars(objectives))
    exec(code, found)
    real_B, fake_B = np.asarray([3.0, 0.0]), np.asarray([-0.5, 2.0])
    losses = found["reverse_kl"](real_B, fake_B)
    np.testing.assert_allclose(losses.disc, np.log1p(np.exp([[-3, 0], [-0.5, 2]])).sum(0), 1e-6)
    np.testing.assert_allclose(losses.gen, -fake_B)
    monkeypatch.setitem(objectives.OBJECTIVES, "reverse_kl", found["reverse_kl"])
    assert objectives.meaningless("reverse_kl") == ()


def test_its_architecture(monkeypatch):
    module(monkeypatch, "class Generator", nets)
    gen = nets.make_generator("from_readme", {"width": 4}, (8, 8, 1), "tanh")
    disc = nets.make_discriminator("from_readme", {"width": 4}, (8, 8, 1))
    x = jnp.ones((5, 3))
    for net, shape in ((gen, (5, 8, 8, 1)), (disc, (5,))):
        params, vars = net.init(jax.random.key(0), x)
        x = net.apply(params, vars, x, None, False)[0]
        assert x.shape == shape
        assert any(4 in leaf.shape for leaf in jax.tree.leaves(params))
    config = tiny.config(data__name="digits", gen__net="from_readme", disc__net="from_readme")
    config.gen.args, config.disc.args = ConfigDict(), ConfigDict()
    experiment.check(config)


def test_its_data_set(monkeypatch):
    law = module(monkeypatch, "def log_density", data)
    x_Nx2 = law.sample(jax.random.key(0), 1000)
    assert np.allclose(np.exp(law.log_density(x_Nx2)), 1 / 4)
    assert law.log_density(np.asarray([[0.0, 1.5]])) == -np.inf
    assert np.abs(x_Nx2).max() == pytest.approx(1, abs=0.01)
    experiment.check(tiny.config(data__name="from_readme"))


def test_its_experiment(monkeypatch):
    experiment.check(module(monkeypatch, "on the bundled 8x8 digits").get_config())


@pytest.mark.parametrize(("words", "rows"), [('"minimax", "hinge"', 32), ('"hinge", "non', 8)])
def test_its_sweeps(monkeypatch, words, rows):
    made = module(monkeypatch, words)
    assert len(resolve(made.get_config(), made.SWEEPS["losses"])) == rows


def commands():
    """Each command of the pages in words, its continued lines joined and its comment left out."""
    for block in CODE:
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("gan-jax "):
                yield shlex.split(line.removesuffix(" &"), comments=True)[1:]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_its_commands_have_flags_that_there_are(words):
    parser()[0].parse_known_args(words)
    overrides = [word for word in words if word.startswith("--config.")]
    known = config_lib.flatten(config_lib.get_config())
    for key in (word.removeprefix("--config.").partition("=")[0] for word in overrides):
        assert key in known or key.rpartition(".")[0] in ARGS
    names = [words[i + 1] for i, word in enumerate(words) if word == "--config"]
    assert all(name.partition(":")[0] in experiments() or name in MADE for name in names)


def test_its_links_lead_to_files():
    for name, page in PAGES.items():
        folder = readme.ROOT if name == "README.md" else readme.ROOT / "docs"
        for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page):
            assert (folder / link).exists(), f"{name}: {link}"


def test_the_front_page_is_short():
    assert len(PAGES["README.md"].splitlines()) < 250


def test_its_step(monkeypatch):
    """Of a config that is quick to compile: the code asks get_config for it."""
    small = tiny.config(data__name="mnist5k")
    monkeypatch.setattr("gan_jax.config.get_config", lambda: small)
    made = module(monkeypatch, "make_train_step(config)")
    assert int(made.state.step) == 1
    assert np.isfinite(made.metrics["gen_loss"])


def test_its_images(monkeypatch, tmp_path):
    made = module(monkeypatch, "My images", data)
    for split, n in (("train", 6), ("test", 4)):
        x = np.full((n, 32, 32, 3), n, np.uint8)
        np.savez(tmp_path / f"{split}.npz", x=x)
    monkeypatch.setattr(made, "SPLITS", {"train": 6, "test": 4})
    assert made.load("train[:2]+test", tmp_path).x[:, 0, 0, 0].tolist() == [6, 6, 4, 4, 4, 4]
    config = tiny.config(data__name="from_readme", data__dir=str(tmp_path), batch_size=6)
    experiment.check(config)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("objectives.md", objectives.OBJECTIVES),
        ("objectives.md", PENALTIES),
        ("objectives.md", DYNAMICS),
        ("networks.md", nets.names()),
        ("metrics.md", EVALUATORS),
        ("games.md", games.names()),
        ("data.md", data.names()),
        ("training.md", experiments()),
    ],
)
def test_they_list_what_there_is(page, names):
    """Of f-divergences, which are many, the first two."""
    listed = set(re.findall(r"\w+", PAGES[page]))
    assert {n for n in names if not n.startswith("fgan_")} <= listed
