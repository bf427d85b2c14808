"""The verbs and their flags, all of which are declared here."""

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gan_jax import __version__
from gan_jax.cli.refusals import EVALUATED_WORDS, choose, refuse
from gan_jax.host import environment, output

EXAMPLES = {  # with the flag used most, which the parser does not know
    "train": "--config.gen.lr=1e-4 --config.steps=5000",
    "sweep": "--config.batch_size=64 --config.steps=5000",
    "plan": "--config.batch_size=256",
    "evaluate": "--config.eval_samples=50000",
}
OVERRIDABLE = tuple(EXAMPLES)
# Verbs that compute on this machine's devices, and those whose result is on standard output alone.
LAUNCHERS = ("local", "slurm", "jobset", "tpu_vm")
LISTS = (
    *("games", "objectives", "penalties", "dynamics", "nets", "data", "metrics"),
    *("experiments", "tables"),
)


class _Parser(argparse.ArgumentParser):
    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        output.check()  # reports text of --help and --version that was lost
        super().exit(status, message)

    def error(self, message: str) -> NoReturn:
        refuse(f"{message} (see {self.prog} --help)")


def _here(flag: str, what: str = "folder") -> dict[str, Any]:
    """An argument that names a folder or a file of this machine."""
    convert = functools.partial(environment.local_path, flag, what=what)
    return {"type": convert, "metavar": "FILE" if what == "file" else "DIR"}


WORKDIR = _here("--workdir")
FILE: dict[str, Any] = _here("--config", "file") | {"metavar": "NAME|FILE[:ARG]"}
CONFIG = FILE | {"required": True}
STEP: dict[str, Any] = {"type": int, "help": "of the checkpoint (default: the newest)"}


def _one_of(kind: str, choices: Sequence[str]) -> dict[str, Any]:
    """A positional argument that names one of the choices."""
    return {"type": functools.partial(choose, kind, choices=choices), "metavar": "|".join(choices)}


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, list[str]]]:
    """The parser, and the names of each verb's flags."""
    parser = _Parser("gan-jax", description="A laboratory for GAN objectives.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"gan-jax {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    flags: dict[str, list[str]] = {}

    def verb(name: str, says: str) -> Callable[..., None]:
        made = verbs.add_parser(
            name, help=says, description=says, epilog=_epilog(name), allow_abbrev=False
        )
        flags[name] = ["--help", "-h"]

        def add(*names: str, **how: Any) -> None:
            made.add_argument(*names, **how)
            flags[name] += [each for each in names if each.startswith("-")]

        return add

    _training(verb)
    _looking(verb)
    _measuring(verb)
    _naming(verb)
    return parser, flags


def _measuring(verb: Callable[..., Callable[..., None]]) -> None:
    """Verbs that measure: the cost of a run, a published table, speed."""
    add = verb(
        "plan", "Estimate what a run or a sweep would cost on TPUs that this machine does not have."
    )
    add("--config", **CONFIG, help="an experiment, or a file with get_config()")
    add(
        "--topology",
        required=True,
        metavar="v5e:16x16",
        help="v4, v5e, v5p or v6e; for a run also several",
    )
    add("--price", type=float, metavar="N", help="price of one chip for one hour, in any currency")
    add(
        "--sweep",
        metavar="NAME",
        help="plan this entry of SWEEPS (default: the run of get_config())",
    )
    add("--json", **_here("--json", "file"), help="write the unrounded figures to this file")
    add = verb(
        "reproduce", "Train and measure a published table; `gan-jax list tables` shows which."
    )
    add("name", metavar="NAME")
    add("--workdir", required=True, **WORKDIR)
    add("--quick", action="store_true", help="train briefly on a few seeds, to see that it runs")
    add("--seeds", type=int, help="number of seeds; recorded ones are not trained again")
    add("--steps", type=int, help="number of steps; recorded runs continue up to it")
    add("--precision", help="of matrix products: default (the device's own), highest or bfloat16")
    add(
        "--recorded",
        **_here("--recorded", "file"),
        help="a table.json whose matching rows are reused",
    )
    add = verb("bench", "Measure speed.")
    add("names", nargs="*", metavar="NAME", help="which benchmarks (default: the usual ones)")
    add("--against", **_one_of("--against", ["pytorch"]), help="also measure PyTorch, for a ratio")
    add("--json", **_here("--json", "file"), help="write the figures to this file")


def _looking(verb: Callable[..., Callable[..., None]]) -> None:
    """Verbs that use a trained run."""
    add = verb("sample", "Write samples of a trained run.")
    add("--workdir", required=True, **WORKDIR)
    add("--out", required=True, **_here("--out", "file") | {"metavar": "FILE.png|.gif|.npz"})
    add("--num", type=int, help="number of samples or frames (default: 64, or 8 of each class)")
    add("--inputs", metavar="FOLDER|FILE|TEXT", help="what to map; --num is then samples of each")
    add("--seed", type=int, default=0)
    add("--step", **STEP)
    add("--label", metavar="N|NAME|all", help="the class, for a conditional run (default: all)")
    add(
        "--interpolate",
        action="store_true",
        help="walk from latent to latent and back to the first",
    )
    add = verb(
        "export", "Write the generator of a trained run, with its weights, as one JAX program."
    )
    add("--workdir", required=True, **WORKDIR)
    add("--out", required=True, **_here("--out", "file"))
    add("--step", **STEP)
    add = verb("evaluate", "Evaluate a checkpoint of a trained run.")
    add("--workdir", required=True, **WORKDIR)
    usual = (
        "those that training evaluates: line, modes, judge, labels, codes, translations, captions, "
    )
    usual += "features.names, and pixels of images without labels"
    add(
        "--metrics", help=f"names of `gan-jax list metrics`, separated by commas (default: {usual})"
    )
    add("--step", **STEP)
    add = verb("report", "Write report.html for a run, a sweep or a reproduced table.")
    several = "if given several times, the report of the first run compares them all"
    add("--workdir", required=True, action="append", **WORKDIR | {"help": several})


def _naming(verb: Callable[..., Callable[..., None]]) -> None:
    """Verbs about what a config can name, and the preparation of data sets."""
    add = verb("data", "Prepare a data set from files on this machine.")
    add("action", **_one_of("action", ["prepare"]))
    add("name", help="mnist, fashion_mnist or emoji")
    source = "the folder with the four IDX files; for emoji, the npm archives of both styles"
    add("--from", dest="source", required=True, nargs="+", **_here("--from"), help=source)
    add(
        "--data_dir",
        **_here("--data_dir"),
        help="where to write (default: $TFDS_DATA_DIR, or else the folder of TFDS)",
    )
    add = verb("list", "List the names that a config can use.")
    add("what", **_one_of("word", LISTS))


def _epilog(verb: str) -> str | None:
    """How a verb takes overrides, for its --help."""
    if verb not in EXAMPLES:
        return None
    every = "all leaves are in gan_jax/config/leaves.py"
    which = EVALUATED_WORDS if verb == "evaluate" else every
    says = "--config.KEY=VALUE sets a leaf of the config, and may be repeated"
    return f"{says} ({which}). Example: {EXAMPLES[verb]}"


def _training(verb: Callable[[str, str], Callable[..., None]]) -> None:
    """The verbs that take a config file."""
    add = verb("train", "Train one config in a workdir, or resume the run that is there.")
    said = "an experiment, or a file with get_config() (default: that of the run in --workdir)"
    add("--config", **FILE, help=said)
    add("--workdir", required=True, **WORKDIR, help="the folder of the run")
    add(
        "--hosts",
        metavar="auto|ADDRESS:PORT,COUNT,INDEX",
        help="one of several processes of the run",
    )
    weights = _here("--init_from") | {"metavar": "DIR[:STEP]"}
    add("--init_from", **weights, help="start a new run from the weights of this run")
    add(
        "--init_optimizer", action="store_true", help="also start from the states of its optimisers"
    )
    _launching(
        add,
        "local (the default) trains here. For one run over several hosts, slurm submits a job, and "
        "jobset (GKE) and tpu_vm (Cloud TPU) write a file to --out",
    )
    add = verb("sweep", "Train all rows of a sweep, or resume them, and write its table.")
    add("--config", **CONFIG, help="an experiment, or a file with get_config() and SWEEPS")
    add("--workdir", required=True, **WORKDIR)
    add("--sweep", metavar="NAME", help="the entry of SWEEPS (default: the only one)")
    add("--rows", metavar="FIRST:LAST", help="train only the rows with these numbers")
    add("--dry_run", action="store_true", help="print the rows and cohorts, and train nothing")
    add(
        "--estimate",
        action="store_true",
        help="like --dry_run, and measure how long the sweep will take",
    )
    _launching(
        add,
        "local (the default) trains here. slurm submits a task for each cohort and returns; the "
        "same command then reports progress, and at the end writes the table. jobset (GKE) and "
        "tpu_vm (Cloud TPU) write a file to --out, with which each host trains a share of the rows",
    )
    add(
        "--share",
        metavar="I/N",
        help="train only part I of N equal parts of the rows, counted from 0",
    )
    add(
        "--workers",
        type=int,
        help="cohorts that train at the same time (default: 1 here, no limit on SLURM)",
    )
    add(
        "--chunk", type=int, help="rows of a cohort that train at the same time (default: measured)"
    )
    add(
        "--hang_seconds",
        type=float,
        default=3600.0,
        help="end a worker that is silent for this long",
    )
    add("--retry_failed", action="store_true", help="also train rows that failed before")


def _launching(add: Callable[..., None], what: str) -> None:
    """Adds the flags that say where to train."""
    add("--launcher", default="local", **_one_of("--launcher", LAUNCHERS), help=what)
    which = (
        "an option of the launcher; may be repeated. slurm takes options of sbatch, for example "
        "partition=gpu; jobset and tpu_vm say which they need"
    )
    add("--option", action="append", default=[], metavar="KEY=VALUE", help=which)
    add("--out", **_here("--out", "file"), help="the file that jobset or tpu_vm write")
