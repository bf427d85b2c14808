"""The settings of a table's trained rows, and how to reuse rows of a file with equal settings.

"methods" in table.json is {method: its settings}: all its seeds, and every leaf of a config except
those that say how often it is measured. A trained row names its "method". So rows can be reused
without the states that produced them; such a row records in "made" how it was produced.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as config_lib
from gan_jax.config.as_json import config_difference, plain_config
from gan_jax.host.errors import ConfigError
from gan_jax.host.files import read_object

Row = dict[str, Any]  # of table.json
MADE = ("command", "seconds", "versions", "hardware")
# Leaves that say how often something is done, and do not affect what is trained.
HOW_OFTEN = ("log_every_steps", "checkpoint_every_steps", "eval_every_steps")


class Methods:
    """Collects a table's methods. file: a table.json whose rows are reused if settings agree."""

    def __init__(self, quick: bool = False, name: str = "", file: str | None = None):
        self.settings: dict[str, dict[str, Any]] = {}
        self.quick, self.file = quick, file
        table = _read(name, file) if file else {"methods": {}, "rows": []}
        self._known, self._rows = table["methods"], table["rows"]

    def recorded(self, method: str, configs: Sequence[ConfigDict]) -> list[Row]:
        """The method's rows in the file, if its settings there equal those of these configs."""
        if not self.file:
            return []
        here = settings_of(configs, self.quick)
        rows = [row for row in self._rows if row.get("method") == method]
        known = self._known.get(method) if rows else None
        differ = _difference(known, here) if known else ["no such rows there"]
        words = f"trained, not taken: {', '.join(differ)}" if differ else f"taken from {self.file}"
        print(f"{method}: {words}", file=sys.stderr, flush=True)
        if differ:
            return []
        self.settings[method] = here
        return rows

    def measured(
        self, method: str, configs: Sequence[ConfigDict], rows: Iterable[Row]
    ) -> list[Row]:
        """The method's new rows."""
        self.settings[method] = settings_of(configs, self.quick)
        return [row | {"method": method} for row in rows]


def settings_of(configs: Sequence[ConfigDict], quick: bool = False) -> dict[str, Any]:
    """{leaf: value} of configs that differ only in their seeds."""
    leaves = config_lib.flatten(configs[0])
    found = {leaf: value for leaf, value in leaves.items() if leaf not in HOW_OFTEN}
    return plain_config(
        found | {"seed": [c.seed for c in configs]} | ({"quick": 1} if quick else {})
    )


def _difference(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """A phrase for each leaf that differs, or one on the steps if only these differ."""
    usual = plain_config(config_lib.as_before())
    found = config_difference(there, here, usual)
    steps = there.get("steps"), here["steps"]
    more = not found and steps[0] != steps[1]
    return [f"steps {steps[0]} there, {steps[1]} here"] if more else found


def _read(name: str, file: str) -> dict[str, Any]:
    """A table.json with methods, its rows with what made them."""
    table = read_object(Path(file), f"a table.json of {name}")
    methods, rows = table.get("methods"), table.get("rows")
    if (
        table.get("name") != name
        or not isinstance(methods, dict)
        or not all(isinstance(each, dict) for each in methods.values())
        or not isinstance(rows, list)
        or not all(isinstance(row, dict) for row in rows)
        or not table.keys() >= {*MADE}
    ):
        raise ConfigError(
            f"--recorded {file} does not say with which settings rows of {name} were trained: give "
            f"a table.json of {name} that has methods"
        )
    made = {fact: table[fact] for fact in MADE}
    return {"methods": methods, "rows": [{"made": made} | row for row in rows]}
