"""TensorBoard events, written by a thread: a convenience that never slows or stops a run.

If torch is installed, tensorboardX imports it, which takes seconds: the thread does that too.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_jax.config import flatten

log = logging.getLogger(__name__)
_FLUSH_SECONDS = 2


class EventLog:
    """Scalars and pictures for `tensorboard --logdir`, and the config as hparams and as text. With
    purge_step, TensorBoard hides what earlier files in the folder say about that step and later
    ones."""

    def __init__(
        self, folder: Path, purge_step: int | None = None, config: Mapping[str, Any] | None = None
    ):
        self._folder = folder
        self._config = config or {}
        self._purge_step = purge_step
        self._queue: queue.Queue = queue.Queue(10_000)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def scalars(self, step: int, values: Mapping[str, Any]) -> None:
        """Queues these values and returns at once. Leaves out what is not a number; keeps NaN."""
        self._queue.put(("scalars", step, time.time(), dict(values)))

    def picture(self, step: int, tag: str, png: bytes, size: tuple[int, int]) -> None:
        """Queues a picture and returns at once. `png` is the encoded file, size (height, width)."""
        self._queue.put(("picture", step, time.time(), (tag, png, size)))

    def close(self) -> None:
        """Waits until everything is on disk."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write_all()
        except Exception as error:  # a full disk, a broken install: the run matters more
            log.warning("TensorBoard events stop here: %s; the run goes on", error)
            while self._queue.get() is not None:
                pass

    def _write_all(self) -> None:
        # imported here because it is slow: see the top of the file
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        # the file name has whole seconds: two writers in the same second must not share a file
        suffix = f".{len(list(self._folder.glob('events.*')))}"
        writer = EventsWriter(str(self._folder / "events"), suffix)
        if self._purge_step is not None:
            start = SessionLog(status=SessionLog.START)
            writer.write_event(
                Event(wall_time=time.time(), step=self._purge_step, session_log=start)
            )
        for summary in _of_config(self._config) if self._config else ():
            writer.write_event(Event(wall_time=time.time(), step=0, summary=summary))
        flushed = 0.0
        while (item := self._queue.get()) is not None:
            kind, step, wall_time, content = item
            summary = _scalars(content) if kind == "scalars" else _picture(*content)
            writer.write_event(Event(wall_time=wall_time, step=step, summary=summary))
            if time.monotonic() > flushed + _FLUSH_SECONDS:  # a flush waits for the disk
                writer.flush()
                flushed = time.monotonic()
        writer.close()


def _of_config(config: Mapping[str, Any]) -> list[Any]:
    """The config for the HPARAMS tab, which compares runs by it, and as text for the TEXT tab."""
    from tensorboardX import summary

    plain = {
        k: v if isinstance(v, str | int | float) else str(v) for k, v in flatten(config).items()
    }
    _, started, _ = summary.hparams(plain, {})  # the other two would fix the metrics that it shows
    lines = json.dumps(config, indent=2).splitlines()
    return [started, summary.text("config", "\n".join(f"    {line}" for line in lines))]


def _scalars(values: Mapping[str, Any]):
    from tensorboardX.proto.summary_pb2 import Summary

    numbers = {k: v for k, v in values.items() if isinstance(v, int | float)}
    return Summary(value=[Summary.Value(tag=k, simple_value=v) for k, v in numbers.items()])


def _picture(tag: str, png: bytes, size: tuple[int, int]):
    from tensorboardX.proto.summary_pb2 import Summary

    image = Summary.Image(height=size[0], width=size[1], colorspace=3, encoded_image_string=png)
    return Summary(value=[Summary.Value(tag=tag, image=image)])
