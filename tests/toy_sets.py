"""Tiny sets of examples: in array_record, which TFDS itself writes, and emoji as npm packs them."""

import io
import json
import struct
import tarfile

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


# --- emoji

SKIN_TONES = ("1F3FB", "1F3FF")
STYLES = ("google", "twitter")


def emoji_entries(count=40):
    """emoji.json: every fourth has two skin variations, and the last is a component."""
    kinds = ("Animals & Nature", "Flags", "Objects")
    found = []
    for i in range(count):
        code = f"1F{i:03X}"
        entry = {"name": f"THING {chr(65 + i % 26)}: No {i}", "unified": code}
        entry |= {"category": kinds[i % 3], "image": f"{code.lower()}.png"}
        if i % 4 == 0:
            images = {t: {"image": f"{code}-{t}.png".lower()} for t in SKIN_TONES}
            entry["skin_variations"] = images
        found.append(entry)
    part = {"name": "PART", "unified": "1FFFF", "category": "Component", "image": "1ffff.png"}
    return [*found, part]


def emoji_members(style, entries, seed=0):
    """{member: content} of a style's package: half-clear drawings of one colour, noise below."""
    random = np.random.default_rng([seed, STYLES.index(style)])
    images = [e["image"] for e in entries]
    images += [v["image"] for e in entries for v in e.get("skin_variations", {}).values()]
    members = {"package/package.json": b"{}", "package/emoji.json": json.dumps(entries).encode()}
    for image in images:
        pixels = np.zeros((64, 64, 4), np.uint8)
        pixels[:, :32] = [*random.integers(0, 256, 3), 255]
        pixels[56:, :32, :3] = random.integers(0, 256, (8, 32, 3))
        members[f"package/img/{style}/64/{image}"] = encode(pixels)
    return members | {f"package/img/{style}/sheets/64.png": b"a sheet"}


def write_archive(file, members):
    """An npm archive of these members."""
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file


def write_emoji(folder, entries=None):
    """The archives of both styles."""
    entries = emoji_entries() if entries is None else entries
    return [
        write_archive(folder / f"{style}.tgz", emoji_members(style, entries)) for style in STYLES
    ]
