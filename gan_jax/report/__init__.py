"""report.html: a sweep, a run, several runs or a reproduced table as one file to look at."""

from collections.abc import Sequence
from pathlib import Path

from gan_jax.host.errors import ConfigError
from gan_jax.host.files import write_atomically, writing
from gan_jax.sweeps import statistics


def write(workdir: str | Path) -> Path:
    """Writes DIR/report.html, for a sweep its table.json too. Raises ConfigError for no results."""
    folder = Path(workdir)
    content = _page(folder).encode(errors="replace")
    path = folder / "report.html"
    with writing(path):
        write_atomically(path, content)
    return path


def write_comparison(workdirs: Sequence[str | Path]) -> Path:
    """Writes report.html of several runs into the first one's folder. ConfigError if no runs."""
    from gan_jax.report.compare import compare_page

    content = compare_page([Path(workdir) for workdir in workdirs]).encode(errors="replace")
    path = Path(workdirs[0]) / "report.html"
    with writing(path):
        write_atomically(path, content)
    return path


def _page(folder: Path) -> str:
    if (folder / "rows.json").exists():
        from gan_jax.report.sweep import sweep_page

        return sweep_page(folder, statistics.write(folder))
    if (folder / "config.json").exists():
        from gan_jax.report.run import run_page

        return run_page(folder)
    if (folder / "table.json").exists():
        from gan_jax.report.table import table_page

        return table_page(folder)
    raise ConfigError(
        f"nothing to report in {str(folder)!r}: give a --workdir that train, sweep or reproduce "
        "has written"
    )
