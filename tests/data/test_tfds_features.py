"""What features.json of a TFDS set may name: it decides what TFDS imports."""

import json
import sys

import numpy as np
import pytest
from toy_sets import random_images, write_set

from gan_jax import data
from gan_jax.host.errors import DataCorruptError

OWN = "tensorflow_datasets.core.features"
DICT, SEQUENCE = f"{OWN}.features_dict.FeaturesDict", f"{OWN}.sequence_feature.Sequence"
EVIL = {"pythonClassName": "evil_module.Feature", "tensor": {}}
OLD = {"type": "evil_module.Feature", "content": {}}  # as TFDS wrote it before 4.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy") / "tfds"
    return write_set(root, random_images(), np.arange(9) % 5, (6, 5, 3))


@pytest.fixture
def complaint(folder, tmp_path, monkeypatch):
    """f(text of features.json) -> what is said of it, while importing evil_module is noticed."""
    (tmp_path / "evil_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    path = folder / "features.json"
    before = path.read_text()

    def said(text):
        path.write_text(text)
        with pytest.raises(DataCorruptError) as caught:
            data.spec("tfds:toy", folder.parent.parent)
        assert "evil_module" not in sys.modules
        assert "\n" not in str(caught.value)
        return str(caught.value)

    yield said
    path.write_text(before)


def beside(folder, feature):
    """The set's features and one more."""
    tree = json.loads((folder / "features.json").read_text())
    tree["featuresDict"]["features"]["more"] = feature
    return tree


NAMING = {
    "nested": {"pythonClassName": DICT, "featuresDict": {"features": {"a": EVIL}}},
    "sequence": {"pythonClassName": SEQUENCE, "sequence": {"feature": EVIL}},
    "old": OLD,
    "old, nested": {"type": DICT, "content": {"a": OLD}},
    "JSON in JSON": {"pythonClassName": DICT, "jsonFeature": {"json": json.dumps({"a": OLD})}},
    "other spelling": {"python_class_name": "evil_module.Feature", "tensor": {}},
}


@pytest.mark.parametrize("how", NAMING)
def test_no_other_class_may_be_named(how, folder, complaint):
    said = complaint(json.dumps(beside(folder, NAMING[how])))
    assert "names the feature class 'evil_module.Feature', which would be imported" in said


@pytest.mark.parametrize("name", ["__main__.X", f"{OWN}.image_feature.Image.__init__", "os.path"])
def test_names_of_no_class_of_tfds(name, folder, complaint):
    tree = json.dumps(beside(folder, EVIL)).replace("evil_module.Feature", name)
    assert f"names the feature class '{name}'" in complaint(tree)


def test_a_feature_may_be_called_type(folder, complaint):
    path = folder / "features.json"
    kind = json.loads(path.read_text())["featuresDict"]["features"]["kind"]
    path.write_text(json.dumps(beside(folder, kind)).replace('"more"', '"type"'))
    assert data.spec("tfds:toy", folder.parent.parent).classes == 5


DAMAGED = ("", "null", "[1]", "{", "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, "9" * 5000, "\0")


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_one_line(text, complaint):
    assert "/toy/1.2.0" in complaint(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"numClasses": "5"', f'"numClasses": "{10**12}"'),
        ('"numClasses": "5"', '"numClasses": "-4"'),
        ('"6"', f'"{10**9}"'),
        ('"6"', '"0"'),
    ],
)
def test_sizes_that_no_network_could_have(old, new, folder, complaint):
    text = (folder / "features.json").read_text()
    assert old in text
    assert "expected at most 67108864 pixels and 1048576 classes" in complaint(
        text.replace(old, new)
    )
