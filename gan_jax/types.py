"""The vocabulary: games, players and moves, and what flows between them.

A game is a set of named players and the moves they make. A move is a loss that some players
descend together. Dynamics (gan_jax/dynamics) carry out the moves of a step.

Shape letters in names, here and everywhere: K, draws per step; B, batch; N, examples; H W C, image;
D, flattened features; Z, latent; M, rows that train as one program. `x_BxHxWxC` has shape
[B, H, W, C], and a trailing `_B` is one number per example.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import optax
from flax import struct

from gan_jax.host import errors

Array = jax.Array
PyTree = Any
Critic = Callable[[Array], Array]  # x [B, ...] -> logits [B]
Metrics = dict[str, Array]
UserError = errors.UserError  # the base class of errors that a user can mend: host/errors.py


class Batch(NamedTuple):
    """Real examples: the fields of data.base.Arrays, of which a data set may lack all but x.

    x [K, B, ...] in a step, [B, ...] in a loss; pictures are in the range the config states
    ([-1, 1] by default).
    """

    x: Array
    label: Array | None = None  # int32 [..., B]
    other: Array | None = None  # like x, of the other domain; its channels may differ
    text: Array | None = None  # int32 [..., B, T] words, as data.base.Spec.vocabulary counts them


class Losses(NamedTuple):
    """One number per example for each side; each side minimises the mean of its own."""

    disc: Array  # [B]
    gen: Array  # [B]


class Player(struct.PyTreeNode):
    """One network and its optimiser. `vars` holds what is not trained (batch statistics)."""

    params: PyTree
    vars: PyTree
    opt: PyTree


class State(struct.PyTreeNode):
    """The whole state of a run. key, a typed PRNG key, never changes: it is folded, not split."""

    step: Array  # int32
    key: Array
    players: dict[str, Player]
    averages: dict[str, PyTree]  # of the sampled players' params and vars; {} when ema.decay is 0
    memory: dict[str, PyTree]  # what losses and dynamics remember: lecam's means, the last update

    def with_player(self, name: str, **fields: Any) -> "State":
        """The state with these fields of one player replaced."""
        return self.replace(players=self.players | {name: self.players[name].replace(**fields)})


class Hypers(struct.PyTreeNode):
    """Every number that may change without a recompile, as float arrays. config.hypers makes it."""

    players: dict[str, dict[str, Array]]  # rates and the like, by config section: "gen", "disc"
    objective: dict[str, Array]  # keyword arguments of the objective
    penalty: dict[str, Array]  # weight, and keyword arguments
    penalties: dict[str, Array]  # the weights of the others, by name
    dynamics: dict[str, Array]  # keyword arguments of the dynamics
    game_args: dict[str, Array]  # keyword arguments of the game
    game: dict[str, Array]  # loss_scale, ema_decay, ...


class Draw(NamedTuple):
    """What one update sees besides the parameters."""

    batch: Batch
    z: Array | None  # latents of the fakes; all players get the same ones
    key: Array  # of dropout, noise, penalties
    label: Array | None = None  # of the fakes, if a network takes labels
    precomputed: Mapping[tuple[str, int], tuple[Any, PyTree]] = {}  # (player, role): (output, vars)


class Notes(NamedTuple):
    """What a loss leaves behind besides its value."""

    vars: dict[str, PyTree]  # new batch statistics, by player
    memory: dict[str, PyTree]  # what its move remembers until the next
    metrics: Metrics


class Net(NamedTuple):
    """A network as pure functions.

    init(key, x) -> (params, vars); apply(params, vars, x, key, train, **given) -> (y, vars). apply
    uses those of the keywords, such as label, that it knows, and ignores the others.
    """

    init: Callable[..., tuple[PyTree, PyTree]]
    apply: Callable[..., tuple[Array, PyTree]]
    rows_are_independent: bool = False  # no example's output depends on another; no dropout
    start_at: Callable[..., PyTree] | None = None  # (params, mean image) -> params that output it
    is_energy: bool = False  # an autoencoder, whose logit is minus its energy
    is_flat: bool = False  # turns images into vectors by itself
    encode: Callable[..., Array] | None = None  # (params, vars, x) -> codes [B, F], if it has codes
    takes: frozenset[str] = frozenset()  # the keywords that apply knows
    one_batch: bool = False  # reals and fakes pass as one batch, although its examples then mix
    translates: bool = False  # maps images to images
    judges_patches: bool = False  # gives logits [B, P] of patches of an image
    reads: bool = False  # its input is a pair: the usual input, and a text


Loss = Callable[[Any, Draw, Hypers], tuple[Array, Notes]]  # of (play, draw, h); see games/play


class Move(NamedTuple):
    """A loss, and the players that descend it together."""

    players: tuple[str, ...]
    loss: Loss
    times: int = 1  # updates a step


class Sampler(NamedTuple):
    """One way to draw samples, for pictures and metrics."""

    player: str  # its average is used if there is one
    latent: Callable[[Array, int], Array]  # (key, n) -> z [n, ...], or other inputs that are mapped
    # (state, z, label [n] or None) -> samples [n, ...]; any noise is drawn with state.key
    sample: Callable[..., Array]
    real: Callable[[Array, int], Array] | None  # (key, n) -> what they should look like, if known
    classes: int = 0  # labels that can be asked for; 0: none
    of: str = ""  # the field of examples that is mapped, if there are no latents


class Decision(NamedTuple):
    """How a discriminator decides outside of training, for diagnosis and pictures."""

    size: int  # samples that one decision is about
    view: Callable[[Array], Array]  # those samples as the discriminator sees them
    logits: Callable[..., Array]  # (state, views, labels or None) -> one logit a decision
    # (examples, their x or samples made of them) -> what disc views, if that is more than x
    beside: Callable[[Batch, Array], Array] = lambda batch, x: x


class Game(NamedTuple):
    """Named players and the moves they make. Everything static is bound; numbers come as h."""

    nets: dict[str, Net]  # in the order in which sums over players run
    moves: tuple[Move, ...]  # in the order they are made
    play: Callable[..., Any]  # (game, moving, params, state, draw) -> games.play.Play
    optimizer: Callable[[str, Hypers], optax.GradientTransformation]  # refuses what is not finite
    project: Callable[[str, Player, Hypers], Player]  # after each update: weight clipping
    draw: Callable[[Batch, Array], Draw]  # (batch [K, B, ...], keys) -> draws
    one_draw: Callable[[Batch, Array, Array], Draw]  # (reals, latents, key): a draw of just these
    precompute: Callable[[Any, Draw], dict]  # (play, draw) -> Draw.precomputed; may be {}
    inputs: Callable[[Array], dict[str, Any]]  # key -> an input of each net, to initialise it
    memory: dict[str, PyTree]  # at the start
    samplers: dict[str, Sampler]  # by name; metrics are of the first one's samples
    decision: Decision | None  # None: there is no discriminator
    # (state, key, reals) -> images [rows, columns, ...] that are shown instead of samples
    gallery: Callable[[State, Array, Batch], Array] | None = None
    # Codes of examples, by name: (state, x [N, ...]) -> [N, F]
    encoders: Mapping[str, Callable[[State, Array], Array]] = {}
    # The state with other statistics of batch norm, for samples; None: they stay as they are
    settle: Callable[[State], State] | None = None
    averaged: tuple[
        str, ...
    ] = ()  # players with averages besides those that samples are drawn from
    taken: tuple[str, ...] = ()  # players whose weights come from an earlier run that trained them

    @property
    def sampler(self) -> Sampler:
        """The first one."""
        return next(iter(self.samplers.values()))
