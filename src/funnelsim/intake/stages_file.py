"""The stages file: a funnel's stages, and how its records are to be read, in one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from funnelsim.intake.reading import Reading
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Stages


class StagesFileError(FunnelsimError):
    """A stages file that cannot be used; the message lists every fault with its key."""


@dataclass(frozen=True)
class StagesFile:
    """Stages, and the settings of :func:`funnelsim.read_deals` that come with them.

    Parameters
    ----------
    stages : Stages
    reading : Reading
        The keywords of ``read_deals`` win over these.
    """

    stages: Stages
    reading: Reading = field(default_factory=Reading)


def read_stages(path: str | Path) -> StagesFile:
    """Read a stages file (TOML).

    Parameters
    ----------
    path : path

    Returns
    -------
    StagesFile

    Raises
    ------
    StagesFileError
        If the file is missing, is not TOML (with the line), or has keys or values that are not known. All
        such faults are listed at once.

    Examples
    --------
    A whole file; everything but the stages may be left out::

        [read]
        step = "day"                    # hour, day, week or month
        tz = "Europe/Amsterdam"         # the business's time zone
        file_tz = "UTC"                 # of times written without an offset; by default tz
        unit = "EUR"
        as_of = 2026-09-30

        [columns.deals]                 # canonical name = "the file's name"
        deal_id = "Opportunity ID"

        [outcome_values]                # value in the file = an outcome, "open", or "" (look in the history)
        "Closed - no decision" = "lost"

        [moves]                         # rules for unusual moves, see Stages
        skipped = "allow"

        [[stage]]
        name = "lead"
        nominal_win_rate = 0.1

        [[outcome]]
        name = "won"
        kind = "won"

        [[outcome]]
        name = "lost"
        kind = "lost"
    """
    from funnelsim.intake.stages_model import parse_stages  # loads pydantic, which takes its time

    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StagesFileError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise StagesFileError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    try:
        raw = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise StagesFileError(f"{path} is not TOML: {error}; text needs quotes, tables [brackets]") from error
    found, faults = parse_stages(raw)
    if found is None:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise StagesFileError(f"{path} has {len(faults)} fault(s):\n{lines}")
    return found
