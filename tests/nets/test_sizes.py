"""Published sizes: every network has as many parameters as its authors', by tracing alone."""

import math

import jax
import jax.numpy as jnp
import pytest

from gan_jax import nets
from gan_jax.host.errors import ConfigError
from gan_jax.nets.layers import Labels

SHARED = {"width": 96, "shared": 128, "is_hierarchical": True}
IMAGENET_64 = {"channels": (1536,) * 5, "group": 32}
# net, side, latent, classes, gen's and disc's args -> parameters of gen and of disc
PUBLISHED = [
    ("sndcgan", 32, 128, 0, {}, {}, 3_828_739, 2_935_873),
    ("sngan", 32, 128, 0, {}, {}, 4_276_739, 1_053_825),
    ("sngan", 32, 128, 10, {}, {}, 4_304_387, 1_055_105),
    ("sngan", 48, 128, 0, {}, {}, 4_878_083, 10_141_441),
    ("sngan", 64, 128, 0, {}, {}, 12_220_675, 10_141_441),
    ("sngan", 128, 128, 0, {}, {}, 32_150_787, 29_017_857),
    ("sagan", 32, 128, 10, {}, {}, 4_386_308, 1_075_586),
    ("biggan", 32, 128, 10, {}, {}, 4_304_387, 4_207_361),
    (
        *("biggan", 32, 80, 10, {**SHARED, "attention": (1,)}),
        *({"width": 96, "attention": (0, 1, 2, 3)}, 9_416_196, 10_194_053),
    ),
    (
        *("biggan", 128, 120, 1000, {**SHARED, "attention": (3,)}),
        *({"width": 96, "attention": (0,)}, 70_433_988, 87_982_370),
    ),
    ("r3gan", 32, 64, 0, {}, {}, 20_732_160, 20_683_776),
    ("r3gan", 32, 64, 10, {}, {}, 20_781_952, 21_280_512),
    ("r3gan", 256, 64, 0, {}, {}, 23_057_952, 23_009_568),
    ("r3gan", 64, 64, 1000, IMAGENET_64, IMAGENET_64, 103_570_432, 107_205_120),
]


def players(name, shape, classes, gen_args, disc_args):
    how = "concat" if name == "r3gan" else "norm"
    of_gen, of_disc = (Labels(c, classes) if classes else Labels() for c in (how, "projection"))
    return (
        nets.make_generator(name, gen_args, shape, "tanh", of_gen),
        nets.make_discriminator(name, disc_args, shape, of_disc),
    )


def parameters(net, *shape):
    params, _ = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((2, *shape)))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def output(net, *shape):
    """The shape of what it makes of two of that shape."""

    def made(key, x):
        return net.apply(*net.init(key, x), x, None, train=False)[0]

    return jax.eval_shape(made, jax.random.key(0), jnp.zeros((2, *shape))).shape


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: " ".join(map(str, row[:4])))
def test_as_many_parameters_as_published(row):
    name, side, latent, classes, gen_args, disc_args, of_gen, of_disc = row
    gen, disc = players(name, (side, side, 3), classes, gen_args, disc_args)
    assert (parameters(gen, latent), parameters(disc, side, side, 3)) == (of_gen, of_disc)


@pytest.mark.parametrize(
    ("name", "channels", "of_gen", "of_disc"),
    [("pix2pix", 6, 54_413_955, 2_768_705), ("cyclegan", 3, 11_378_179, 2_764_737)],
)
def test_translators_have_as_many_parameters_as_published(name, channels, of_gen, of_disc):
    shape = (256, 256, 3)
    gen = nets.make_generator(name, {}, shape, "tanh")
    disc = nets.make_discriminator(name, {}, shape)
    assert (parameters(gen, *shape), parameters(disc, 256, 256, channels)) == (of_gen, of_disc)
    assert (output(gen, *shape), output(disc, *shape)) == ((2, *shape), (2, 900))


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan"])
def test_translators_of_any_power_of_two(name):
    for side, layers in ((8, 1), (16, 2), (32, 1), (128, 3), (512, 3)):
        gen = nets.make_generator(name, {"width": 8}, (side, side, 3), "tanh")
        disc = nets.make_discriminator(name, {"layers": layers}, (side, side, 3))
        assert output(gen, side, side, 1) == (2, side, side, 3)  # of grey pictures
        patches = (side // 2**layers - 2) ** 2
        assert output(disc, side, side, 3) == (2, patches)


@pytest.mark.parametrize("name", ["sndcgan", "sngan", "sagan", "biggan", "r3gan"])
def test_any_power_of_two_from_16_to_256_and_28(name):
    for side, colours in ((16, 1), (28, 1), (64, 3), (128, 1), (256, 3)):
        if name == "sagan" and side == 28:
            continue  # attention is on maps of 14x14 and 7x7, of which the latter cannot be pooled
        shape = (side, side, colours)
        gen, disc = players(name, shape, 0, {}, {})
        assert output(gen, 10) == (2, *shape)
        assert output(disc, *shape) == (2,)


@pytest.mark.parametrize(
    ("name", "shape", "args", "message"),
    [
        (
            "sngan",
            (32, 48, 3),
            {},
            "square images .* shape .32, 48, 3.: expected gen.args.channels",
        ),
        ("r3gan", (6, 6, 1), {}, "even, of 8 pixels or more"),
        ("sndcgan", (2,), {"channels": (4, 4)}, "is for images"),
        ("biggan", (28, 28, 1), {"channels": (4, 4, 4, 4)}, "28x28 is not divisible by 8"),
        ("biggan", (16, 16, 1), {"is_hierarchical": True}, "latents of 10 numbers into 3 chunks"),
        ("sagan", (16, 16, 1), {"channels": (4, 4, 4)}, "attention on a map of 16x16x4"),
    ],
)
def test_what_does_not_fit_is_said(name, shape, args, message):
    gen = nets.make_generator(name, args, shape, "identity")
    with pytest.raises(ConfigError, match=message):
        output(gen, 10)


@pytest.mark.parametrize(
    ("name", "shape", "gen_args", "disc_args", "message"),
    [
        ("pix2pix", (2,), {}, None, "maps images to images, not examples of shape"),
        ("pix2pix", (10, 10, 1), {}, None, "halvings is 0: .* can be halved 1 times"),
        ("pix2pix", (32, 32, 1), {"halvings": 6}, None, "expected 0 or 2 to 5"),
        ("cyclegan", (2,), {}, None, "maps images to images, not examples of shape"),
        ("cyclegan", (10, 10, 1), {}, None, "to divide both of 10x10"),
        ("pix2pix", (2,), None, {}, "judges patches of images"),
        ("cyclegan", (32, 32, 1), None, {"layers": 4}, "expected at least 1, and fewer"),
    ],
)
def test_what_does_not_fit_a_translator_is_said(name, shape, gen_args, disc_args, message):
    if disc_args is None:
        net = nets.make_generator(name, gen_args, shape, "identity")
    else:
        net = nets.make_discriminator(name, disc_args, shape)
    with pytest.raises(ConfigError, match=message):
        output(net, *shape)
