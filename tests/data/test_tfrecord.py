"""TFRecord frames and CRC-32C, against another implementation and the published check value."""

import numpy as np
from tensorboardX.crc32c import crc32c as reference_crc32c
from toy_sets import frame

from gan_jax.data.support import tfrecord


def test_crc32c():
    assert tfrecord.crc32c([b"123456789"]).tolist() == [0xE3069283]  # the published check value
    random = np.random.default_rng(0)
    parts = [random.bytes(n) for n in (0, 1, 3, 300, 7, 7, 64, 0)]
    assert tfrecord.crc32c(parts).tolist() == [reference_crc32c(part) for part in parts]
    assert tfrecord.crc32c([]).tolist() == []


def test_records_across_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "_BATCH", 4)
    parts = [bytes([i]) * i for i in range(11)]
    (tmp_path / "f").write_bytes(b"".join(map(frame, parts)))
    assert list(tfrecord.records(tmp_path / "f")) == parts
