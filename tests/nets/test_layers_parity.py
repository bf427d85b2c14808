"""Layers held against PyTorch's: the extra `parity`."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import tiny

from gan_jax.nets.layers import BatchNorm


def test_conditional_batch_norm_is_pytorchs_composition():
    """BatchNorm2d without scale or bias, then (1 + gain(y)) x + bias(y) with two embeddings."""
    if importlib.util.find_spec("torch") is None:
        tiny.missing("parity", "torch", "pip install 'gan-jax[parity]'")
    torch = importlib.import_module("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (6, 4, 4, 5)).astype(np.float32)
    label, tables = np.asarray([0, 2, 1, 1, 2, 0]), rng.normal(size=(2, 3, 5)).astype(np.float32)
    layer, y = BatchNorm(classes=3), jnp.asarray(label)
    variables = layer.init(jax.random.key(0), x, True, y)
    params = {"gain": tables[0], "bias": tables[1]}
    ours, _ = layer.apply(variables | {"params": params}, x, True, y, mutable=["batch_stats"])
    norm = torch.nn.BatchNorm2d(5, eps=layer.eps, affine=False)
    normal = norm(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    gain, bias = (torch.nn.Embedding.from_pretrained(torch.from_numpy(t)) for t in tables)
    where = torch.from_numpy(label)
    theirs = normal * (1 + gain(where))[:, :, None, None] + bias(where)[:, :, None, None]
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
