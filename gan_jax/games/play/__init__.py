"""The networks as losses call them: on one draw, recording new statistics along the way."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.games.play import last_layer
from gan_jax.nets.layers import of_example
from gan_jax.objectives.logits import widen
from gan_jax.objectives.penalties import Local
from gan_jax.types import (
    Array,
    Critic,
    Draw,
    Game,
    Metrics,
    Net,
    Notes,
    PyTree,
    State,
)

# Roles are folded into a draw's key, so that all losses of a draw have the same randomness.
LATENT, GEN_DROPOUT, REAL_DROPOUT, FAKE_DROPOUT, PENALTY, PENALTY_DROPOUT = range(6)
REAL_NOISE, FAKE_NOISE, REQUEST = range(6, 9)
SAMPLES = 2**32 - 6  # folded into a run's key for samples' noise; above any step number


class Play:
    """The networks at these parameters, on one draw, in one loss. It lives for one trace."""

    def __init__(
        self,
        game: Game,
        moving: Sequence[str],
        params: Mapping[str, PyTree],
        state: State,
        draw: Draw,
    ):
        self.nets, self.moving, self.params, self.draw = game.nets, moving, params, draw
        self.step, self.memory = state.step, state.memory
        self.before = {name: player.vars for name, player in state.players.items()}
        self.vars = dict(self.before)  # as the calls so far have left them

    def key(self, role: int) -> Array:
        """The draw's key for that use."""
        return jax.random.fold_in(self.draw.key, role)

    def __call__(self, name: str, x: Any, role: int, **given: Any) -> Any:
        """One training pass of a player; its new statistics are kept for the next call.

        An output that the draw holds already is taken from there.
        """
        known = self.draw.precomputed.get((name, role))
        y, self.vars[name] = known or self._apply(name, self.vars[name], x, role, **given)
        return y

    def pair(
        self, name: str, real: Array, fake: Array, roles: tuple[int, int], **given: Any
    ) -> tuple[Any, Any]:
        """Outputs for reals and fakes; each keyword in given is a pair (for reals, for fakes).

        One pass over both, whose larger products are faster, if the player moves and treats each
        example by itself, or if disc.one_batch asks for it. Otherwise one pass each, reals first:
        the compiler can then remove the reals' pass from a loss that ignores it, as gen's often
        does.
        """
        if self._joins(name):
            x, both = _joined(real, fake, given)
            return _parted(self(name, x, roles[0], **both), len(real))
        first, second = ({key: pair[i] for key, pair in given.items()} for i in (0, 1))
        return self(name, real, roles[0], **first), self(name, fake, roles[1], **second)

    def pair_with_slopes(
        self, name: str, real: Array, fake: Array, roles: tuple[int, int], **given: Any
    ) -> tuple[Any, Any, tuple[Local, Local] | None]:
        """pair together with the logits and their slopes; None if each side has its own pass.

        The slopes are one vector-Jacobian product of the joint pass, so a gradient penalty needs no
        further pass. As no logit depends on another example, ones on all logits give each example
        its own slope.
        """
        if not (self._joins(name) and self.nets[name].rows_are_independent):
            return *self.pair(name, real, fake, roles, **given), None
        x, both = _joined(real, fake, given)

        def logits(x: Array) -> tuple[Array, Any]:
            y = self._apply(name, self.vars[name], x, roles[0], **both)
            return widen(of_example(y[0])), y

        logits_B, pull, (y, vars) = jax.vjp(logits, x, has_aux=True)
        self.vars[name] = vars
        at_both = _parted(Local(logits_B, widen(pull(jnp.ones_like(logits_B))[0])), len(real))
        return *_parted(y, len(real)), at_both

    def _joins(self, name: str) -> bool:
        net = self.nets[name]
        return name in self.moving if net.rows_are_independent else net.one_batch

    def pure(self, name: str, role: int, **given: Any) -> Callable[[Any], Any]:
        """The player as a pure function of its input, with the statistics from before this loss."""
        return lambda x: self._apply(name, self.before[name], x, role, **given)[0]

    def critic(self, name: str, role: int, **given: Any) -> Critic:
        """A discriminator's logits [B], as a pure function of x.

        If it judges patches, an example's logit is the sum of theirs.
        """
        logits = self.pure(name, role, **given)
        return lambda x: of_example(logits(x))

    def with_params(self, name: str, change: Callable[[PyTree], PyTree]) -> "Play":
        """This play with changed parameters of a player; statistics are still recorded here."""
        other = copy.copy(self)
        other.params = {**self.params, name: change(self.params[name])}
        return other

    def aside(self) -> "Play":
        """A copy of this play whose calls leave no trace here."""
        other = copy.copy(self)
        other.vars = dict(self.vars)
        return other

    def mean_features(self, name: str, role: int, **given: Any) -> Callable[[Array], Array]:
        """x -> the mean of the player's last hidden layer, with the statistics from before."""

        def mean(x: Array) -> Array:
            def logits(params: PyTree) -> Array:
                return self.with_params(name, lambda _: params).critic(name, role, **given)(x)

            return last_layer.mean_features(self.params[name], logits)

        return mean

    def encoder(self, name: str) -> Callable[[Array], Array]:
        """The autoencoder's codes as a pure function of x, with the same statistics."""

        def encode(x: Array) -> Array:
            net = self.nets[name]
            assert net.encode
            return net.encode(self.params[name], self.before[name], x)

        return encode

    def precompute(self, name: str, x: Any, role: int, **given: Any) -> dict:
        """An entry of draw.precomputed: the output and the statistics of one training pass."""
        return {(name, role): self._apply(name, self.before[name], x, role, **given)}

    def notes(self, metrics: Metrics, memory: Mapping[str, PyTree] | None = None) -> Notes:
        """What the loss leaves behind besides its value; no gradient flows into the memory."""
        return Notes(self.vars, lax.stop_gradient(dict(memory or {})), metrics)

    def _apply(self, name: str, vars: PyTree, x: Any, role: int, **given: Any) -> tuple:
        net = self.nets[name]
        known = {key: value for key, value in given.items() if key in net.takes}
        return net.apply(self.params[name], vars, x, self.key(role), train=True, **known)


def _joined(real: Array, fake: Array, given: Mapping[str, Any]) -> tuple[Array, dict[str, Array]]:
    """Reals and fakes as one batch, reals first; the keyword arguments are joined likewise."""
    known = {key: jnp.concatenate(pair) for key, pair in given.items() if pair[0] is not None}
    return jnp.concatenate([real, fake]), known


def _parted(y: Any, n: int) -> tuple[Any, Any]:
    """The outputs of the first n examples, and those of the others."""
    return jax.tree.map(lambda y: y[:n], y), jax.tree.map(lambda y: y[n:], y)


def averaged(state: State, name: str) -> tuple[PyTree, PyTree]:
    """A player's averaged (params, vars), kept in one dict; its own if there is no average."""
    player = state.players[name]
    if name not in state.averages:
        return player.params, player.vars
    average = state.averages[name]
    params, vars = ({k: average[k] for k in part} for part in (player.params, player.vars))
    return params, vars


def infer(
    net: Net,
    params: PyTree,
    vars: PyTree,
    x: Any,
    label: Array | None = None,
    key: Array | None = None,
) -> Any:
    """The output outside training: no new statistics, and dropout only if a key is given."""
    given = {"label": label} if "label" in net.takes else {}
    return net.apply(params, vars, x, key=key, train=False, **given)[0]
