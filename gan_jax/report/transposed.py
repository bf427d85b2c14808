"""What a transposed convolution does, pixel by pixel, computed by the networks' own layer."""

import jax
import numpy as np

from gan_jax.nets.layers.convolution import conv_transpose
from gan_jax.report.charts import figure
from gan_jax.report.markup import Html, join, tag

CELL, TOP, SEED = 30, 4, 3
SMOOTH = np.outer([1, 3, 3, 1], [1, 3, 3, 1])  # times 1/16: bilinear interpolation
SAYS = (
    "A transposed convolution doubles an image: the kernel, here 1 3 3 1 both ways, spreads each "
    "pixel over 4x4, two pixels on from its neighbour's; what overlaps is summed, and what lies "
    "outside is cut off. Below, a constant image. A kernel whose size the stride does not divide "
    "covers pixels unevenly, which shows as a checkerboard; 4x4 covers all equally often. Yet each "
    "of its four 2x2 parts makes one pixel in four, and as long as the sums of these parts differ, "
    "as with random weights, the checkerboard appears all the same."
)


def panels() -> Html:
    """2x2 pixels into 4x4; below, a constant image through three kernels."""
    image = np.arange(1.0, 5).reshape(2, 2)
    corner = image * [[1, 0], [0, 0]]
    few = _doubled(np.stack([image, corner, image - corner]), SMOOTH[..., None])[..., 0]
    even, odd = np.ones((4, 4)), np.pad(np.ones((3, 3)), ((0, 1), (0, 1)))
    random = np.random.default_rng(SEED).standard_normal((4, 4))
    (flat,) = _doubled(np.ones((1, 4, 4)), np.stack([even, odd, random], -1))
    spread = [
        grid("Four pixels", image),
        grid("What the first becomes", few[1]),
        grid("What the others become", few[2]),
        grid("The sum", few[0]),
    ]
    boards = [
        grid("4x4 of ones, on a constant image", flat[..., 0]),
        grid("3x3 of ones", flat[..., 1]),
        grid("4x4 of random weights", flat[..., 2]),
    ]
    return join(tag("div", *row, class_="panels") for row in (spread, boards))


def _doubled(x_NxHxW: np.ndarray, kernel_4x4xF: np.ndarray) -> np.ndarray:
    """The transposed convolution of x by each kernel, [N, 2H, 2W, F]."""
    x, kernel = x_NxHxW[..., None], kernel_4x4xF[:, :, None]
    return np.asarray(jax.jit(conv_transpose)(x.astype(np.float32), kernel.astype(np.float32)))


def grid(title: str, values_HxW: np.ndarray) -> Html:
    """Squares with their numbers, the darker the larger; numbers below 0 in another colour."""
    (h, w), most = values_HxW.shape, np.abs(values_HxW).max()
    drawn = []
    for (i, j), value in np.ndenumerate(values_HxW):
        x, y = j * CELL, TOP + i * CELL
        shade = f"{0.5 * abs(value) / most:.2f}"
        kind = "named c1" if value < 0 else "named c0"
        drawn.append(
            tag("rect", x=x, y=y, width=CELL, height=CELL, class_=kind, fill_opacity=shade)
        )
        word = f"{value:.0f}" if np.all(values_HxW % 1 == 0) else f"{value:.1f}"
        middle = {"x": x + CELL / 2, "y": y + CELL / 2 + 4}
        drawn.append(tag("text", word, **middle, class_="middle"))
    says = f"{title}: {h} by {w} numbers, {values_HxW.min():.3g} to {values_HxW.max():.3g}"
    return figure(title, says, drawn, TOP + h * CELL, width=8 * CELL)
