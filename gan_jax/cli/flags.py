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
    add = verb("plan", "What a run, or a sweep, would cost on TPUs that are not attached.")
    add("--config", **CONFIG, help="get_config(), and SWEEPS")
    add(
        "--topology",
        required=True,
        metavar="v5e:16x16",
        help="also v4, v5p, v6e; for a run, several with commas between",
    )
    add("--price", type=float, metavar="N", help="price of a chip's hour, in any currency")
    add("--sweep", metavar="NAME", help="which of SWEEPS (default: get_config()'s run)")
    add("--json", **_here("--json", "file"), help="write the figures, unrounded")
    add = verb("reproduce", "Measure a published table: `gan-jax list tables` names them.")
    add("name", metavar="NAME")
    add("--workdir", required=True, **WORKDIR)
    add("--quick", action="store_true", help="a few seeds and rounds, to see that it runs")
    add("--seeds", type=int, help="how many seeds; recorded ones are not trained again")
    add("--steps", type=int, help="how many steps; recorded runs go on to them")
    add("--precision", help="of matrix products: default, highest, bfloat16 (the device's default)")
    add(
        "--recorded",
        **_here("--recorded", "file"),
        help="a table.json: its fitting rows are reused",
    )
    add = verb("bench", "Measure speed.")
    add("names", nargs="*", metavar="NAME", help="which benchmarks (all)")
    add("--against", **_one_of("--against", ["pytorch"]), help="measured too, for a ratio")
    add("--json", **_here("--json", "file"))


def _looking(verb: Callable[..., Callable[..., None]]) -> None:
    """Verbs that use a trained run."""
    add = verb("sample", "Write samples of a trained run.")
    add("--workdir", required=True, **WORKDIR)
    add("--out", required=True, **_here("--out", "file") | {"metavar": "FILE.png|.gif|.npz"})
    add("--num", type=int, help="samples, or frames of a GIF (64; with classes, 8 of each)")
    add("--inputs", metavar="FOLDER|FILE|TEXT", help="what to map; --num counts samples of each")
    add("--seed", type=int, default=0)
    add("--step", type=int, help="the checkpoint (the newest)")
    add("--label", metavar="N|NAME|all", help="for a conditional run: the class (all)")
    add("--interpolate", action="store_true", help="walk between latents and back to the first")
    add = verb("export", "Write a trained run's generator as one program of JAX, weights included.")
    add("--workdir", required=True, **WORKDIR)
    add("--out", required=True, **_here("--out", "file"))
    add("--step", type=int, help="the checkpoint (the newest)")
    add = verb("evaluate", "Evaluate a trained run's newest checkpoint, or that of --step.")
    add("--workdir", required=True, **WORKDIR)
    usual = "those of the schedule: line, modes, judge, labels, codes, translations, captions, "
    usual += "features.names, and pixels of images without labels"
    add("--metrics", help=f"names of `gan-jax list metrics`, with commas between ({usual})")
    add("--step", type=int)
    add = verb("report", "Write report.html of a run, a sweep or a reproduced table.")
    several = "given several times: compares these runs in the report.html of the first"
    add("--workdir", required=True, action="append", **WORKDIR | {"help": several})


def _naming(verb: Callable[..., Callable[..., None]]) -> None:
    """Verbs about what a config can name, and the preparation of data sets."""
    add = verb("data", "Prepare a data set from files on this machine.")
    add("action", **_one_of("action", ["prepare"]))
    add("name", help="mnist, fashion_mnist or emoji")
    source = "the folder of the four IDX files; for emoji, the npm archives of both styles"
    add("--from", dest="source", required=True, nargs="+", **_here("--from"), help=source)
    add("--data_dir", **_here("--data_dir"), help="where to write ($TFDS_DATA_DIR, TFDS's own)")
    add = verb("list", "List what a config can name.")
    add("what", **_one_of("word", LISTS))


def _epilog(verb: str) -> str | None:
    """How a verb takes overrides, for its --help."""
    if verb not in EXAMPLES:
        return None
    every = "any of gan_jax/config/leaves.py"
    which = EVALUATED_WORDS if verb == "evaluate" else every
    says = "--config.KEY=VALUE, which may be repeated, sets a leaf of the config"
    return f"{says} ({which}), as {EXAMPLES[verb]}"


def _training(verb: Callable[[str, str], Callable[..., None]]) -> None:
    """The verbs that take a config file."""
    add = verb("train", "Train one config in a workdir, or go on with what is there.")
    said = "an experiment, or a file with get_config() (default: the run in --workdir)"
    add("--config", **FILE, help=said)
    add("--workdir", required=True, **WORKDIR, help="where the run is, or will be")
    add(
        "--hosts",
        metavar="auto|ADDRESS:PORT,COUNT,INDEX",
        help="this is one process of several that train the run",
    )
    weights = _here("--init_from") | {"metavar": "DIR[:STEP]"}
    add("--init_from", **weights, help="another run, whose weights a new one starts from")
    add("--init_optimizer", action="store_true", help="start from its optimisers' states too")
    _launching(
        add,
        "local trains here (the default); for one run over several hosts, slurm submits a job, and "
        "jobset (GKE) and tpu_vm (Cloud TPU) write the file of --out",
    )
    add = verb("sweep", "Train all rows of a sweep, or go on with them; then its statistics.")
    add("--config", **CONFIG, help="get_config() and SWEEPS")
    add("--workdir", required=True, **WORKDIR)
    add("--sweep", metavar="NAME", help="which of SWEEPS (the only one)")
    add("--rows", metavar="FIRST:LAST", help="only these, by their numbers")
    add("--dry_run", action="store_true", help="print the rows and cohorts, train nothing")
    add("--estimate", action="store_true", help="the same, and how long it will take")
    _launching(
        add,
        "local trains here (the default); slurm submits a task a cohort and returns (the same "
        "command again reports their progress, and at the end writes the table); jobset (GKE) and "
        "tpu_vm (Cloud TPU) write the file of --out, which has hosts train a share of rows each",
    )
    add("--share", metavar="I/N", help="only the I-th of N equal parts of the rows, from 0")
    add("--workers", type=int, help="cohorts at a time (default: 1 here, no limit on SLURM)")
    add("--chunk", type=int, help="rows of a cohort at a time (default: the fastest, measured)")
    add("--hang_seconds", type=float, default=3600.0, help="a worker silent for this long is ended")
    add("--retry_failed", action="store_true", help="try failed rows again")


def _launching(add: Callable[..., None], what: str) -> None:
    """Adds the flags that say where to train."""
    add("--launcher", default="local", **_one_of("--launcher", LAUNCHERS), help=what)
    which = (
        "for the launcher, repeatable: slurm takes options of sbatch, as partition=gpu; "
        "jobset and tpu_vm say which they need"
    )
    add("--option", action="append", default=[], metavar="KEY=VALUE", help=which)
    add("--out", **_here("--out", "file"), help="what jobset and tpu_vm write")
