"""``funnelsim simulate``: a synthetic CRM with known truth, as files that the other commands read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import click

from funnelsim.faces.cli.failures import RequestError
from funnelsim.faces.cli.options import language_option, number_option
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.writing import refuse_existing, write_whole
from funnelsim.vocabulary.language import language

_DATE = click.DateTime(["%Y-%m-%d"])
_YEARS = (1900, 2200)
_EPILOG = """\b
Examples:
  funnelsim simulate -o example
  funnelsim simulate -o example --seed 7 --start 2025-01-01 --as-of 2026-09-30
  funnelsim forecast example/deals.csv example/stage_history.csv --stages example/stages.toml

The folder holds deals.csv, stage_history.csv, stages.toml (stages, unit, as-of date) and funnel.json
(the truth behind the deals). Text in CSV files that a spreadsheet would take for a formula gets an
apostrophe in front.
"""


@click.command(epilog=_EPILOG, short_help="Write a synthetic CRM to try things on.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="Folder to write.",
)
@number_option("--seed", least=0, default=0, text="Same seed, same files.")
@click.option(
    "--start",
    type=_DATE,
    metavar="DATE",
    default="2024-01-01",
    show_default=True,
    help="First day of new deals.",
)
@click.option(
    "--as-of", type=_DATE, metavar="DATE", default="2026-08-31", show_default=True, help="Day of observation."
)
@click.option(
    "--window-start",
    type=_DATE,
    metavar="DATE",
    help="Deals that ended earlier are missing.  [default: half a year after --start]",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@language_option
def simulate(
    folder: Path,
    seed: int,
    start: dt.datetime,
    as_of: dt.datetime,
    window_start: dt.datetime | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write a synthetic CRM: deals, their stage history, the stages, and the truth behind them.

    With the defaults it is the embedded sample that the other commands use.
    """
    from funnelsim.faces.cli.crm import crm_files
    from funnelsim.questions.worlds import sample_funnel, simulate_history

    if str(folder) == "-":
        raise RequestError("several files are written, which standard output cannot hold; name a folder")
    output = Output(format_name=None, file=None, force=force, quiet=quiet)
    opens = _window_start(start, as_of, window_start)
    truth = sample_funnel(lang=language())
    days = [f"{date:%Y-%m-%d}" for date in (start, as_of, opens)]
    history = simulate_history(
        seed, funnel=truth, start=days[0], as_of=days[1], window_start=days[2], lang=language()
    )
    files = crm_files(history, truth)
    _write(folder, files, force=force)
    output.say(f"wrote {', '.join(files)} to {folder} ({history.n_deals:,} deals, seed {seed})")
    output.say(
        f"next: funnelsim forecast {folder / 'deals.csv'} {folder / 'stage_history.csv'} "
        f"--stages {folder / 'stages.toml'}"
    )


def _window_start(start: dt.datetime, as_of: dt.datetime, asked: dt.datetime | None) -> dt.datetime:
    """The window's start, by default half a year after `start` where the records last that long."""
    first, last = _YEARS
    for option, date in (("start", start), ("as-of", as_of)):
        if not first <= date.year <= last:
            raise RequestError(f"--{option} {date:%Y-%m-%d} must lie in the years {first} to {last}")
    late = start + dt.timedelta(days=182)
    opens = asked or (late if late < as_of else start)
    if not start <= opens <= as_of:
        raise RequestError(
            f"--window-start {opens:%Y-%m-%d} must lie between --start {start:%Y-%m-%d} and "
            f"--as-of {as_of:%Y-%m-%d}"
        )
    return opens


def _write(folder: Path, files: Mapping[str, bytes], *, force: bool) -> None:
    """Write all files, or none where one of them exists."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{folder} cannot be a folder ({error.strerror}); choose another name") from error
    for name in files:
        refuse_existing(folder / name, force=force)
    for name, content in files.items():
        write_whole(folder / name, content, force=force)
