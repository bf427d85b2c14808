"""A SLURM of one node for tests: its own key, ports and folder; nothing is left when it ends."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "setpriv")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SwitchType=switch/none
KillWait=20
MinJobAge=300
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def where(tool):
    """The tool's path; daemons lie outside an ordinary user's PATH."""
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_ports(count):
    """Ports that nobody listens at, at the moment."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


@contextlib.contextmanager
def cluster():
    """Runs the daemons; gives the environment in which SLURM's commands find them."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munge asks that its socket can be reached
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().split(".")[0]
    text = CONF.format(folder=folder, host=host, user=getpass.getuser(), ports=free_ports(2))
    (folder / "slurm.conf").write_text(text)
    env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    daemons = []
    try:
        for name, *words in (
            ("munged", "--foreground", "--force", *_munge_files(folder)),
            ("slurmctld", "-D"),
            ("slurmd", "-D"),
        ):
            with (folder / f"{name}.out").open("wb") as out:
                command = [where("setpriv"), "--pdeathsig", "KILL", where(name), *words]
                daemons.append(subprocess.Popen(command, env=env, stdout=out, stderr=out))
            if name == "munged":
                _wait((folder / "munge.socket").exists, folder)
        _wait(lambda: "idle" in _ask(env, "sinfo", "-h", "-o", "%T"), folder)
        yield env
        _ask(env, "scancel", "--user", getpass.getuser())
        _wait(lambda: not _ask(env, "squeue", "-h"), folder)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(5)
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _munge_files(folder):
    names = {"key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    return [
        f"--socket={folder}/munge.socket",
        *(f"--{flag}={folder}/munge.{name}" for flag, name in names.items()),
    ]


def _ask(env, *command):
    done = subprocess.run(
        [where(command[0]), *command[1:]], env=env, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _wait(ready, folder, seconds=40):
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            said = "".join(f.read_text(errors="replace")[-2000:] for f in folder.glob("*.log"))
            outs = "".join(f.read_text(errors="replace")[-2000:] for f in folder.glob("*.out"))
            raise TimeoutError(f"SLURM is not ready: {said} {outs}")
        time.sleep(0.1)
