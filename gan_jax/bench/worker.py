"""A separate process for one side of a comparison; it times what it is told to run."""

import contextlib
import importlib
import json
import subprocess
import sys
import time
from typing import Any

from gan_jax.host.errors import UserError
from gan_jax.host.files import parse_json


class BenchmarkCrashedError(UserError):
    """A benchmark's process ended by itself; what was measured before is kept."""

    code = 1


class Worker(contextlib.AbstractContextManager["Worker"]):
    """Runs module.maker(case) in another process, which then waits for numbers of steps."""

    def __init__(self, module: str, maker: str, case: str):
        code = "import sys; from gan_jax.bench.worker import serve; serve(*sys.argv[1:])"
        command = [sys.executable, "-P", "-c", code, module, maker, case]
        self.name = f"{module.rpartition('.')[2]} {case}, {maker}"
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()  # ready: imported, compiled, warm

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError), self.process:
            pass  # closes both pipes, which ends the other side, and waits for it

    def run(self, n: int) -> float:
        """Seconds of n steps."""
        self.tell(n)
        return self.answer()["seconds"]

    def ask(self) -> dict[str, Any]:
        """What the side reports about its step: flops, matmul_fraction."""
        self.tell(0)
        return self.answer()

    def tell(self, n: int) -> None:
        """Tells it to run n steps, or with 0 to report its facts; `answer` waits for that."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended, which answer will report
            self.process.stdin.write(f"{n}\n")
            self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What the process answers when it is done. BenchmarkCrashedError if it has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise BenchmarkCrashedError(
                f"the process of benchmark {self.name} ended with {code}: its own words are above"
            )
        return parse_json(line)


def serve(module: str, maker: str, case: str) -> None:
    """The loop of the other process: it reads numbers of steps and writes answers."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not an answer
    run, facts = getattr(importlib.import_module(module), maker)(case)
    run(10)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        n = int(line)
        start = time.perf_counter()
        run(n)
        answer = {"seconds": time.perf_counter() - start} if n else facts()
        print(json.dumps(answer), file=answers, flush=True)
