"""A sweep's folder as the runner writes it, without training: numbers from a formula and a seed."""

import hashlib
import json

import numpy as np

from gan_jax.config import get_config, to_json
from gan_jax.evaluate.pictures import grid as images
from gan_jax.training.linelog import to_line

OBJECTIVES = ("minimax", "non_saturating", "lsgan", "hinge", "wgan", "relativistic_average_hinge")
OBJECTIVES += ("jensen_shannon", "pearson", "reverse_kl")
WEIGHTS = (0.0, 0.1, 1.0, 10.0)
REASON = "non-finite: gen_loss is nan at step {}: lower gen.lr or raise penalty.weight"


def write(folder, objectives=OBJECTIVES, weights=WEIGHTS, seeds=8, steps=5000, pictures=True):
    """rows.json and the run directories of objectives x weights x seeds; returns the rows."""
    rng = np.random.default_rng(0)
    rows = []
    for i, name in enumerate(objectives):
        for weight in weights:
            for seed in range(seeds):
                config = get_config()
                config.seed, config.steps, config.objective = seed, steps, name
                config.penalty.name, config.penalty.weight, config.data.name = "r1", weight, "ring"
                row = make_row(len(rows), config)
                rows.append(row | {"quality": 0.9 - 0.06 * i + 0.05 * np.log10(1 + weight)})
    write_rows(folder, rows)
    for row in rows:
        write_run(folder / "rows" / row["id"], row, rng, steps, pictures)
    return rows


def duel(folder):
    """hinge and wgan, four seeds each, that nothing separates; lsgan has not been run."""
    rng, rows = np.random.default_rng(1), []
    for name in ("hinge", "wgan", "lsgan"):
        for seed in range(4):
            config = get_config()
            config.seed, config.steps, config.objective, config.data.name = seed, 2000, name, "ring"
            rows.append(make_row(len(rows), config, ("objective", "seed")) | {"quality": 0.7})
    write_rows(folder, rows, varied=["objective", "seed"])
    for row in rows[:8]:
        write_run(folder / "rows" / row["id"], row, rng, 2000, whole=True)
    return rows[:8]


def make_row(index, config, leaves=("objective", "penalty.weight", "seed")):
    plain = to_json(config)
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]
    values = {}
    for leaf in leaves:
        values[leaf] = plain
        for word in leaf.split("."):
            values[leaf] = values[leaf][word]
    return {"id": digest, "index": index, "values": values, "config": plain}


def write_rows(folder, rows, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    ids = [row["id"] for row in rows]
    sweep = {
        "name": "objectives_ring",
        "command": "gan-jax sweep --config experiments/objectives_ring.py --workdir runs/ring",
        "config": "experiments/objectives_ring.py",
        "varied": ["objective", "penalty.weight", "seed"],
        "rows": [{k: row[k] for k in ("id", "index", "values", "config")} for row in rows],
        "cohorts": [
            {"rows": ids, "how": "map", "chunk": 32, "why": "1.7 times as fast as one vmap"}
        ],
        "versions": {"python": "3.11.7", "gan-jax": "0.1.0", "jax": "0.10.2"},
        "hardware": "a processor of 2 cores",
    }
    (folder / "rows.json").write_text(json.dumps(sweep | facts, indent=1))


def write_run(folder, row, rng, steps, pictures=True, whole=False):
    """Curves towards the row's quality; unless whole, some rows diverge, fail or have not ended."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 2, **row["config"]}))
    kind = {0: "diverged", 1: "failed", 2: "unfinished"}.get(rng.integers(60), "done")
    kind = "done" if whole else kind
    if not whole and row["values"]["objective"] == "wgan" and row["values"]["penalty.weight"] == 0:
        kind = "diverged" if rng.random() < 0.7 else kind
    end = steps if kind == "done" else int(rng.integers(5, 40)) * 100
    reach, lines = np.clip(row["quality"] + 0.05 * rng.normal(), 0.05, 0.99), []
    for step in range(100, end + 1, 100):
        lines.append(to_line(step, metrics_at(step, reach, rng)))
    (folder / "metrics.jsonl").write_bytes(b"".join(lines))
    if pictures:
        write_picture(folder / "samples", end // 1000 * 1000, reach, rng)
    if kind != "unfinished":
        write_summary(folder, kind, end, json.loads(lines[-1]))
    if kind == "failed":
        (folder / "log.txt").write_text("RESOURCE_EXHAUSTED")


def metrics_at(step, reach, rng):
    grown = reach * (1 - np.exp(-step / 900))
    values = {
        "disc_loss": np.float32(1.38 - 0.4 * grown + 0.05 * rng.normal()),
        "gen_loss": np.float32(0.7 + 0.8 * grown + 0.1 * rng.normal()),
        "d_real": np.float32(0.5 + 0.2 * grown + 0.02 * rng.normal()),
        "d_fake": np.float32(0.5 - 0.2 * grown + 0.02 * rng.normal()),
        "watch/place": np.float32(0.3 * np.sin(step)),
    }
    if step % 500 == 0:
        for part in ("eval", "test"):
            share = float(np.clip(grown + 0.02 * rng.normal(), 0, 1))
            values[f"{part}/modes"] = round(8 * min(1, share * 1.2))
            values[f"{part}/high_quality"] = share
            values[f"{part}/reverse_kl"] = float(2.1 * (1 - share) ** 2)
    return values


def write_summary(folder, status, step, line):
    metrics = {k: v for k, v in line.items() if k != "step"}
    summary = {"status": status, "step": step, "metrics": metrics, "labels": [], "seconds": 2.5}
    if status == "diverged":
        summary |= {"labels": ["non_finite"], "reason": REASON.format(step)}
    if status == "failed":
        reason = "XlaRuntimeError: RESOURCE_EXHAUSTED: out of memory while allocating 2147483648 B"
        summary |= {"reason": reason, "log": "log.txt"}
    (folder / "summary.json").write_text(json.dumps(summary))


def write_picture(folder, step, reach, rng):
    """Samples around eight centres, as in the ring."""
    folder.mkdir()
    angles = rng.integers(round(8 * min(1, 1.2 * reach)) or 1, size=400) * np.pi / 4
    spread = 0.04 + 0.2 * (1 - reach)
    x = np.stack([np.cos(angles), np.sin(angles)], 1) + spread * rng.normal(size=(400, 2))
    pixels = np.full((180, 180, 3), 255, np.uint8)
    places = np.clip(((x * 0.36 + 0.5) * 180).astype(int), 1, 178)
    for dx in (0, 1):
        for dy in (0, 1):
            pixels[places[:, 1] + dy, places[:, 0] + dx] = (214, 96, 77)
    (folder / f"step_{step:08d}.png").write_bytes(images.png_bytes(pixels))
    (folder / "progress.gif").write_bytes(_GIF)


_GIF = images.animate(np.zeros((1, 2, 2, 1), np.float32))
