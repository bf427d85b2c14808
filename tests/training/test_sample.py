"""Samples of a run, from checkpoints that were saved without training."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from PIL import Image

from gan_jax import load_run
from gan_jax.data import open_data
from gan_jax.games import make_setup
from gan_jax.host.errors import CannotWriteError, ConfigError, NoCheckpointError
from gan_jax.steps import init_state, make_sampler
from gan_jax.training import sample, sample_files
from gan_jax.training.checkpoint import Checkpoints
from gan_jax.training.folder import RunDir


def save_run(folder, config, steps=(3, 7)):
    """A run directory with checkpoints whose average of gen is not gen, and not the same."""
    state = init_state(config, jax.random.key(config.seed))
    with RunDir(folder, config) as run, Checkpoints(run.checkpoints_dir) as saved:
        for step in steps:
            averages = {
                name: jax.tree.map(lambda w, by=step: w * by + 0.1, state.players[name].params)
                for name in state.averages
            }
            saved.save(step, state.replace(step=jax.numpy.int32(step), averages=averages))
    return state


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "run"
    save_run(folder, tiny.config(data__name="digits", data__low=-1.0))
    return folder


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    folder = tmp_path_factory.mktemp("points") / "run"
    save_run(folder, tiny.config())
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional") / "run"
    conditions = {"gen__condition": "concat", "disc__condition": "concat"}
    save_run(folder, tiny.config(data__name="digits", **conditions))
    return folder


def write(run, out, num=6, seed=0, step=None, walk=False):
    said = sample.write_samples(run, out, num, seed, step, walk)
    assert str(out) in said
    return out


def read(path):
    with np.load(path) as file:
        assert file.files == ["x"]
        return file["x"]


def test_images_are_in_the_unit_range(images, tmp_path):
    x = read(write(images, tmp_path / "x.npz"))
    assert x.shape == (6, 8, 8, 1)
    assert x.dtype == np.float32
    assert 0 <= x.min() < 0.4
    assert 0.6 < x.max() <= 1


def test_points_are_in_data_units_and_of_the_average(points, tmp_path):
    x = read(write(points, tmp_path / "x.npz", num=5, seed=2))
    setup, step, state = sample.load_run(points)
    config = setup.config
    z = jax.random.normal(jax.random.key(2), (5, config.latent.dim))
    assert step == 7
    np.testing.assert_array_equal(x, make_sampler(config)(state, z))
    own = make_sampler(config)(state.replace(averages={}), z)
    assert np.abs(x - own).min() > 1e-3


def test_without_an_average_they_are_of_gen(tmp_path):
    config = tiny.config(ema__decay=0.0)
    state = save_run(tmp_path / "run", config)
    x = read(write(tmp_path / "run", tmp_path / "x.npz"))
    z = jax.random.normal(jax.random.key(0), (6, config.latent.dim))
    np.testing.assert_array_equal(x, make_sampler(config)(state, z))


@pytest.mark.parametrize("suffix", ["npz", "png", "gif"])
def test_a_seed_decides_all(images, tmp_path, suffix):
    first, again, other = (
        write(images, tmp_path / f"{name}.{suffix}", seed=seed).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again != other


@pytest.mark.parametrize("walk", [False, True])
def test_many_are_made_in_parts_that_fit(points, tmp_path, monkeypatch, walk):
    whole = read(write(points, tmp_path / "a.npz", num=7, walk=walk))
    monkeypatch.setattr(sample, "BATCH", 3)
    np.testing.assert_array_equal(read(write(points, tmp_path / "b.npz", num=7, walk=walk)), whole)
    monkeypatch.setattr(sample, "LATENTS", 4)
    parts = read(write(points, tmp_path / "c.npz", num=7, walk=walk))
    np.testing.assert_array_equal(parts if walk else parts[:4], whole if walk else whole[:4])
    assert len(np.unique(parts)) == 7  # other latents in every part


def test_an_npz_is_never_in_memory_as_a_whole(points, tmp_path, monkeypatch):
    """Each part is written before the next is made."""
    sizes, temporary = [], lambda: next(tmp_path.glob(".x.npz.*.tmp")).stat().st_size
    monkeypatch.setattr(sample, "BATCH", 50_000)
    made = sample._samples

    def watched(*args):
        for part in made(*args):
            yield part
            sizes.append(temporary())

    monkeypatch.setattr(sample, "_samples", watched)
    assert read(write(points, tmp_path / "x.npz", num=150_000)).shape == (150_000, 1)
    assert sizes[0] < sizes[1] < sizes[2]
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("suffix", ["png", "gif", "npz"])
def test_more_than_there_can_be_is_refused_before_any_is_made(
    images, tmp_path, monkeypatch, suffix
):
    monkeypatch.setattr(sample, "_latents", None)
    says = "take 244140625000 MB before compression, and" if suffix == "npz" else "holds at most"
    with pytest.raises((ConfigError, CannotWriteError), match=says):
        write(images, tmp_path / f"x.{suffix}", num=10**15)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line_and_leaves_nothing(points, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotWriteError, match=r"cannot write --out .*x.npz: No space left on dev"):
        write(points, tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_step_chooses_the_checkpoint(images, tmp_path):
    new, old = (read(write(images, tmp_path / f"{n}.npz", step=n)) for n in (7, 3))
    assert np.abs(new - old).max() > 0.01
    with pytest.raises(NoCheckpointError, match="choose from 3, 7"):
        write(images, tmp_path / "x.npz", step=5)


def test_a_grid_and_an_animation_of_single_images(images, tmp_path):
    with Image.open(write(images, tmp_path / "x.png")) as grid:
        assert min(grid.size) > 400
    with Image.open(write(images, tmp_path / "x.gif")) as animation:
        assert animation.size == (480, 480)
        assert animation.n_frames == 6
        assert animation.info["loop"] == 0


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_pictures_of_points(points, tmp_path, suffix):
    content = write(points, tmp_path / f"x.{suffix}").read_bytes()
    with Image.open(io.BytesIO(content)) as picture:
        assert min(picture.size) > 300


LAWS = {"normal": {}, "uniform": {"latent__low": 2.0, "latent__high": 5.0}}


@pytest.mark.parametrize("law", LAWS)
def test_a_walk_is_closed_and_keeps_to_its_law(law):
    config = tiny.config(latent__dim=200, latent__law=law, **LAWS[law])
    z = np.asarray(sample.closed_path(make_setup(config), jax.random.key(0), 160)(0, 160))
    ways = np.linalg.norm(np.diff(z, axis=0, append=z[:1]), axis=1)
    assert ways.max() < 1.5 * ways.min()  # also from the last to the first
    if law == "uniform":
        assert z.min() >= 2
        assert z.max() < 5
    else:
        np.testing.assert_allclose(z.std(1), 1, atol=0.25)  # a straight line would go down to 0.7


def test_a_walk_is_what_is_sampled(points, tmp_path):
    setup, _, state = sample.load_run(points)
    x = read(write(points, tmp_path / "x.npz", num=9, seed=4, walk=True))
    z = sample.closed_path(setup, jax.random.key(4), 9)(0, 9)
    np.testing.assert_allclose(x, setup.game.sampler.sample(state, jnp.asarray(z)), rtol=1e-6)


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.npz.gz", ".png"])
def test_other_endings_are_refused(points, tmp_path, name):
    with pytest.raises(ConfigError, match=r"ends in \.png, \.gif, \.npz"):
        write(points, tmp_path / name)


def test_a_place_that_cannot_be_written_is_known_before_the_run_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for out in (tmp_path / "file" / "x.png", tmp_path / "folder.png"):
        with pytest.raises(CannotWriteError, match="cannot write --out"):
            write(tmp_path / "nowhere", out)


def test_a_new_folder_is_made(points, tmp_path):
    write(points, tmp_path / "a" / "b" / "x.npz")
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["x.npz"]


def test_without_a_run_or_a_checkpoint(tmp_path):
    with pytest.raises(NoCheckpointError, match="no run in"):
        sample.load_run(tmp_path)
    save_run(tmp_path, tiny.config(), steps=())
    with pytest.raises(NoCheckpointError, match="no checkpoint in"):
        sample.load_run(tmp_path)


def test_nothing_is_written_into_the_run(points, tmp_path):
    before = {f: f.stat().st_mtime_ns for f in points.rglob("*")}
    write(points, tmp_path / "x.npz")
    assert before == {f: f.stat().st_mtime_ns for f in points.rglob("*")}


def labelled(run, out, num=None, label=None, seed=0):
    said = sample.write_samples(run, out, num, seed, None, False, label)
    with np.load(out) as file:
        assert sorted(file.files) == ["label", "x"]
        assert len(file["x"]) == len(file["label"])
        assert said == f"{out}: {len(file['x'])} samples of step 7"
        return file["x"], file["label"]


@pytest.mark.parametrize("asked", [None, "all", "3"])
def test_samples_have_the_labels_asked_for(conditional, tmp_path, asked):
    x, label = labelled(conditional, tmp_path / "x.npz", label=asked, seed=5)
    expected = np.full(64, 3) if asked == "3" else np.repeat(np.arange(10), 8)
    np.testing.assert_array_equal(label, expected)
    assert label.dtype == np.int32
    setup, _, state = sample.load_run(conditional)
    z = setup.game.sampler.latent(jax.random.key(5), len(label))
    made = setup.data.to_unit(setup.game.sampler.sample(state, z, jnp.asarray(label)))
    np.testing.assert_allclose(x, np.clip(made, 0, 1), atol=1e-6)


def test_labels_keep_to_their_samples_in_parts(conditional, tmp_path, monkeypatch):
    whole = labelled(conditional, tmp_path / "a.npz", num=23)
    assert np.bincount(whole[1]).tolist() == [3, 2, 2, 3, 2, 2, 3, 2, 2, 2]
    monkeypatch.setattr(sample, "BATCH", 4)
    for one, other in zip(whole, labelled(conditional, tmp_path / "b.npz", num=23), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("num", "columns"), [(None, 8), (20, 2), (23, 3), (10, 1)])
def test_a_row_of_the_picture_is_a_class(conditional, tmp_path, monkeypatch, num, columns):
    """Also where some classes have one sample more."""
    grids, grid = [], sample_files.images.grid
    monkeypatch.setattr(
        sample_files.images, "grid", lambda x, n=None: (grids.append((x, n)), grid(x, n))[1]
    )
    sample.write_samples(conditional, tmp_path / "x.png", num, 0, None, False, "all")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[0] * 10 == pytest.approx(picture.size[1] * columns, rel=0.1)
    x, label = labelled(conditional, tmp_path / "x.npz", num=num)
    ((shown, across),) = grids
    assert (across, len(shown)) == (columns, 10 * columns)
    for each, row in enumerate(shown.reshape(10, columns, 8, 8, 1)):
        some = x[label == each]
        np.testing.assert_allclose(row[: len(some)], some, atol=1e-6)
        assert not row[len(some) :].any()


def test_a_picture_of_one_class_is_near_square(conditional, tmp_path):
    sample.write_samples(conditional, tmp_path / "x.png", None, 0, None, False, "3")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[0] == picture.size[1]


@pytest.mark.parametrize("label", ["10", "-1", "x", "", "3.0"])
def test_a_label_that_is_no_class_is_refused(conditional, tmp_path, label):
    says = f"--label is '{label}': expected all, or one of the 10 classes of digits, 0 to 9"
    with pytest.raises(ConfigError, match=says):
        labelled(conditional, tmp_path / "x.npz", label=label)


def test_a_class_is_asked_for_by_its_name_too():
    opened = open_data(tiny.config(data__name="digits"))
    named = opened._replace(spec=opened.spec._replace(names=("cats", "1", "0")))
    found = [sample._class_of(label, 3, named) for label in ("cats", "0", "2", "all")]
    assert found == [0, 2, 2, None]  # a name goes before a number
    with pytest.raises(ConfigError, match=r"0 to 2 or cats, 1, 0$"):
        sample._class_of("dogs", 3, named)


def test_a_label_of_a_run_without_labels_is_refused(images, tmp_path):
    with pytest.raises(ConfigError, match="--label is 'all', and this run takes no labels"):
        labelled(images, tmp_path / "x.npz", label="all")


def test_a_run_in_python_gives_the_samples_of_the_command(points, conditional, tmp_path):
    run = load_run(points, 3)
    assert (run.step, run.config.latent.dim) == (3, 2)
    sample.write_samples(points, tmp_path / "x.npz", 7, 5, 3, False)
    np.testing.assert_array_equal(run.sample(7, seed=5), read(tmp_path / "x.npz"))
    run = load_run(conditional)
    for label in (None, "3"):
        x, labels = labelled(conditional, tmp_path / "x.npz", label=label, num=20)
        for given in (label and int(label), labels, labels.tolist()):
            np.testing.assert_array_equal(run.sample(20, label=given), x)


@pytest.mark.parametrize("label", [10, -1, 3.0, True, "3", "all", [3], [[3, 3]], [0, 10]])
def test_a_label_that_python_gives_is_a_class_or_one_for_each(conditional, label):
    with pytest.raises(ConfigError, match="expected a class, 0 to 9, or n of them"):
        load_run(conditional).sample(2, label=label)


def test_a_run_without_labels_takes_none_and_none_is_no_number(points):
    with pytest.raises(ConfigError, match="label is 3, and this run takes no labels"):
        load_run(points).sample(2, label=3)
    with pytest.raises(ConfigError, match="n is 0: expected at least 1"):
        load_run(points).sample(0)
