"""One run over several hosts: a SLURM job, a JobSet for GKE, a script for Cloud TPU VMs.

Each host runs the same `gan-jax train --hosts ...`. When one is lost, the others exit with 75, all
start again, and the run goes on from its newest checkpoint. A preemption does not count as a
failure; an error that would recur (a bad config, missing data, a run that diverged) is final. The
workdir must be a folder that process 0 can reach on any host.
"""

import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gan_jax.config.file import split_arg
from gan_jax.host.errors import (
    ConfigError,
    DataCorruptError,
    DataMissingError,
    DivergedError,
    NoCheckpointError,
    PreemptedError,
)
from gan_jax.host.files import writing
from gan_jax.host.locks import holding
from gan_jax.sweeps.launch import jobset, slurm, tpu_vm
from gan_jax.sweeps.launch.options import Option, settle
from gan_jax.sweeps.launch.tpus import TPUS

ABORTED, KILLED = 134, 137  # jax if another process is lost; a process that did not end in time
AGAIN = (PreemptedError.code, ABORTED)
FINAL = (DivergedError, NoCheckpointError, DataCorruptError, DataMissingError, ConfigError)
PORT = 8476
RESTARTS = 3  # of the whole set, after any other failure
GENERATIONS = {  # as GKE and Cloud TPU VMs call them; these count v4's and v5p's cores
    "v4": ("v4:2x2x1", "v4-", 2),
    "v5e": ("v5e:2x2", "v5litepod-", 1),
    "v5p": ("v5p:2x2x1", "v5p-", 2),
    "v6e": ("v6e:2x2", "v6e-", 1),
}
SLICE = Option(r"(v4|v5p):\d+x\d+x\d+|(v5e|v6e):\d+x\d+", "a slice, as v5e:4x8 or v4:2x2x4")
JOBSET = {name: jobset.OPTIONS[name] for name in ("image", "claim", "name")} | {"topology": SLICE}
TPU_VM = {name: each for name, each in tpu_vm.OPTIONS.items() if name != "hosts"}
TPU_VM |= {"topology": SLICE, "queued": Option("true|false", "true or false", "false")}


class Run(NamedTuple):
    """The run that the hosts train."""

    config: str  # FILE[:ARG], on this machine
    workdir: str  # on the hosts: a folder that all of them see
    words: tuple[str, ...]  # the other flags


class Slice(NamedTuple):
    """A slice of one host or of several."""

    label: str  # cloud.google.com/gke-tpu-accelerator
    kind: str  # --accelerator-type
    runtime: str  # --version
    chips: int  # of a host
    hosts: int


def slice_of(topology: str) -> Slice:
    """The hosts of a topology: one host as in tpus.py; larger slices have four chips a host."""
    if topology in TPUS:
        tpu = TPUS[topology]
        return Slice(tpu.label, tpu.kind, tpu.runtime, tpu.chips, 1)
    generation, _, shape = topology.partition(":")
    chips = math.prod(int(n) for n in shape.split("x"))
    known, kind, cores = GENERATIONS[generation]
    tpu = TPUS[known]
    if not chips or chips % tpu.chips:
        raise ConfigError(f"--option topology={topology}: expected a multiple of {tpu.chips} chips")
    return Slice(tpu.label, f"{kind}{chips * cores}", tpu.runtime, tpu.chips, chips // tpu.chips)


def command(run: Run, config: str, hosts: str) -> list[str]:
    """The command of a host on which the config's FILE lies at `config`."""
    arg = split_arg(run.config)[1]
    where = ["--config", f"{config}:{arg}" if arg else config, "--workdir", run.workdir]
    return ["gan-jax", "train", *where, *run.words, "--hosts", hosts]


def check_workdir(run: Run) -> None:
    """ConfigError for a folder that is not the same on all hosts."""
    folder = Path(run.workdir)
    if not folder.is_absolute() or len(folder.parts) < 3 or ".." in folder.parts:
        raise ConfigError(
            f"--workdir {run.workdir}: expected a folder that all hosts see, as /data/runs/a"
        )


def jobset_text(run: Run, given: Mapping[str, str]) -> str:
    """A JobSet whose pods start again together; each finds process 0 by its name.

    A pod that was preempted, or lost another, is recreated without limit. After any other failure
    the whole set is restarted, up to three times.
    """
    check_workdir(run)
    options = settle("jobset", given, JOBSET)
    there, name = slice_of(options["topology"]), options["name"]
    address = f"{name}-run-0-0.{name}:{PORT},{there.hosts},$({jobset.INDEX})"
    words = command(run, f"{jobset.FOLDER}/config.py", "HOSTS")
    words = [*(word.replace("$", "$$") for word in words[:-1]), address]
    folder = str(PurePosixPath(run.workdir).parent)
    job = {
        "completionMode": "Indexed",
        "completions": there.hosts,
        "parallelism": there.hosts,
        "backoffLimit": 0,
        "podFailurePolicy": {
            "rules": [
                jobset.on_codes("Ignore", AGAIN),
                jobset.DISRUPTED,
                jobset.on_codes("FailJob", [error.code for error in FINAL]),
            ]
        },
        "template": {"spec": jobset.make_pod(options, words, folder, there.label, there.chips)},
    }
    final = {"name": "final", "action": "FailJobSet", "onJobFailureReasons": ["PodFailurePolicy"]}
    spec = {
        "network": {"enableDNSHostnames": True},
        "failurePolicy": {"maxRestarts": RESTARTS, "rules": [final]},
        "replicatedJobs": [{"name": "run", "replicas": 1, "template": {"spec": job}}],
    }
    return jobset.write_items(name, Path(split_arg(run.config)[0]), spec)


SCRIPT = """\
#!/usr/bin/env bash
# Trains one run on all hosts of a TPU slice, which is deleted at its end. Call it again after a
# preemption: the run goes on.
set -euo pipefail
name={name}
config={config}
where=({where})
kind=({kind})
command={command}

{create}
code=0
gcloud compute tpus tpu-vm scp "$config" "$name:{copy}" "${{where[@]}}" --worker=all &&
  gcloud compute tpus tpu-vm ssh "$name" "${{where[@]}}" --worker=all --command="$command" ||
  code=$?
gcloud compute tpus {resource} delete "$name" "${{where[@]}}" --quiet{force}
exit "$code"
"""
CREATE = """gcloud compute tpus tpu-vm create "$name" "${where[@]}" "${kind[@]}\""""
QUEUE = """\
gcloud compute tpus queued-resources create "$name" --node-id="$name" "${where[@]}" "${kind[@]}"
state=
until [ "$state" = ACTIVE ]; do
  case "$state" in FAILED|SUSPENDED) echo "the queued resource is $state" >&2; exit 75 ;; esac
  sleep 30
  state=$(gcloud compute tpus queued-resources describe "$name" "${where[@]}" \
    --format='value(state.state)')
done"""


def tpu_vm_text(run: Run, given: Mapping[str, str]) -> str:
    """A bash script that creates a slice, trains on all its hosts, and deletes it."""
    check_workdir(run)
    options = settle("tpu_vm", given, TPU_VM)
    there, queued = slice_of(options["topology"]), options["queued"] == "true"
    version = "--runtime-version" if queued else "--version"
    kind = [f"--accelerator-type={there.kind}", f"{version}={options['runtime'] or there.runtime}"]
    kind += ["--spot"] if options["spot"] == "true" else []
    where = [f"--zone={options['zone']}"]
    where += [f"--project={options['project']}"] if options["project"] else []
    on_host = f"{options['prepare']} && {shlex.join(command(run, tpu_vm.COPY, 'auto'))}"
    return SCRIPT.format(
        name=shlex.quote(options["name"]),
        config=shlex.quote(str(Path(split_arg(run.config)[0]).resolve())),
        where=shlex.join(where),
        kind=shlex.join(kind),
        command=shlex.quote(on_host),
        create=QUEUE if queued else CREATE,
        copy=tpu_vm.COPY,
        resource="queued-resources" if queued else "tpu-vm",
        force=" --force" if queued else "",
    )


def slurm_submit(run: Run, given: Mapping[str, str]) -> str:
    """Submits a job with a process a task, unless it is in the queue; returns a line that says so.

    --option takes sbatch's options, such as nodes=4. At its time limit, and when it is preempted,
    the job saves and goes back into the queue.
    """
    workdir = Path(run.workdir)
    extra = slurm.extra(workdir, given)
    logs, name = (workdir.parent / f"{workdir.name}.slurm").resolve(), slurm.job_name(workdir)
    there = command(run, str(Path(split_arg(run.config)[0]).resolve()), "auto")
    words = [sys.executable, "-P", "-m", "gan_jax", *there[1:]]
    codes = "|".join(map(str, (*AGAIN, KILLED)))
    script = (
        f"#!/bin/sh\nsrun --kill-on-bad-exit=1 {shlex.join(words)}\ncode=$?\n"
        f'case $code in {codes}) scontrol requeue "$SLURM_JOB_ID" ;; esac\nexit $code\n'
    )
    with writing(logs):
        logs.mkdir(parents=True, exist_ok=True)
    with holding(logs):  # two calls at once would both find an empty queue
        if slurm.ask("squeue", "--noheader", f"--name={name}"):
            return f"in SLURM's queue: squeue --name={name} shows it; logs in {logs}"
        told = slurm.ask(
            "sbatch",
            "--parsable",
            "--requeue",
            "--open-mode=append",
            f"--job-name={name}",
            f"--output={str(logs).replace('%', '%%')}/%j.txt",
            f"--signal=TERM@{slurm.NOTICE_SECONDS}",
            *extra,
            script=script,
        )
    return f"job {told} submitted to SLURM: squeue --name={name} shows it; logs in {logs}"
