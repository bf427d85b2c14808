"""The command line: one plain line and an exit code for every mistake; what the verbs print."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny
from toy_sets import encode

from gan_jax import __version__
from gan_jax import config as config_lib
from gan_jax.cli import flags, main, sweeping
from gan_jax.evaluate import SCHEDULED
from gan_jax.host.errors import ConfigError
from gan_jax.sweeps import launch
from gan_jax.training.folder import RunDir
from gan_jax.training.results import as_begun, read_made_with

TRAIN = "train --config tiny_experiment.py --workdir"
LABELS = [f"--config.{player}.condition=concat" for player in ("gen", "disc")]
LABELS += ["--config.data.name=digits"]
EXPERIMENT = """
import sys
sys.path.insert(0, {tests!r})
import tiny
from toy_sets import encode

def get_config(name="gaussian1d"):
    c = tiny.config(steps=10, log_every_steps=5, eval_every_steps=10, sample_every_steps=10)
    c.checkpoint_every_steps, c.data.name = 10, name
    return c
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an experiment and two runs that were trained from it, one with labels."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "tiny_experiment.py").write_text(EXPERIMENT.format(tests=str(tiny.FOLDER)))
    (folder / "file").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main.main(f"{TRAIN} run".split()) == 0
        assert main.main([*TRAIN.split(), "conditional", *LABELS]) == 0
    return folder


@pytest.fixture
def run(place, monkeypatch, capsys):
    """Runs a line of words in that folder: code, stdout, stderr."""
    monkeypatch.chdir(place)
    capsys.readouterr()

    def call(line):
        words = [{"EMPTY": ""}.get(word, word) for word in line.split()]
        code = main.main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


BAD = {
    "EMPTY": (78, "verb '' is unknown: choose from"),
    "trian": (78, "verb 'trian' is unknown: .*Did you mean 'train'"),
    "--verison": (78, "Did you mean '--version'"),
    "train --workdri x": (78, "flag of train '--workdri' is unknown: .*Did you mean '--workdir'"),
    "train --cofnig=x --workdir x": (78, "Did you mean '--config'"),
    "sample --workdir run --out x.png --sed 3": (78, "Did you mean '--seed'"),
    "train --workdir x": (78, r"no run in 'x' to go on with: expected --config NAME\|FILE"),
    "sweep --workdir x": (78, r"required: --config \(see gan-jax sweep --help\)"),
    f"{TRAIN} x --steps=500": (78, "'--steps' is unknown: expected --config.steps=500"),
    f"{TRAIN} x --batch-size 3": (78, "unknown: expected --config.batch_size=3"),
    "evaluate --workdir run --steps=3": (78, "'--steps' is unknown.*Did you mean '--step'"),
    f"{TRAIN} x --init_from nowhere": (4, "--init_from: no run in 'nowhere': expected DIR or"),
    f"{TRAIN} x --init_from run:3": (4, "it is not there: choose from 10"),
    f"{TRAIN} x --init_optimizer": (78, "--init_optimizer: expected --init_from"),
    f"{TRAIN} run --init_from run": (78, "began without --init_from: leave --init_from out"),
    "train --workdir run --config.seed=3": (78, "holds another config.*with --init_from run"),
    "train --config tiny_experiment.py": (78, "required: --workdir"),
    f"{TRAIN} x stray": (78, "unrecognized arguments: stray"),
    f"{TRAIN} EMPTY": (78, "--workdir is empty: expected a folder"),
    f"{TRAIN} x --config.seed": (78, "--config.seed: expected --config.seed=VALUE"),
    f"train --config.seed {TRAIN[6:]} x": (78, "--config.seed: expected --config.seed=VALUE"),
    "train --config tiny_experimnt.py --workdir x": (78, "Did you mean tiny_experiment.py"),
    "train --config file --workdir x": (78, "'file': expected a Python file"),
    "train --config mnist_mpl:demo --workdir x": (
        78,
        r"--config 'mnist_mpl' is unknown: .*, or FILE.py\[:ARG\]. Did you mean 'mnist_mlp'",
    ),
    "train --config experiments/mnist_mlp.py --workdir x": (
        78,
        "is not a file: the experiment that is installed is --config mnist_mlp$",
    ),
    "train --config mnist_mlp:dmo --workdir x": (78, "Did you mean 'demo'"),
    "train --config tiny_experiment.py:rign --workdir x": (78, "Did you mean 'ring'"),
    f"{TRAIN} x --config.gen.lrr=1": (78, "Did you mean 'gen.lr'"),
    f"{TRAIN} x --config.gen.lr -1": (78, "gen.lr is -1.0: expected"),
    f"{TRAIN} x --config.batch_size=0 --config.steps=0": (78, "batch_size is 0.*; steps is 0"),
    f"{TRAIN} run --config.seed=3": (78, "holds another config: seed 0 there, 3 here"),
    f"{TRAIN} file/x": (74, "cannot write file/x: Not a directory"),
    f"{TRAIN} x --config.data.name=mnist --config.data.dir=no": (
        66,
        "no/mnist.*data prepare mnist",
    ),
    "sample --workdir nowhere --out x.png": (4, "no run in 'nowhere'"),
    "sample --workdir EMPTY --out x.png": (78, "--workdir is empty"),
    "sample --workdir run --out x.jpg": (78, "expected a name that ends in .png, .gif, .npz"),
    "sample --workdir run --out file/x.png": (74, "cannot write --out file/x.png"),
    "sample --workdir run --out x.png --num 0": (78, "--num is 0: expected at least 1"),
    "sample --workdir run --out x.png --num many": (78, "--num: invalid int value: 'many'"),
    "sample --workdir run --out x.png --seed -1": (78, "--seed is -1: expected"),
    "sample --workdir run --out x.png --step 3": (4, "it is not there: choose from 10"),
    "sample --workdir run --out x.png --label 3": (78, "--label is '3', and this run takes no"),
    "sample --workdir conditional --out x.png --label 10": (
        78,
        "--label is '10': expected all, or",
    ),
    "sample --workdir conditional --out x.png --label x": (78, "of the 10 classes .*, 0 to 9"),
    "sample --workdir conditional --out x.png --label EMPTY": (78, "--label is '': expected all"),
    "sample --workdir run --out x.png --config.seed=1": (78, "only .* evaluate take overrides"),
    "export --workdir nowhere --out x.jax": (4, "no run in 'nowhere'"),
    "export --workdir run --out file/x.jax": (74, "cannot write --out file/x.jax"),
    "export --workdir run --out x.jax --step 3": (4, "it is not there: choose from 10"),
    "evaluate --workdir nowhere": (4, "no run in 'nowhere'"),
    "evaluate --workdir run --metrics line,jugde": (78, "metric 'jugde' .*Did you mean 'judge'"),
    "evaluate --workdir run --metrics judge": (78, "'judge' does not apply to data 'gaussian1d'"),
    "evaluate --workdir run --metrics cas": (78, "'cas' does not apply to a run without labels"),
    "evaluate --workdir conditional --metrics intra": (78, "eval_samples is 40: expected at least"),
    "evaluate --workdir run --metrics EMPTY": (78, "metric '' is unknown"),
    "evaluate --workdir run --metrics frechet_digts": (78, "is unknown.*such as frechet_digits"),
    "evaluate --workdir run --metrics frechet_digits": (78, "'digits' does not apply to data"),
    "evaluate --workdir run --config.seed=1": (
        78,
        "evaluate takes eval_samples, ema.standing_batches and features",
    ),
    "evaluate --workdir run --config.eval_samples=0": (78, "eval_samples is 0: expected"),
    f"{TRAIN} x --config.features.names=('digits',)": (78, "'digits' does not apply to data"),
    f"{TRAIN} x --config.features.names=('digts',)": (78, "Did you mean 'digits'"),
    f"{TRAIN} x --config.features.names=digits": (
        78,
        r"features.names is 'digits': expected tuple, such as \('digits',\)",
    ),
    f"{TRAIN} x --config.data.name=digits --config.features.names=('inception',)": (
        78,
        "expected features.inception.path",
    ),
    f"{TRAIN} x --config.data.name=digits --config.features.names=('inception',) "
    "--config.features.inception.path=no.npz": (66, "cannot be read from no.npz"),
    f"{TRAIN} ~nobody-here/x": (78, "--workdir ~nobody-here/x: ~nobody-here has no home folder"),
    "train --workdir x --config ~nobody-here/x.py": (78, "--config ~nobody-here/x.py: .*no home"),
    f"{TRAIN} x --config.data.name=mnist --config.data.dir=~nobody-here": (
        78,
        "~nobody-here has no home folder here: give the whole path",
    ),
    f"{TRAIN} x --config.data.name=digits --config.features.names=('inception',) "
    "--config.features.inception.path=~nobody-here/a.npz": (78, "inception.path ~.* has no home"),
    f"{TRAIN} gs://bucket/run": (
        78,
        "--workdir gs://bucket/run is remote: mount the bucket and give its folder",
    ),
    "sweep --config tiny_experiment.py --workdir s3://b/x --out f.json": (78, "s3://b/x is remote"),
    "sample --workdir run --out gs://b/x.png": (78, "--out gs://b/x.png is remote"),
    "bench --json gs://b/x.json": (78, "--json gs://b/x.json is remote"),
    "bench --json EMPTY": (78, "--json is empty: expected a file"),
    "plan --config tiny_experiment.py --topology v5e:1x1 --json gs://b/x": (78, "is remote: mount"),
    "data prepare mnist --from gs://b": (78, "--from gs://b is remote"),
    "data prepare mnist --from . --data_dir gs://b": (78, "--data_dir gs://b is remote"),
    "list objectivs": (78, "word 'objectivs' is unknown.*Did you mean 'objectives'"),
    "list": (78, "required"),
    "bench mpl": (78, "benchmark 'mpl' is unknown.*Did you mean 'mlp'"),
    "bench --against pytroch": (78, "Did you mean 'pytorch'"),
    "reproduce nothing --workdir x": (78, "table 'nothing' is unknown: choose from"),
    "data prepaer mnist --from .": (78, "Did you mean 'prepare'"),
    "data prepare mnits --from . --data_dir d": (78, "Did you mean 'mnist'"),
}


@pytest.mark.parametrize("line", BAD)
def test_a_mistake_is_one_plain_line_and_its_code(line, run, place):
    code, out, err = run(line)
    assert (code, out) == (BAD[line][0], "")
    assert re.search(BAD[line][1], err), err
    assert err.startswith("gan-jax: ")
    assert err.count("\n") == 1
    assert not (place / "x" / "config.json").exists()  # mended, it may use the folder
    assert not list(place.glob("gs:*"))


def test_no_word_at_all(run):
    code, _, err = run("")
    assert code == 78
    assert "expected a verb: choose from train, " in err


def test_a_workdir_in_use(run, place):
    with RunDir(place / "busy", None):
        code, _, err = run(f"{TRAIN} busy")
    assert code == 73
    assert re.fullmatch(r"gan-jax: workdir busy is in use by process .*\n", err)


def test_a_bug_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setitem(main.VERBS, "list", lambda args, overrides: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main.main(["list", "data"])


def test_what_train_prints(run, place):
    code, out, err = run(f"{TRAIN} run")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "already done at step 10"
    assert re.fullmatch(r"disc_loss [\d.]+, gen_loss .* disc is right on \d+% of reals.*", lines[1])
    assert lines[2].startswith("disc_gap ")
    files = lines[3].removeprefix("look at ").split(", ")
    assert files[:2] == ["run/report.html", "run/samples/step_00000010.png"]
    assert set(files[2:]) == {"run/samples/progress.gif", "run/curves.png"}
    assert all((place / file).stat().st_size for file in files)
    assert err == ""


def test_a_workdir_alone_goes_on(run, place):
    """With its own config, to more steps if asked; the command that began it stays known."""
    assert run("train --workdir run") == run(f"{TRAIN} run")
    shutil.copytree(place / "run", place / "on")
    began = read_made_with(place / "on")["command"]
    code, out, _ = run("train --workdir on --config.steps=20")
    assert (code, out.splitlines()[0]) == (0, "done at step 20")
    assert read_made_with(place / "on")["command"] == f"{began} --config.steps=20"


def test_weights_of_another_run_are_said_and_named_in_the_command(run, place, caplog):
    code, out, _ = run(f"{TRAIN} from --config.seed=2 --init_from run")
    says = f"starts from {place}/run at step 10: 12 arrays fit, which is all"
    assert (code, out.splitlines()[0]) == (0, says)
    assert "--config.ema.warmup=False keeps it" in caplog.text
    command = read_made_with(place / "from")["command"]
    assert command.endswith(f"--config.seed=2 --init_from {place}/run:10")


def test_what_is_hardly_meant_is_said(run, place, caplog):
    run(f"{TRAIN} run --config.penalty.weight=0.5")  # and refused: the folder has another config
    assert "penalty.weight 0.5 has no effect" in caplog.text


def test_an_equilibrium_is_said(run, place):
    summary = json.loads((place / "run" / "summary.json").read_text())
    (place / "early").mkdir()
    (place / "early" / "config.json").write_bytes((place / "run" / "config.json").read_bytes())
    (place / "early" / "summary.json").write_text(json.dumps(summary | {"step": 5}))
    assert "done at step 5 of 10: D stays near 1/2\n" in run(f"{TRAIN} early")[1]


def test_help_says_what_evaluate_does_without_names(capsys):
    with pytest.raises(SystemExit):
        main.main(["evaluate", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert f"those that training evaluates: {', '.join(SCHEDULED)}, features.names" in words


def test_sample_and_evaluate(run, place):
    assert run("sample --workdir run --out s/x.npz --num 3 --seed 2 --interpolate") == (
        0,
        "s/x.npz: 3 samples of step 10\n",
        "",
    )
    summary = json.loads((place / "run" / "summary.json").read_text())
    code, out, _ = run("evaluate --workdir run --metrics line --step 10")
    assert code == 0
    lines = dict(line.split(" ") for line in out.splitlines())
    assert lines.pop("step") == "10"
    assert set(lines) == {"mean", "std", "ks", "disc_gap"}
    for name, value in lines.items():
        assert float(value) == pytest.approx(summary["metrics"][f"eval/{name}"], rel=1e-5)
    assert run("evaluate --workdir run")[1] == out


def test_ones_own_images_train_evaluate_and_report(run, place):
    for colour, name in enumerate(("<b>cats", "dogs")):
        (place / "own" / name).mkdir(parents=True)
        for i in range(40):
            image = np.full((9, 12, 3), 60 + 120 * colour + i, np.uint8)
            (place / "own" / name / f"{i}.png").write_bytes(encode(image))
    own = "--config.data.name=folder --config.data.dir=own --config.data.size=8"
    code, out, _ = run(f"{TRAIN} mine {own} {' '.join(LABELS[:2])}")
    assert code == 0
    assert re.search(r"samples of each class: <b>cats: \d+, dogs: \d+\n", out)
    out = run("evaluate --workdir mine")[1]
    assert "classes: 0 is <b>cats, 1 is dogs\n" in out
    assert float(re.search(r"accuracy_real (.*)", out)[1]) > 0.9
    assert run("sample --workdir mine --label dogs --out s/dogs.npz --num 2")[0] == 0
    with np.load(place / "s/dogs.npz") as file:
        assert file["x"].shape == (2, 8, 8, 3)
        assert file["label"].tolist() == [1, 1]
    assert run("report --workdir mine")[0] == 0
    page = (place / "mine" / "report.html").read_text()
    assert "each class: &lt;b&gt;cats, dogs." in page
    assert "<b>" not in page
    assert run(f"{TRAIN} none --config.data.name=folder")[0] == 66


def test_a_conditional_run_tells_and_samples_its_classes(run, place):
    words = r"the class asked for in \d+% of 40 samples \(held-out images: \d+%\), by class: "
    words += r"0: \d+%, 1: .*, 9: \d+%"
    lines = run(f"{TRAIN} conditional {' '.join(LABELS)}")[1].splitlines()
    assert [line for line in lines if re.fullmatch(words, line)] == [lines[4]]
    said = "s/x.npz: 80 samples of step 10\n"
    assert run("sample --workdir conditional --out s/x.npz --label all") == (0, said, "")
    with np.load(place / "s/x.npz") as file:
        assert file["x"].shape == (80, 8, 8, 1)
        assert file["label"].tolist() == np.repeat(np.arange(10), 8).tolist()
    assert run("sample --workdir conditional --out s/x.npz --label 3 --num 5")[0] == 0
    with np.load(place / "s/x.npz") as file:
        assert file["label"].tolist() == [3] * 5
    code, out, _ = run("evaluate --workdir conditional --metrics labels")
    summary = json.loads((place / "conditional" / "summary.json").read_text())
    lines = dict(line.split(" ") for line in out.splitlines())
    found = summary["metrics"]["eval/label_accuracy"]
    assert (code, float(lines["label_accuracy"])) == (0, pytest.approx(found, abs=1e-6))


def test_export_says_how_it_is_called(run, place):
    code, out, err = run("export --workdir conditional --out s/gen.jax")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"s/gen.jax: 0\.\d+ MB, gen of step 10: z \[n, 2\] from N\(0, 1\), label \[n\] of 0 to 9 "
        r"-> \[n, 8, 8, 1\] in \[0, 1\]\n",
        out,
    )
    assert (place / "s/gen.jax").stat().st_size > 5_000


def test_a_runs_first_line_says_where_and_what_it_trains(run, tmp_path):
    words = "cpu (", "; parameters: gen 17, disc 19; data gaussian1d, points of 1 number, drawn "
    for steps, goes_on in ((10, "; batch 8; 10 steps"), (15, "; goes on from step 10 of 15")):
        first = run(f"{TRAIN} {tmp_path}/run --config.steps={steps}")[2].splitlines()[0]
        assert first.startswith(words[0])
        assert words[1] in first
        assert first.endswith(goes_on)


@pytest.mark.parametrize("word", flags.LISTS)
def test_list(word, run):
    code, out, err = run(f"list {word}")
    assert code == 0
    assert (bool(out), err) == (True, "")


@pytest.mark.parametrize("line", ["--help", *(f"{verb} --help" for verb in main.VERBS)])
def test_help(line, capsys):
    with pytest.raises(SystemExit) as error:
        main.main(line.split())
    assert error.value.code == 0
    assert "usage: gan-jax" in capsys.readouterr().out


@pytest.mark.parametrize("verb", main.VERBS)
def test_help_shows_an_override_where_there_are_any(verb, capsys):
    with pytest.raises(SystemExit):
        main.main([verb, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ("--config.KEY=VALUE" in said) == (verb in flags.OVERRIDABLE)
    for word in re.findall(r"--config\.(?!KEY)\S+", said):  # the example is one that works
        key, _, value = word.removeprefix("--config.").partition("=")
        assert config_lib.override(config_lib.get_config(), {key: value}) == []


def test_overrides_are_taken_in_both_forms():
    args, overrides = main.parse(f"{TRAIN} x --config.gen.lr=1e-4 --config.seed 3".split())
    assert overrides == {"gen.lr": "1e-4", "seed": "3"}
    assert args.workdir == "x"


@pytest.mark.parametrize(
    "line",
    [
        "train --config ~/a --workdir ~/b",
        "sweep --config ~/a --workdir ~/b --out ~/c",
        "plan --config ~/a --topology v5e:1x1 --json ~/b",
        "sample --workdir ~/a --out ~/b",
        "evaluate --workdir=~/a",
        "report --workdir ~/a --workdir ~/b",
        "reproduce x --workdir ~/a --recorded ~/b",
        "bench --json ~/a",
        "data prepare mnist --from ~/a --data_dir ~/b",
        "data prepare emoji --from ~/a ~/b --data_dir ~/c",
    ],
)
def test_every_path_takes_a_tilde_for_home(line, monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    given = vars(main.parse(line.split())[0]).values()
    each = [v for value in given for v in (value if isinstance(value, list) else [value])]
    found = [v for v in each if str(v)[:1] in ("~", "/")]
    assert sorted(found) == [f"/h/{letter}" for letter in "abc"[: line.count("~")]]


def program(line, place, **how):
    words = [{"EMPTY": ""}.get(word, word) for word in line.split()]
    return subprocess.run(
        [sys.executable, "-m", "gan_jax", *words],
        cwd=place,
        text=True,
        capture_output=True,
        check=False,
        **how,
    )


@pytest.mark.parametrize(
    "line",
    [
        "train --workdri x",
        "train --config tiny_experimnt.py --workdir x",
        f"{TRAIN} x --config.gen.args.hidden=(0,) ",
        "sample --workdir nowhere --out x.png",
    ],
)
def test_the_program_says_it_soon(line, place):
    """Some 1.5 s on a machine at rest; the bound is for a busy one."""
    began = time.monotonic()
    done = program(line, place)
    print(f"{time.monotonic() - began:.2f} s: {done.stderr}")
    assert done.returncode == BAD.get(line, (78,))[0]
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - began < 15


def test_the_program_tells_its_version_without_slow_imports(place):
    began = time.monotonic()
    assert program("--version", place).stdout == f"gan-jax {__version__}\n"
    assert time.monotonic() - began < 5
    code = "import sys, gan_jax.cli.main; from gan_jax import load_run; "
    code += "sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def shell(line, place):
    """(code, stdout, stderr) of a line of bash, in which PROGRAM is gan-jax."""
    line = line.replace("PROGRAM", f"{sys.executable} -m gan_jax")
    done = subprocess.run(
        ["bash", "-c", line], cwd=place, text=True, capture_output=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


FULL = "gan-jax: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PROGRAM list objectives | true; exit ${PIPESTATUS[0]}", (0, "", "")),
        ("PROGRAM list objectives >&-", (0, "", "")),
        ("PROGRAM list objectives >/dev/full", (74, "", FULL)),
        ("PROGRAM list objectives >/dev/full 2>&1", (74, "", "")),
        ("PROGRAM --help >/dev/full", (74, "", FULL)),
        ("PROGRAM list objectivs 2>/dev/full", (78, "", "")),
        ("PROGRAM list objectivs >&- 2>&- <&-", (78, "", "")),
    ],
)
def test_a_result_that_cannot_be_printed(line, expected, place):
    """A reader that has seen enough, as head, or a closed stream, is no error; a full disk is."""
    assert shell(line, place) == expected


@pytest.mark.parametrize("where", [">&- 2>/dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}"])
def test_a_run_whose_words_cannot_be_written_is_done(where, place, tmp_path):
    assert shell(f"PROGRAM {TRAIN} {tmp_path}/run --config.steps=20 {where}", place) == (0, "", "")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "done"
    assert (tmp_path / "run" / "checkpoints" / "20").is_dir()


def test_nothing_is_imported_from_the_current_folder(tmp_path):
    (tmp_path / "queue.py").write_text("raise RuntimeError('imported')")
    assert shell("PROGRAM list data", tmp_path)[0] == 0


def test_an_older_run_goes_on_as_it_began(run, place):
    """Its config.json lacks a newer leaf, which then means what was done before, unless asked."""
    assert run(f"{TRAIN} older --config.ema.warmup=false")[0] == 0
    file = place / "older/config.json"
    config = json.loads(file.read_text())
    assert config["ema"].pop("warmup") is False
    file.write_text(json.dumps(config))
    code, out, _ = run(f"{TRAIN} older --config.steps=20")
    assert code == 0
    assert "done at step 20" in out
    code, _, err = run(f"{TRAIN} older --config.steps=20 --config.ema.warmup=true")
    assert code == 78
    assert "ema.warmup false there, true here" in err


def test_an_older_sweep_goes_on_as_it_began(place, tmp_path, caplog):
    config = json.loads((place / "run/config.json").read_text())
    for warms_up in (True, False):
        (tmp_path / "rows.json").write_text(json.dumps({"rows": [{"config": config}]}))
        expected = {"seed": "1"} | ({} if warms_up else {"ema.warmup": "False"})
        assert as_begun(tmp_path, {"seed": "1"}) == expected
        assert as_begun(tmp_path, {"ema.warmup": "true"}) == {"ema.warmup": "true"}
        config["ema"].pop("warmup", None)
    assert caplog.text.count("was begun without ema.warmup: it goes on with False") == 1
    for text in ("", "[]", "{}", '{"rows": 3}', '{"rows": [3]}', '{"rows": [{"config": 3}]}'):
        (tmp_path / "rows.json").write_text(text)
        assert as_begun(tmp_path, {}) == {}


def test_a_sweeps_command_is_written_as_a_shell_takes_it(place, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "it's; a $HOME"
    folder.mkdir()
    text = (place / "tiny_experiment.py").read_text() + "SWEEPS = {'a b': [{'seed': 0}]}\n"
    (folder / "c.py").write_text(text)

    def begin(workdir, name, source, command, *rest):
        raise ConfigError(command)

    monkeypatch.setattr(launch, "begin", begin)
    given = ["--config", str(folder / "c.py"), "--workdir"]
    leaves = ["--config.gen.args.hidden=(3, 4)", "--config.data.name=gaussian1d"]
    assert main.main(["sweep", *given, str(tmp_path / "w"), *leaves]) == 78
    command = capsys.readouterr().err.strip().removeprefix("gan-jax: ")
    assert shlex.split(command) == ["gan-jax", "sweep", *given, "DIR", "--sweep", "a b", *leaves]


def test_a_folder_of_version_0_1_is_refused_and_left_as_it_is(run, place, tmp_path):
    for name, sweeps in (("run", ""), ("sweep", "SWEEPS = {'s': [{'seed': 0}]}\n")):
        folder = tmp_path / name
        folder.mkdir()
        file = folder / ("rows.json" if sweeps else "config.json")
        old = json.loads((place / "run" / "config.json").read_text())
        assert old.pop("format") == 2
        rows = {"rows": [], "cohorts": [], "name": "s", "varied": [], "command": ""}
        file.write_text(json.dumps(rows if sweeps else old))
        before = file.read_bytes()
        config = tmp_path / f"{name}.py"
        config.write_text((place / "tiny_experiment.py").read_text() + sweeps)
        verb = "sweep" if sweeps else "train"
        code, _, err = run(f"{verb} --config {config} --workdir {folder}")
        assert (code, file.read_bytes()) == (78, before)
        assert "was begun in format 1 (version 0.1 of gan_jax wrote 1)" in err
        assert err.count("\n") == 1


def test_a_report_that_cannot_be_written_stops_no_sweep(tmp_path, caplog):
    """It is said once."""
    refresh = sweeping.refresher(tmp_path)  # holds no sweep
    refresh()
    refresh()
    assert caplog.text.count("the report is not written while the sweep goes on") == 1


def test_a_run_whose_report_cannot_be_written_is_done(run, place, caplog):
    shutil.copytree(place / "run", place / "blocked")
    (place / "blocked" / "report.html").unlink()
    (place / "blocked" / "report.html").mkdir()
    code, out, _ = run(f"{TRAIN} blocked")
    assert code == 0
    assert "look at blocked/samples/step_00000010.png" in out
    assert "the report is not written" in caplog.text
