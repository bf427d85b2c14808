"""Tiny image sets in array_record, which TFDS itself writes."""

import io
import struct

import numpy as np
from PIL import Image
from tensorboardX.crc32c import crc32c


def encode(image, form="PNG"):
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, form)
    return file.getvalue()


def write_set(
    root, images, labels=None, shape=(None, None, 3), name="toy", test_labels=None, **extra
):
    """The set's version folder. Its test split, if any, has the same images."""
    import tensorflow_datasets as tfds

    features = {"picture": tfds.features.Image(shape=shape), **extra}
    if labels is not None:
        features["kind"] = tfds.features.ClassLabel(num_classes=5)

    class Toy(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.2.0")
        pkg_dir_path = None

        def _info(self):
            keys = ("picture", "kind") if labels is not None else None
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=keys,
            )

        def _split_generators(self, dl_manager):
            splits = {"train": labels} | ({} if test_labels is None else {"test": test_labels})
            return {split: self._generate_examples(each) for split, each in splits.items()}

        def _generate_examples(self, each):
            for i, image in enumerate(images):
                png = image if isinstance(image, bytes) else encode(image)
                yield i, {"picture": png, **({} if each is None else {"kind": each[i]})}

    Toy.name = name
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    builder = Toy(data_dir=root)
    builder.download_and_prepare(
        file_format="array_record", download_dir=root.parent / "dl", download_config=config
    )
    return root / name / "1.2.0"


def random_images(n=9, shape=(6, 5, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


def frame(record):
    """A TFRecord of these bytes."""
    length = struct.pack("<Q", len(record))
    return length + mask(length) + record + mask(record)


def mask(content):
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
