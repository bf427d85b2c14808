"""From a config file to a good config, or one error that says where, what and what is expected."""

import re

import pytest
import tiny

from gan_jax.config import to_json
from gan_jax.config.leaves import USUAL_WEIGHTS
from gan_jax.games import make_setup
from gan_jax.games.play import terms
from gan_jax.host.errors import ConfigError, DataMissingError
from gan_jax.objectives.penalties import WEIGHTS_TAKEN
from gan_jax.training import experiment

GOOD = """
from gan_jax.config import get_config as defaults

def get_config(name="gaussian1d"):
    c = defaults()
    c.data.name = name
    c.gen.args.hidden = c.disc.args.hidden = (4,)
    return c
"""
FILES = {
    "": "has no get_config(): expected a function",
    "get_config = 3": "has no get_config(): expected a function",
    "def get_config():\n    return 1 / 0": "config.py:2: ZeroDivisionError: division by zero",
    "x = 1\n\nraise KeyError('seven')": "config.py:3: KeyError: seven",
    "def get_config(:\n    pass": "config.py:1: SyntaxError: invalid syntax",
    "import sys\nsys.exit(0)": "config.py:2: SystemExit: 0",
    "import nowhere": "config.py:1: ModuleNotFoundError: No module named 'nowhere'",
    "def get_config():\n    return 3": "get_config() returned 3: expected a config",
    "def get_config(arg):\n    return 3": "expected --config FILE:ARG",
    GOOD.replace("return c", "c.batchsize = 3"): 'config.py:8: AttributeError: Key "batchsize"',
    GOOD.replace("return c", "c.steps = 'ten'"): "config.py:8: TypeError: Could not override",
    GOOD.replace("return c", "c.unlock(); c.oh = 3; del c.seed; return c"): (
        "the config lacks seed, has an unknown key oh"
    ),
    "from ml_collections import ConfigDict as get_config": (
        "the config lacks activation_dtype, lacks batch_size, "
    ),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("text", FILES)
def test_what_is_wrong_in_a_file_is_one_line_with_the_place(text, file, monkeypatch):
    file.write_text(text)
    monkeypatch.chdir(file.parent)
    for name in (str(file), file.name):
        with pytest.raises(ConfigError, match=re.escape(FILES[text])) as error:
            experiment.load_setup(name)
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(name)


def test_the_nearest_file_is_named(file):
    (file.parent / "other.py").touch()
    with pytest.raises(ConfigError, match=r"Did you mean .*config\.py"):
        experiment.load_setup(str(file.with_name("confg.py")))


def test_the_argument_goes_to_get_config(file):
    assert experiment.load_setup(f"{file}:ring").config.data.name == "ring"
    file.write_text(GOOD.replace('name="gaussian1d"', "").replace("= name", '= "ring"'))
    with pytest.raises(ConfigError, match="expected --config FILE, as it takes no argument"):
        experiment.load_setup(f"{file}:ring")


OVERRIDES = {
    "gen.lrr=1": "'gen.lrr' is unknown.*Did you mean 'gen.lr'",
    "gen=1": "config key 'gen' is unknown",
    "steps=1.5": "steps is '1.5': expected int",
    "steps=true": "steps is 'true': expected int",
    "steps=0": "steps is 0: expected",
    "steps=99999999999": "steps is 99999999999: expected",
    "batch_size=0": "batch_size is 0: expected",
    "batch_size=1e-1": "batch_size is '1e-1': expected int",
    "steps=1e99": "steps is '1e99': expected int",
    "seed=-1": "seed is -1: expected",
    "gen.lr=-1": "gen.lr is -1.0: expected",
    "gen.lr=nan": "gen.lr is nan: expected a finite",
    "disc.lr=inf": "disc.lr is inf: expected a finite",
    "disc.lr=1e999": "disc.lr is inf: expected a finite",
    "penalty.weight=-inf": "penalty.weight is -inf: expected",
    "penalty.weight=-1": "penalty.weight is -1.0: expected",
    "ema.decay=1": "ema.decay is 1.0: expected",
    "data.low=0.5": "data.low is 0.5: expected",
    "eval_every_steps=150": "eval_every_steps is 150: expected a multiple",
    "objective=hinje": "objective 'hinje' is unknown.*Did you mean 'hinge'",
    "objective=wgan_gp": "expected objective 'wgan' with penalty.name 'wgan_gp'",
    "objective=R3GAN": "expected objective 'rpgan' with penalty.name 'r1r2'",
    "gen.net=mpl": "gen.net 'mpl' is unknown.*Did you mean 'mlp'",
    "disc.net=": "disc.net '' is unknown",
    "disc.view=momens": "Did you mean 'moments'",
    "data.name=rin": "data 'rin' is unknown.*Did you mean 'ring'",
    "penalty.name=r11": "penalty.name 'r11' is unknown.*Did you mean 'r1'",
    "dynamics.name=alternate": "Did you mean 'alternating'",
    "gen.optimizer=adamm": "Did you mean 'adam'",
    "disc.schedule=cosin": "Did you mean 'cosine'",
    "latent.law=unifrom": "Did you mean 'uniform'",
    "precision=hi": "precision 'hi' is unknown: choose from",
    "gen.args.hiden=(3,)": "gen.args of net 'mlp' 'hiden' is unknown.*Did you mean 'hidden'",
    "disc.args.hidden=4": "disc.args of net 'mlp': hidden is 4: expected tuple",
    "gen.args.hidden=(0,)": "cannot be built.*ZeroDivisionError.*see gen.args",
    "gen.args.hidden=(-3,)": "cannot be built.*must all be positive.*see gen.args",
    "gen.args.act=reluu": "activation 'reluu' is unknown.*Did you mean 'relu'",
    "objective_args.smooth_reel=0.9": "Did you mean 'smooth_real'",
    "objective_args.smooth_real=high": "smooth_real is 'high': expected a finite number",
    "objective_args.smooth_real=True": "smooth_real is True: expected a finite number",
    "penalty.args.target=1": "penalty.args.target: nothing here takes numbers",
    "dynamics.args.kk=1": "dynamics.args",
    "data.args.stdd=2": "Did you mean 'std'",
    "data.args.std=nan": "data.args.std is nan: expected a finite number",
    "data.args.std=0": "data.args.std is 0: expected a number above 0",
    "data.name=ring data.args.sigma=-0.1": "sigma is -0.1: expected a number above 0",
    "data.name=ring data.args.modes=7.5": "modes is 7.5: expected an int of at least 1",
    "data.name=grid data.args.side=0": "side is 0: expected an int of at least 1",
    "data.name=mnist5k data.split=trin": "data.split 'trin': 'trin' is not one of the splits",
    "data.name=mnist5k batch_size=4001": "batch_size is 4001: expected at most 4000",
    "latent.law=uniform latent.low=1": "latent.low is 1.0: expected below 1.0",
    "dynamics.name=simultaneous dynamics.k_disc=2": "k_disc is 2: expected 1",
}


def load(file, text):
    return experiment.load_setup(
        str(file), dict(word.split("=", 1) for word in text.split())
    ).config


@pytest.mark.parametrize("path", tiny.EXPERIMENTS, ids=lambda p: p.stem)
def test_a_misspelt_variant_of_an_experiment_is_refused(path):
    with pytest.raises(ConfigError):
        experiment.load_setup(f"{path}:minst")


@pytest.mark.parametrize("text", OVERRIDES)
def test_bad_values_name_leaf_value_and_what_is_expected(text, file):
    with pytest.raises(ConfigError, match=OVERRIDES[text]) as error:
        load(file, text)
    assert "\n" not in str(error.value)
    assert "; " not in str(error.value)  # and nothing else


def test_all_mistakes_are_in_one_message(file):
    text = "gen.lrr=1 steps=x gen.lr=-1 batch_size=0 objective=hinje disc.net=mpl latent.law=flat"
    with pytest.raises(ConfigError) as error:
        load(file, text)
    assert str(error.value).count("; ") == 6
    for word in ("'gen.lrr'", "steps", "gen.lr is", "batch_size", "'hinje'", "'mpl'", "'flat'"):
        assert word in str(error.value)
    assert str(error.value).count("gen.lr is") == 1


def test_arguments_of_everything_are_in_one_message(file):
    text = "gen.args.a=1 disc.args.b=1 data.args.c=1 objective_args.d=1 penalty.args.e=1 gen.lr=-1"
    with pytest.raises(ConfigError) as error:
        load(file, text)
    assert str(error.value).count("; ") == 5


def test_good_overrides_arrive_typed(file):
    config = load(file, "gen.lr=1 gen.args.hidden=(3,4) data.args.std=2 data.dir=/x ema.decay=0")
    assert config.gen.lr == 1.0
    assert isinstance(config.gen.lr, float)
    assert config.gen.args.hidden == (3, 4)
    assert config.data.args.std == 2
    assert config.data.dir == "/x"


def test_a_swapped_net_starts_from_its_defaults_and_says_so(file, caplog):
    config = load(file, "data.name=digits gen.net=dcgan disc.net=mlp seed=3")
    assert (config.gen.net, dict(config.gen.args)) == ("dcgan", {})
    assert (config.disc.net, config.disc.args.hidden) == ("mlp", (4,))  # it is the file's own net
    assert caplog.messages == [
        "gen.net is dcgan: gen.args of mlp (hidden) are left out, and it starts from its defaults"
    ]
    caplog.clear()
    file.write_text(GOOD.replace("c.gen.args.hidden = c.disc.args.hidden = (4,)", ""))
    load(file, "gen.net=maxout")
    assert caplog.messages == []  # there was nothing to leave out


def test_args_given_beside_a_swapped_net_are_that_nets(file):
    config = load(file, "data.name=digits gen.net=dcgan gen.args.channels=(8,4)")
    assert dict(config.gen.args) == {"channels": (8, 4)}
    with pytest.raises(ConfigError, match=r"gen\.args of net 'dcgan' 'hidden' is unknown"):
        load(file, "data.name=digits gen.args.hidden=(4,) gen.net=dcgan")


@pytest.mark.parametrize("name", terms.PENALTY_TERMS)
def test_a_penalty_has_a_usual_weight_or_has_to_be_given_one(name, file):
    if name in USUAL_WEIGHTS:
        assert load(file, f"penalty.name={name}").penalty.weight == 10.0
    else:
        taken = WEIGHTS_TAKEN.get(name)  # as far as papers are known to say
        such = f", such as {re.escape(taken)}" if taken else ""
        told = rf"not given, and penalty '{name}' has no .* of at least 0{such}$"
        with pytest.raises(ConfigError, match=told):
            load(file, f"penalty.name={name}")
    for weight in (0.0, 3.0):  # what is given stays, also where the name comes after it
        given = f"latent.dim=1 penalty.weight={weight} penalty.name={name}"
        assert load(file, given).penalty.weight == weight


def test_a_step_without_a_weight_is_refused_too():
    """By whoever takes a config from Python and checks nothing."""
    config = tiny.config(penalty__name="r1")
    with pytest.raises(ConfigError, match=r"penalty\.weight is not given"):
        make_setup(config)


def test_missing_data_say_where_it_looked_and_what_prepares_them(file, tmp_path):
    with pytest.raises(DataMissingError, match=r"nodata/mnist.*gan-jax data prepare mnist"):
        load(file, f"data.name=tfds:mnist data.dir={tmp_path}/nodata")
    with pytest.raises(ConfigError, match=r"gen\.lr"):  # what can be mended at once comes first
        load(file, f"data.name=tfds:mnist data.dir={tmp_path}/nodata gen.lr=-1")


def test_the_state_is_known_without_computing_it():
    config = tiny.config()
    like = experiment.state_like(make_setup(config))
    assert like.players["gen"].params["out"]["linear"]["kernel"].shape == (4, 1)
    assert to_json(config) == to_json(tiny.config())


@pytest.mark.parametrize("path", tiny.EXPERIMENTS, ids=lambda p: p.stem)
def test_every_experiment_of_ours_is_good(path):
    try:
        experiment.load_setup(str(path), tiny.overrides(path))
    except DataMissingError:
        pytest.skip("needs data that have to be prepared")
