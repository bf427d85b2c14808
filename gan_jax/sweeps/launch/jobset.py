"""A JobSet for GKE: one indexed Job, a pod a host, each with its share of the rows.

The file is JSON, which is YAML. It carries the config file; the image holds gan_jax, and the
workdir lies on a persistent volume claim that all pods mount at the workdir's parent. A pod is
restarted without limit if it was preempted and saved (75), or if its node went away. It has ended
for good if rows of its share failed or the config is bad. After any other end it is tried three
more times. See tpus.py: rows are spread over hosts, and no row spans hosts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from gan_jax.config.file import split_arg
from gan_jax.host.errors import (
    ConfigError,
    DataCorruptError,
    DataMissingError,
    FailedRowsError,
    PreemptedError,
)
from gan_jax.sweeps.launch.options import NAME, Option, settle
from gan_jax.sweeps.launch.tpus import HOSTS, TOPOLOGY, TPUS, Sweep, check, command

START = "kubectl apply -f"
OPTIONS = {
    "image": Option(r"[A-Za-z0-9][\w./:@-]*", "a container image with gan_jax"),
    "topology": TOPOLOGY,
    "hosts": HOSTS,
    "claim": Option(
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        "the name of a persistent volume claim, of a-z, 0-9, - and .",
    ),
    "name": NAME._replace(default="gan-jax"),
}
FINAL = (FailedRowsError, DataCorruptError, DataMissingError, ConfigError)  # would recur
NOT_IN_YAML = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
FOLDER = "/gan-jax"  # where a pod sees the config
INDEX = "JOB_COMPLETION_INDEX"  # Kubernetes sets it
GRACE_SECONDS = 120


def text(sweep: Sweep, given: Mapping[str, str]) -> str:
    """The file."""
    options = settle("jobset", given, OPTIONS)
    hosts, name = check(sweep, options), options["name"]
    # $$ stands for $, so that Kubernetes substitutes nothing but the index
    words = [w.replace("$", "$$") for w in command(sweep, f"{FOLDER}/config.py")]
    tpu, folder = TPUS[options["topology"]], str(PurePosixPath(sweep.workdir).parent)
    pod = make_pod(options, [*words, f"$({INDEX})/{hosts}"], folder, tpu.label, tpu.chips)
    job = {
        "completionMode": "Indexed",
        "completions": hosts,
        "parallelism": hosts,
        "backoffLimitPerIndex": 3,
        "podFailurePolicy": {"rules": _rules()},
        "template": {"spec": pod},
    }
    jobs = [{"name": "rows", "replicas": 1, "template": {"spec": job}}]
    return write_items(name, Path(split_arg(sweep.config)[0]), {"replicatedJobs": jobs})


def config_text(file: Path) -> str:
    """The config as Kubernetes takes it. Raises ConfigError."""
    try:
        return file.read_text(encoding="utf-8")
    except ValueError as error:
        raise ConfigError(f"--config {file}: expected UTF-8, as a jobset carries it") from error


def to_yaml(said: Mapping[str, Any]) -> str:
    """JSON that is also YAML, character by character.

    YAML has no surrogates, so characters beyond U+FFFF are written as they are. Those that YAML
    takes for the end of a line, or for unprintable, are escaped.
    """
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    if odd := re.search("[\ud800-\udfff]", text):
        raise ConfigError(
            f"the jobset would hold {odd[0]!r}, a byte that is no UTF-8: name --workdir, and what "
            "else it is of, in letters"
        )
    return re.sub(NOT_IN_YAML, lambda found: f"\\u{ord(found[0]):04x}", text)


def make_pod(
    options: Mapping[str, str], words: list[str], folder: str, label: str, chips: int
) -> dict[str, Any]:
    """A host's pod, which uses all its chips and whose container is named "host"."""
    index = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "nodeSelector": {
            "cloud.google.com/gke-tpu-accelerator": label,
            "cloud.google.com/gke-tpu-topology": options["topology"].partition(":")[2],
        },
        "containers": [
            {
                "name": "host",
                "image": options["image"],
                "command": words,
                "env": [{"name": INDEX, "valueFrom": {"fieldRef": {"fieldPath": index}}}],
                "resources": {"limits": {"google.com/tpu": chips}},
                "volumeMounts": [
                    {"name": "folder", "mountPath": folder},
                    {"name": "config", "mountPath": FOLDER, "readOnly": True},
                ],
            }
        ],
        "volumes": [
            {"name": "folder", "persistentVolumeClaim": {"claimName": options["claim"]}},
            {"name": "config", "configMap": {"name": options["name"]}},
        ],
    }


def on_codes(action: str, values: Sequence[int]) -> dict[str, Any]:
    """A rule for a pod that ends with one of these codes."""
    what = {"containerName": "host", "operator": "In", "values": sorted(values)}
    return {"action": action, "onExitCodes": what}


DISRUPTED = {
    "action": "Ignore",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}


def _rules() -> list[dict[str, Any]]:
    """The rules for a pod's end; the first one that fits applies."""
    return [
        on_codes("Ignore", [PreemptedError.code]),
        DISRUPTED,
        on_codes("FailIndex", [*{error.code for error in FINAL}]),
    ]


def write_items(name: str, config: Path, spec: dict[str, Any]) -> str:
    """The text of the file: a ConfigMap with the config, and the JobSet."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"config.py": config_text(config)},
        },
        {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {"name": name},
            "spec": spec,
        },
    ]
    return to_yaml({"apiVersion": "v1", "kind": "List", "items": items})
