"""Many rows: one compiled program against PyTorch processes, and against one process for each row.

A unit of work is one step of one row, counted over all rows. Two PyTorch processes of one thread
each share the machine as two rows do; `gan-jax train` processes run one after another.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from gan_jax.bench import products
from gan_jax.bench.mlp import Side, perceptron, repeat
from gan_jax.bench.worker import Worker

CASES = ["ring", "gaussian1d"]
UNIT, PAIRS = "row-steps/s", 3
ROWS = {"ring": 64, "gaussian1d": 64}
STEPS = {"ring": 3200, "gaussian1d": 640}  # row-steps; a step of gaussian1d is 20 + 20 updates
THEIRS = {"pytorch": "make_pytorch", "processes": "make_processes"}
PROCESSES = 2
OBJECTIVES = ["minimax", "non_saturating", "lsgan", "hinge", "wgan", "ragan", "rpgan", "fgan_kl"]


def settings(case: str, index: int = 0) -> Any:
    """Row `index`: experiments/objectives_ring.py, or the game of experiments/gaussian1d.py."""
    from gan_jax.reproduce import gaussian1d, planted_runs

    if case == "gaussian1d":
        return gaussian1d.settings("moments", index, 5_000)
    c = planted_runs.ring(index, 10_000)
    c.batch_size = 256
    c.ema.decay = 0.99  # as in PyTorch's rows
    c.objective = OBJECTIVES[index % len(OBJECTIVES)]
    return c


def make_ours(case: str) -> Side:
    """All rows as one program, in the fastest of the ways between which a sweep chooses."""
    import jax

    from gan_jax.host.versions import cores

    jax.config.update("jax_num_cpu_devices", cores())
    import jax.numpy as jnp
    import numpy as np

    from gan_jax.place import place_rows
    from gan_jax.sweeps import tune
    from gan_jax.sweeps.cohort import init_rows, jit_rows, make_members, make_train_rows

    m = ROWS[case]
    configs = [settings(case, i) for i in range(m)]
    members = make_members(configs)
    states, hypers = init_rows(members)
    found = tune.speeds(tune.candidates(m), members, states, None)
    how = max(found, key=lambda how: found[how])
    program = make_train_rows(members.setup, how.chunk)
    many = jit_rows(program, how.place())
    order = jnp.zeros((m, configs[0].log_every_steps, configs[0].dynamics.k_disc, 0), jnp.int32)

    def run(n: int) -> None:
        nonlocal states
        states, metrics = many(states, (), order, hypers, np.int32(max(n // m, 1)))
        jax.block_until_ready(metrics)

    def facts() -> dict[str, Any]:
        whole = jit_rows(make_train_rows(members.setup), place_rows())
        compiled = whole.lower(states, (), order, hypers, np.int32(1)).compile()
        found = products.facts(compiled, lambda: products.seconds(lambda: run(4 * m), 1) / 4)
        return found | {"flops": found["flops"] // m, "how": how._asdict()}

    return run, facts


def make_pytorch(case: str) -> Side:
    """The same rows in two processes of one thread each, side by side."""
    workers = [Worker(__name__, "make_pytorch_rows", case) for _ in range(PROCESSES)]

    def run(n: int) -> None:
        for worker in workers:
            worker.tell(max(n // PROCESSES, 1))
        for worker in workers:
            worker.answer()

    return run, dict


def make_pytorch_rows(case: str) -> Side:
    """The rows of one of these processes, one after another."""
    import torch

    torch.set_num_threads(1)
    return repeat({"ring": _ring_step, "gaussian1d": _gaussian_step}[case]()), dict


def _ring_step() -> Callable[[], None]:
    """One pass over reals and fakes, detached fakes, fused Adam, R1 on reals."""
    import torch
    from torch.nn.functional import softplus

    gen, disc = (perceptron((2, 128, 128, out), "ReLU") for out in (2, 1))
    gen_opt, disc_opt = (
        torch.optim.Adam(p.parameters(), 1e-3, (0.5, 0.999), fused=True) for p in (gen, disc)
    )
    angle = 2 * torch.pi * torch.arange(8) / 8
    centres = torch.stack([angle.cos(), angle.sin()], 1)

    def step() -> None:
        real = centres[torch.randint(0, 8, (256,))] + 0.01 * torch.randn(256, 2)
        fake = gen(torch.randn(256, 2))
        real.requires_grad_(True)
        s_real, s_fake = disc(torch.cat([real, fake.detach()])).split(256)
        (slope,) = torch.autograd.grad(s_real.sum(), real, create_graph=True)
        loss = softplus(-s_real).mean() + softplus(s_fake).mean()
        disc_opt.zero_grad()
        (loss + 0.1 * slope.square().sum(1).mean()).backward()
        disc_opt.step()
        disc.requires_grad_(False)
        gen_opt.zero_grad()
        softplus(-disc(fake)).mean().backward()
        disc.requires_grad_(True)
        gen_opt.step()

    return step


def _gaussian_step() -> Callable[[], None]:
    """A round: 20 updates of disc, 20 of gen, on four moments of batches of 500."""
    import torch
    from torch.nn.functional import softplus

    gen, disc = perceptron((1, 5, 5, 1), "Tanh"), perceptron((4, 10, 10, 1), "Sigmoid")
    gen_opt, disc_opt = (torch.optim.SGD(p.parameters(), 1e-3, 0.9) for p in (gen, disc))

    def moments(x: Any) -> Any:
        mean = x.mean()
        centred = x - mean
        std = (centred.square().mean() + 1e-12).sqrt()
        z = centred / std
        return torch.stack([mean, std, (z**3).mean(), (z**4).mean() - 3])

    def step() -> None:
        for _ in range(20):
            with torch.no_grad():
                fake = moments(gen(torch.rand(500, 1)))
            s = disc(torch.stack([moments(4 + 1.25 * torch.randn(500, 1)), fake]))
            disc_opt.zero_grad()
            (softplus(-s[0]) + softplus(s[1])).sum().backward()
            disc_opt.step()
        disc.requires_grad_(False)
        for _ in range(20):
            gen_opt.zero_grad()
            softplus(-disc(moments(gen(torch.rand(500, 1))))).sum().backward()
            gen_opt.step()
        disc.requires_grad_(True)

    return step


def make_processes(case: str) -> Side:
    """Each row by a `gan-jax train` of its own, start-up included, with programs cached."""
    code = (
        "import sys; from gan_jax.host import environment; environment.settle();"
        "from gan_jax.bench.sweep import settings; from gan_jax.games import make_setup;"
        "from gan_jax.training.run import train;"
        "c = settings(sys.argv[1]); c.steps = int(sys.argv[2]);"
        "c.eval_every_steps = c.sample_every_steps = c.checkpoint_every_steps = 10**6 * 100;"
        "train(make_setup(c), sys.argv[3])"
    )

    def run(n: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-P", "-c", code, case, str(n), folder]
            subprocess.run(command, check=True, capture_output=True)

    return run, dict
