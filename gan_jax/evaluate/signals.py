"""The signals that diagnostics use: a few numbers of a state, computed on the device at intervals.

They are logged as watch/..., where diagnostics.py reads them.
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
DECISIONS, FEW = 64, 16  # of disc on each side; FEW if each takes a whole batch
PAIRED = 256  # the most samples of which all pairs are compared
CLOSEST, NEAR = 0.01, 0.25  # define which samples are alike: see variety


class Shown(NamedTuple):
    """The examples shown to disc, in the config's range, fixed for the run."""

    real: Batch  # n training examples; none if they are drawn
    held_out: Batch | None  # n examples of the test split, if there is one


def make_shown(setup: Setup, arrays: Arrays | None) -> Shown:
    """Examples spread evenly over the sets, since sets may be sorted by class."""
    if arrays is None:
        return Shown(Batch(jnp.zeros(0)), None)
    data, n = setup.data, _examples(_size(setup))
    classes = setup.game.sampler.classes

    def some(arrays: Arrays) -> Batch:
        spread = arrays.map(lambda a: jnp.asarray(a[np.linspace(0, len(a) - 1, n).astype(int)]))
        return to_batch(data, spread if classes else spread._replace(label=None))

    return Shown(some(arrays), some(data.test()) if data.has_held_out else None)


def _size(setup: Setup) -> int:
    """The number of samples per decision of disc; 1 without a disc."""
    return setup.game.decision.size if setup.game.decision else 1


def _examples(size: int) -> int:
    return size * (DECISIONS if size < DECISIONS else FEW)


def make_signals(setup: Setup) -> Callable[[State, Hypers, Shown], dict[str, Array]]:
    """A pure f(state, hypers, shown) -> {watch/name: a number}, on fixed latents.

    gen_grad: the norm of gen's gradient; logit_real, logit_fake, logit_held: disc's mean logits;
    auc: the share of pairs in which the real's logit is above the fake's; spread: the samples' root
    mean square distance from their mean, over that of reals; variety: see variety; place: the
    samples' mean along a fixed direction, as its offset from the reals' mean in standard deviations
    of the reals. Signals of disc are left out if there is none.
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
    """How often two reals are alike, over how often two samples are.

    It is 1 if the samples are as varied as the data, and near 0 if they are nearly all the same.
    A pair at distance d is alike to the degree exp(-d^2 / h^2). h is a quarter of the reals' root
    mean square distance from their mean or, if that is larger, as in many dimensions, the 1 %
    quantile of the distances between reals. So the measure is relative to the data's spread and
    independent of the samples' location. Covering k of K equal, distant clusters gives k / K.
    Compare the birthday test of Arora and Zhang 2017.
    """
    real_P, fake_P = _squared_distances(real), _squared_distances(fake)
    h = jnp.maximum(jnp.quantile(real_P, CLOSEST), (NEAR * _width(real)) ** 2)
    h = jnp.maximum(h, 1e-24)
    return jnp.exp(-real_P / h).mean() / jnp.maximum(jnp.exp(-fake_P / h).mean(), 1e-12)


def _squared_distances(x: Array) -> Array:
    """The squared distance of each pair of different points, [N (N - 1) / 2]."""
    a = x.reshape(len(x), -1)
    a = a - a.mean(0, keepdims=True)
    squares = (a**2).sum(1)
    found = squares[:, None] + squares[None, :] - 2 * a @ a.T
    return jnp.maximum(found[jnp.triu_indices(len(x), 1)], 0.0)


def _place(real: Array, fake: Array, way: Array) -> Array:
    along = [(x * way[None]).reshape(len(x), -1).sum(1) for x in (real, fake)]
    return (along[1].mean() - along[0].mean()) / jnp.maximum(along[0].std(), 1e-12)
