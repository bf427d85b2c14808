"""What diagnostics look at: a few numbers of a state, made on the device every so many steps.

They go into the run's lines as watch/..., and diagnostics.py reads them there.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.data import Arrays
from gan_jax.data.pipeline import to_batch
from gan_jax.dynamics.move import field, params
from gan_jax.games import Setup
from gan_jax.types import Array, Batch, Hypers, State

WATCH_STREAM = 2**32 - 4  # folded into a run's key: no step number gets there
DECISIONS, FEW = 64, 16  # of disc on each side; few, where one decision takes a whole batch
PAIRED = 256  # samples at most of which every pair is compared
CLOSEST, NEAR = 0.01, 0.25  # what is alike: see variety


class Shown(NamedTuple):
    """What disc is shown, in the range of the config: fixed for the run."""

    real: Batch  # n of the training examples; none where they are drawn
    held_out: Batch | None  # n of the test split, where there is one


def make_shown(setup: Setup, arrays: Arrays | None) -> Shown:
    """Examples spread evenly over the sets: sets may be sorted by class."""
    if arrays is None:
        return Shown(Batch(jnp.zeros(0)), None)
    data, n = setup.data, _examples(_size(setup))
    classes = setup.game.sampler.classes

    def some(arrays: Arrays) -> Batch:
        spread = arrays.map(lambda a: jnp.asarray(a[np.linspace(0, len(a) - 1, n).astype(int)]))
        return to_batch(data, spread if classes else spread._replace(label=None))

    return Shown(some(arrays), some(data.test()) if data.has_held_out else None)


def _size(setup: Setup) -> int:
    """Samples that one decision is about; 1 where nobody decides."""
    return setup.game.decision.size if setup.game.decision else 1


def _examples(size: int) -> int:
    return size * (DECISIONS if size < DECISIONS else FEW)


def make_signals(setup: Setup) -> Callable[[State, Hypers, Shown], dict[str, Array]]:
    """A pure f(state, hypers, shown) -> {watch/name: a number}, on fixed latents.

    gen_grad: norm of gen's gradient; logit_real, logit_fake, logit_held: disc's mean
    logit; auc: the share of pairs in which a real one is above a fake; spread: root mean square
    distance of samples from their mean, over that of reals; variety: how much rarer two samples
    are alike than two reals, see below; place: the samples' mean along one fixed direction, in
    standard deviations of the reals there and from their mean. What is of disc is left out where
    there is none.
    """
    game, synthetic = setup.game, setup.data.synthetic
    sampler, decision, size = game.sampler, game.decision, _size(setup)
    n = _examples(size)

    def decide(state: State, batch: Batch, x: Array) -> Array:
        assert decision
        x = decision.beside(batch, x)
        seen = jax.vmap(decision.view)(x.reshape(-1, size, *x.shape[1:]))
        return decision.logits(state, seen.reshape(-1, *seen.shape[2:]), batch.label)

    def gen_grad(state: State, hypers: Hypers, real: Batch, z: Array, key: Array) -> Array:
        b = n if size < DECISIONS else size
        some = jax.tree.map(lambda a: a[:b], real)
        draw, move = game.one_draw(some, z[:b], key), game.moves[-1]
        v, _ = field(game, (move,), state, draw, hypers)(params(game, state))
        return optax.tree.norm(v)

    def signals(state: State, hypers: Hypers, shown: Shown) -> dict[str, Array]:
        k_real, k_z, k_draw, k_way = jax.random.split(
            jax.random.fold_in(state.key, WATCH_STREAM), 4
        )
        batch = Batch(synthetic.sample(k_real, n)) if synthetic else shown.real
        z = getattr(batch, sampler.of) if sampler.of else sampler.latent(k_z, n)
        real, fake = batch.x, sampler.sample(state.replace(averages={}), z, batch.label)
        found = {"gen_grad": gen_grad(state, hypers, batch, z, k_draw)}
        if decision:
            real_B, fake_B = decide(state, batch, real), decide(state, batch, fake)
            found |= {
                "logit_real": real_B.mean(),
                "logit_fake": fake_B.mean(),
                "auc": (real_B[:, None] > fake_B[None, :]).mean(dtype=real_B.dtype),
            }
        found |= {
            "spread": _width(fake) / jnp.maximum(_width(real), 1e-12),
            "variety": variety(real[:PAIRED], fake[:PAIRED]),
            "place": _place(real, fake, jax.random.normal(k_way, real.shape[1:])),
        }
        if decision and shown.held_out is not None:
            found["logit_held"] = decide(state, shown.held_out, shown.held_out.x).mean()
        return {f"watch/{name}": value for name, value in found.items()}

    return signals


def _width(x: Array) -> Array:
    return jnp.sqrt(x.var(0).sum())


def variety(real: Array, fake: Array) -> Array:
    """How often two reals are alike, over how often two samples are: 1 as varied as the data, or 0.

    A pair at distance d is alike to the degree exp(-d^2 / h^2). h is a quarter of the reals' root
    mean square distance from their mean, or the distance below which one pair of reals in a hundred
    lies where that is more, as it is in many dimensions. So the measure is in units of the data's
    own spread, and says nothing of where the samples lie. Of K equal clusters far apart, k leave
    k / K. Compare the birthday test of Arora and Zhang 2017.
    """
    real_P, fake_P = _squared_distances(real), _squared_distances(fake)
    h = jnp.maximum(jnp.quantile(real_P, CLOSEST), (NEAR * _width(real)) ** 2)
    h = jnp.maximum(h, 1e-24)
    return jnp.exp(-real_P / h).mean() / jnp.maximum(jnp.exp(-fake_P / h).mean(), 1e-12)


def _squared_distances(x: Array) -> Array:
    """Of each pair of different ones, [N (N - 1) / 2]."""
    a = x.reshape(len(x), -1)
    a = a - a.mean(0, keepdims=True)
    squares = (a**2).sum(1)
    found = squares[:, None] + squares[None, :] - 2 * a @ a.T
    return jnp.maximum(found[jnp.triu_indices(len(x), 1)], 0.0)


def _place(real: Array, fake: Array, way: Array) -> Array:
    along = [(x * way[None]).reshape(len(x), -1).sum(1) for x in (real, fake)]
    return (along[1].mean() - along[0].mean()) / jnp.maximum(along[0].std(), 1e-12)
