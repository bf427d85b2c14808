"""How far a sweep on this machine has come, for whoever looks at the terminal or the log."""

import contextlib
import sys
from typing import Any

from tqdm import tqdm


class Bar(contextlib.AbstractContextManager["Bar"]):
    """A bar of all cohorts' row-steps on a terminal; elsewhere, a line for each cohort."""

    def __init__(self, said: dict[str, Any], waiting: list[dict[str, Any]]):
        steps = {row["id"]: row["config"]["steps"] for row in said["rows"]}
        self.sizes = {c["id"]: sum(steps[r] for r in c["rows"]) for c in waiting}
        self.done = 0
        self.bar = tqdm(
            total=sum(self.sizes.values()),
            unit=" row-steps",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def __exit__(self, *error: Any) -> None:
        self.bar.close()

    def update(self, running: int) -> None:
        """Shows the row-steps of the cohorts that have ended and of those that are running."""
        self.bar.n = self.done + running
        self.bar.refresh()

    def ended(self, cohort: dict[str, Any]) -> None:
        """Counts a cohort that has ended."""
        self.done += self.sizes[cohort["id"]]
        if self.bar.disable:
            rows = len(cohort["rows"])
            print(f"cohort {cohort['id']}: {rows} rows ended", file=sys.stderr, flush=True)
