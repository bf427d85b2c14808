"""A bash script for Cloud TPU VMs: one VM for each share of the rows, deleted afterwards.

prepare is a shell command that each VM runs first: it installs gan_jax and mounts the folder in
which the workdir lies, the same one on all VMs. The script copies the config file to the VMs. If a
VM goes away, the next call of the script creates it again, and its rows go on from their
checkpoints. See tpus.py: rows are spread over hosts, and no row spans hosts.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from gan_jax.config.file import split_arg
from gan_jax.sweeps.launch.options import NAME, Option, settle
from gan_jax.sweeps.launch.tpus import HOSTS, TOPOLOGY, TPUS, Sweep, check, command

START = "bash"
OPTIONS = {
    "zone": Option("[a-z]+(-[a-z0-9]+)+", "a zone, as us-west4-a"),
    "topology": TOPOLOGY,
    "hosts": HOSTS,
    "prepare": Option(".+", "a shell command that installs gan_jax and mounts the workdir"),
    "project": Option("([a-z0-9][-a-z0-9.:]*)?", "a project of Google Cloud", ""),
    "runtime": Option("([a-z0-9][-a-z0-9.]*)?", "a TPU VM's --version", ""),
    "spot": Option("true|false", "true or false", "false"),
    "name": NAME._replace(default="gan-jax"),
}
COPY = "/tmp/gan_jax_config.py"  # on the VM; an absolute path, as prepare may change the folder
SCRIPT = """\
#!/usr/bin/env bash
# Trains a sweep on TPU VMs of one host each, which are deleted when their shares have ended.
# Call it again after a preemption. `gcloud compute tpus tpu-vm list` tells which VMs there are.
set -euo pipefail
name={name}
hosts={hosts}
config={config}
where=({where})
kind=({kind})
command={command}

share() {{ # number: a VM for one share
  local vm="$name-$1" code=0
  gcloud compute tpus tpu-vm create "$vm" "${{where[@]}}" "${{kind[@]}}" || return
  gcloud compute tpus tpu-vm scp "$config" "$vm:{copy}" "${{where[@]}}" --worker=all &&
    gcloud compute tpus tpu-vm ssh "$vm" "${{where[@]}}" --worker=all \\
      --command="$command $1/$hosts" || code=$?
  gcloud compute tpus tpu-vm delete "$vm" "${{where[@]}}" --quiet
  return "$code"
}}

pids=() code=0
for ((number = 0; number < hosts; number++)); do
  share "$number" &
  pids+=("$!")
done
for pid in "${{pids[@]}}"; do wait "$pid" || code=$?; done
exit "$code"
"""


def text(sweep: Sweep, given: Mapping[str, str]) -> str:
    """The file."""
    options = settle("tpu_vm", given, OPTIONS)
    hosts, tpu = check(sweep, options), TPUS[options["topology"]]
    where = [f"--zone={options['zone']}"]
    where += [f"--project={options['project']}"] if options["project"] else []
    kind = [f"--accelerator-type={tpu.kind}", f"--version={options['runtime'] or tpu.runtime}"]
    kind += ["--spot"] if options["spot"] == "true" else []
    there = f"{options['prepare']} && {shlex.join(command(sweep, COPY))}"
    return SCRIPT.format(
        name=shlex.quote(options["name"]),
        hosts=hosts,
        config=shlex.quote(str(Path(split_arg(sweep.config)[0]).resolve())),
        where=shlex.join(where),
        kind=shlex.join(kind),
        command=shlex.quote(there),
        copy=COPY,
    )
