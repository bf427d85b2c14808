"""The networks and steps of bench/accelerator.py as a good PyTorch version has them."""

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

from gan_jax.bench.mlp import BETAS, DISC, GEN, LATENT, RATE, perceptron

EXAMPLES, CLASSES, SLOPE = 5_000, 10, 0.2


def make(case: str, shape: tuple[int, ...], batch: int, is_tiny: bool) -> Callable[[int], None]:
    """A function that trains for n steps, on the GPU if there is one.

    Channels last, bfloat16 autocast, torch.compile, fused Adam; one pass over reals and fakes;
    detached fakes; disc frozen while gen moves. With one update of disc, gen meets the same fakes.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if has_gpu else "cpu")
    gen, disc = NETS[case](shape, 8 if is_tiny else None)
    if case == "mlp":
        images, latent = torch.rand(EXAMPLES, 784) * 2 - 1, LATENT
    else:
        images, latent = torch.rand(EXAMPLES, shape[2], *shape[:2]) * 2 - 1, gen.latent
        gen, disc, images = (x.to(memory_format=torch.channels_last) for x in (gen, disc, images))
    gen, disc, images = (x.to(device) for x in (gen, disc, images))
    labels = torch.randint(0, CLASSES, (EXAMPLES,), device=device)
    rate, betas = (2e-4, (0.0, 0.9)) if case in UPDATES else (RATE, BETAS)
    gen_opt, disc_opt = (
        torch.optim.Adam(net.parameters(), rate, betas, fused=True) for net in (gen, disc)
    )
    generate, disc_loss, gen_loss = _parts(case, gen, disc, batch)
    shares = case not in UPDATES

    def narrow() -> Any:
        precision = torch.autocast(device.type, torch.bfloat16)
        return precision if has_gpu else contextlib.nullcontext()

    def draw(n: int) -> tuple[Any, Any]:
        y = torch.randint(0, CLASSES, (n,), device=device)
        return generate(torch.randn(n, latent, device=device), y), y

    def step() -> None:
        for _ in range(UPDATES.get(case, 1)):
            index = torch.randint(0, EXAMPLES, (batch,), device=device)
            with narrow(), torch.set_grad_enabled(shares):
                fake, y = draw(batch)
            disc_opt.zero_grad()
            with narrow():
                loss = disc_loss(images[index], fake.detach(), torch.cat([labels[index], y]))
            loss.backward()
            disc_opt.step()
        disc.requires_grad_(False)
        gen_opt.zero_grad()
        with narrow():
            if not shares:
                fake, y = draw(2 * batch if case == "sngan" else batch)
            loss = gen_loss(fake, y)
        loss.backward()
        disc.requires_grad_(True)
        gen_opt.step()

    def run(n: int) -> None:
        for _ in range(n):
            step()
        if has_gpu:
            torch.cuda.synchronize()

    return run


def _parts(case: str, gen: Any, disc: Any, batch: int) -> tuple[Callable, Callable, Callable]:
    """gen, and the losses of disc and gen, compiled; labels reach only networks that take them."""
    import torch
    from torch.nn.functional import relu, softplus

    is_hinge, takes_labels = case in UPDATES, case == "biggan"

    def generate(z: Any, y: Any) -> Any:
        return gen(z, y) if takes_labels else gen(z)

    def logits(x: Any, y: Any) -> Any:
        return disc(x, y) if takes_labels else disc(x)

    def disc_loss(real: Any, fake: Any, y: Any) -> Any:
        real_B, fake_B = logits(torch.cat([real, fake]), y).split(batch)
        if is_hinge:
            return relu(1 - real_B).mean() + relu(1 + fake_B).mean()
        return softplus(-real_B).mean() + softplus(fake_B).mean()

    def gen_loss(fake: Any, y: Any) -> Any:
        fake_B = logits(fake, y)
        return -fake_B.mean() if is_hinge else softplus(-fake_B).mean()

    return torch.compile(generate), torch.compile(disc_loss), torch.compile(gen_loss)


def _mlp(shape: tuple[int, ...], width: int | None) -> tuple[Any, Any]:
    import torch

    gen = perceptron((LATENT, *GEN, 784)).append(torch.nn.Tanh())
    return gen, perceptron((784, *DISC, 1))


def _dcgan(shape: tuple[int, ...], width: int | None) -> tuple[Any, Any]:
    from torch import nn

    widths = [width or w for w in (512, 256, 128, 64)]
    gen = [nn.Linear(LATENT, widths[0] * 16, bias=False), nn.Unflatten(1, (widths[0], 4, 4))]
    gen += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for a, b in itertools.pairwise(widths):
        gen += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    gen += [nn.ConvTranspose2d(widths[-1], shape[2], 4, 2, 1), nn.Tanh()]
    disc: list[Any] = [nn.Conv2d(shape[2], widths[-1], 4, 2, 1), nn.LeakyReLU(SLOPE)]
    for a, b in itertools.pairwise(widths[::-1]):
        disc += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(SLOPE)]
    disc += [nn.Flatten(), nn.Linear(widths[0] * 16, 1), nn.Flatten(0)]
    net = nn.Sequential(*gen)
    net.latent = LATENT
    return net, nn.Sequential(*disc)


def _residual_gen(g: int, conditional: bool, channels: int) -> Any:
    """SNGAN's generator for 32x32, or BigGAN's with spectral norm and batch norm by labels."""
    import torch
    from torch import nn
    from torch.nn.functional import interpolate, relu
    from torch.nn.utils.parametrizations import spectral_norm

    def normed(layer: Any) -> Any:
        return spectral_norm(layer) if conditional else layer

    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(g, affine=not conditional)
            if conditional:
                self.scale, self.shift = nn.Embedding(CLASSES, g), nn.Embedding(CLASSES, g)

        def forward(self, x: Any, y: Any) -> Any:
            x = self.norm(x)
            if not conditional:
                return x
            return x * (1 + self.scale(y)[:, :, None, None]) + self.shift(y)[:, :, None, None]

    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([Norm(), Norm()])
            self.convs = nn.ModuleList(normed(nn.Conv2d(g, g, 3, 1, 1)) for _ in range(2))
            self.short = normed(nn.Conv2d(g, g, 1))

        def forward(self, x: Any, y: Any) -> Any:
            h = interpolate(relu(self.norms[0](x, y)), scale_factor=2)
            h = self.convs[1](relu(self.norms[1](self.convs[0](h), y)))
            return h + interpolate(self.short(x), scale_factor=2)

    class Gen(nn.Module):
        latent = 128

        def __init__(self) -> None:
            super().__init__()
            self.start = normed(nn.Linear(self.latent, g * 16))
            self.blocks = nn.ModuleList(Up() for _ in range(3))
            self.norm, self.out = nn.BatchNorm2d(g), normed(nn.Conv2d(g, channels, 3, 1, 1))

        def forward(self, z: Any, y: Any = None) -> Any:
            h = self.start(z).view(-1, g, 4, 4)
            for block in self.blocks:
                h = block(h, y)
            return torch.tanh(self.out(relu(self.norm(h))))

    return Gen()


def _residual_disc(d: int, conditional: bool, channels: int) -> Any:
    """SNGAN's discriminator for 32x32; if conditional, with a projection by labels."""
    from torch import nn
    from torch.nn.functional import relu
    from torch.nn.utils.parametrizations import spectral_norm

    class Down(nn.Module):
        def __init__(self, c: int, halves: bool) -> None:
            super().__init__()
            self.is_first = c != d
            self.convs = nn.ModuleList(spectral_norm(nn.Conv2d(n, d, 3, 1, 1)) for n in (c, d))
            self.short = spectral_norm(nn.Conv2d(c, d, 1)) if halves else None

        def forward(self, x: Any) -> Any:
            pool = nn.functional.avg_pool2d
            h = self.convs[0](x if self.is_first else relu(x))
            h = self.convs[1](relu(h))
            return pool(h, 2) + self.short(pool(x, 2)) if self.short else h + x

    class Disc(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(*(Down(channels if i == 0 else d, i < 2) for i in range(4)))
            self.out = spectral_norm(nn.Linear(d, 1))
            self.embed = spectral_norm(nn.Embedding(CLASSES, d)) if conditional else None

        def forward(self, x: Any, y: Any = None) -> Any:
            h = relu(self.blocks(x)).sum((2, 3))
            s = self.out(h)[:, 0]
            return s + (self.embed(y) * h).sum(1) if self.embed else s

    return Disc()


def _residual(g: int, d: int, conditional: bool, shape: tuple[int, ...]) -> tuple[Any, Any]:
    return _residual_gen(g, conditional, shape[2]), _residual_disc(d, conditional, shape[2])


NETS: dict[str, Callable[[tuple[int, ...], int | None], tuple[Any, Any]]] = {
    "mlp": _mlp,
    "dcgan": _dcgan,
    "sngan": lambda shape, width: _residual(width or 256, width or 128, False, shape),
    "biggan": lambda shape, width: _residual(width or 256, width or 256, True, shape),
}
UPDATES = {"sngan": 5, "biggan": 4}  # of disc in a step
