"""Where a TFDS set is looked for, and what is said when it is not there."""

import pytest

from gan_jax import data
from gan_jax.data.support import tfds_folder
from gan_jax.host.errors import ConfigError, DataMissingError


@pytest.mark.parametrize(
    "name", ["../../x", "toy/../../x", "/etc", "a:b", "huggingface:x", "", "toy/", ".", "toy\n"]
)
def test_names_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(ConfigError, match="is not a TFDS name"):
        data.spec(f"tfds:{name}", tmp_path)


def fake(root, *versions):
    for version in versions:
        (root / version).mkdir(parents=True)
        (root / version / "dataset_info.json").write_text("{}")


def test_the_newest_version_is_taken(tmp_path):
    fake(tmp_path / "toy", "1.9.0", "1.10.0")
    (tmp_path / "toy" / "2.0.0").mkdir()  # not prepared
    fake(tmp_path / "toy", "incomplete.ABCDEF_3.0.0")
    assert tfds_folder.find("toy", tmp_path).name == "1.10.0"
    assert tfds_folder.find("toy:1.9.0", tmp_path).name == "1.9.0"
    with pytest.raises(DataMissingError, match=r"no .*1\.0\.0.dataset_info\.json"):
        tfds_folder.find("toy:1.0.0", tmp_path)


def test_one_config_is_found_several_are_listed(tmp_path):
    fake(tmp_path / "toy" / "small", "1.0.0")
    assert tfds_folder.find("toy", tmp_path) == tmp_path / "toy" / "small" / "1.0.0"
    fake(tmp_path / "toy" / "large-v2", "1.0.0")
    assert tfds_folder.find("toy/small", tmp_path).parent.name == "small"
    with pytest.raises(ConfigError, match="tfds:toy/large-v2, tfds:toy/small"):
        tfds_folder.find("toy", tmp_path)


def test_missing_set_says_where_and_what_to_run(tmp_path, monkeypatch):
    with pytest.raises(DataMissingError) as caught:
        data.load("mnist", "train", tmp_path)
    wanted = tmp_path / "mnist" / "VERSION" / "dataset_info.json"
    assert f"no {wanted} (from data.dir)" in str(caught.value)
    assert f"gan-jax data prepare mnist --from DIR_OF_IDX_FILES --data_dir {tmp_path}" in str(
        caught.value
    )
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "env"))
    with pytest.raises(DataMissingError, match=r"env/cifar10.*TFDS_DATA_DIR.*tfds build cifar10"):
        data.load("tfds:cifar10", "train")
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataMissingError, match=r"/tensorflow_datasets/mnist.*TFDS's usual folder"):
        data.load("mnist", "train")


def test_remote_folder_is_refused():
    with pytest.raises(ConfigError, match="remote"):
        data.load("mnist", "train", "gs://bucket/tfds")
