"""A process that trains one cohort and dies with its launcher.

It is started as python -P -m gan_jax.sweeps.launch.worker.

Its standard input is a pipe that the launcher holds open. When the launcher ends, however it ends,
the pipe closes and this process ends too. Its output is the cohort's log.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path

import jax

from gan_jax.config import from_json
from gan_jax.games import make_setup
from gan_jax.host import environment, output, stop
from gan_jax.host.errors import ConfigError, DivergedError, UserError, WorkdirBusyError
from gan_jax.sweeps import launch

UNFIT = 69  # no row can be trained in this environment, which is no fault of a row
MANY_FILES = 65_536
BUSY_SECONDS = 10.0  # how long a dying worker of an earlier launcher may still hold a row


def main(workdir: str, cohort_id: str, devices: str) -> int:
    """Returns the exit code: 0, UNFIT, or a UserError's."""
    stop.install()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    _allow_many_files()
    jax.config.update("jax_num_cpu_devices", int(devices))
    try:
        environment.settle()
        environment.check_devices()
    except ConfigError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return UNFIT
    return _run(Path(workdir), cohort_id)


def _run(workdir: Path, cohort_id: str) -> int:
    code = 0
    try:
        _wait_until_free(workdir, cohort_id)
    except UserError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        code = error.code
    if code in (0, stop.PREEMPTED):  # it has trained; without that, a device might be another's
        launch.note_hardware(workdir, cohort_id)
    return code


def _allow_many_files() -> None:
    """Raises the limit: each row keeps three files open, and a shell may allow only 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end_with_launcher() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _wait_until_free(workdir: Path, cohort_id: str) -> None:
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return train(workdir, cohort_id)
        except WorkdirBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def train(workdir: Path, cohort_id: str) -> None:
    """Trains a cohort of a sweep's folder; a row that diverges is a result, not a failure."""
    from gan_jax.sweeps.train_rows import train_rows
    from gan_jax.training.run import train as train_one

    said = launch.read(workdir)
    cohort = next(c for c in said["cohorts"] if c["id"] == cohort_id)
    configs = {row["id"]: from_json(row["config"]) for row in said["rows"]}
    folders = [workdir / "rows" / row_id for row_id in cohort["rows"]]
    if len(folders) > 1:
        rows = [configs[r] for r in cohort["rows"]]
        train_rows(rows, folders, workdir / "cohorts" / cohort_id, said.get("chunk", 0))
        return
    try:
        train_one(make_setup(configs[cohort["rows"][0]]), folders[0])
    except DivergedError as error:
        print(f"gan-jax: {error}", file=sys.stderr)


if __name__ == "__main__":
    output.guard()
    sys.exit(main(*sys.argv[1:]))
