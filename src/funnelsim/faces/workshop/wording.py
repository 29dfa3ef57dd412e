"""Wording of the page: numbers with their ranges, names of stages and factors, in the language spoken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from html import escape

from funnelsim.faces.plots.style import Scale, in_points
from funnelsim.faces.workshop.factors import (
    AMOUNT,
    COLLECTION,
    CONVERSION,
    CYCLE,
    LEADS,
    STAY,
    WIN_RATE,
    Range,
)
from funnelsim.intake.scenarios import read_scenario
from funnelsim.nouns.scenario import Scenario
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import Language, language, tr

_WRITTEN_IN: Language = "en"  # what the page reads scenarios in: names are keys, whatever is spoken
_NAMES = {
    LEADS: "new leads",
    CONVERSION: "lead conversion",
    WIN_RATE: "win rate",
    AMOUNT: "amount per win",
    COLLECTION: "collection rate",
    CYCLE: "sales cycle",
    STAY: "longest stay",
}


def name_of(key: str) -> str:
    """What a factor is called."""
    return tr(_NAMES[key])


def heading(name: str) -> str:
    """A name as it stands alone: its first letter large."""
    return name[:1].upper() + name[1:]


@cache
def _stage_names(scenario: str, lang: Language) -> dict[str, str]:
    """Stages of a shipped scenario in a language, by their English names."""
    english, said = (
        read_scenario(scenario, lang=tongue).funnel.stages.names for tongue in (_WRITTEN_IN, lang)
    )
    return dict(zip(english, said, strict=True))


def stage_name(scenario: Scenario, name: str) -> str:
    """A stage in the language spoken; as the file has it where it knows no words."""
    return _stage_names(scenario.name, language())[name]


def is_count(scenario: Scenario) -> bool:
    """Whether the target of a scenario is a number of wins."""
    return scenario.measure == "wins" or scenario.funnel.amounts is None


def scale_of(scenario: Scenario, largest: float) -> Scale:
    """Units fit for what the target of a scenario counts."""
    counts = is_count(scenario)
    return Scale.of(largest, "wins" if counts else scenario.funnel.unit, is_count=counts)


def money(scenario: Scenario, amount: float) -> str:
    """An amount with its unit."""
    return Scale.of(amount, scenario.funnel.unit).text(amount)


def count(number: float) -> str:
    """A number of deals: whole where it is large."""
    return f"{number:,.0f}" if number >= 99.5 else f"{number:.1f}"


def percent(share: float, digits: int = 0) -> str:
    """A share in percent; with one digit more where it lies half way, as 57.5 % looks wrong either way."""
    halves = 2 * 100 * share * 10**digits
    is_half = round(halves) % 2 == 1 and abs(halves - round(halves)) < 1e-9
    return f"{100 * share:.{digits + is_half}f} %"


def digits_of(said: str) -> int:
    """Decimals of a number as it is written."""
    return len(said.partition(".")[2])


def adding_up(parts: Sequence[float], scale: Scale, digits: int) -> list[str]:
    """Parts of a total, each rounded up or down, the nearest first, so that what is read adds up."""
    units = [part / scale.factor * 10**digits for part in parts]
    whole = [math.floor(one + 1e-9) for one in units]
    n_up = round(sum(units)) - sum(whole)
    largest_rest = sorted(range(len(units)), key=lambda which: whole[which] - units[which])
    for which in largest_rest[:n_up]:
        whole[which] += 1
    return [f"{one / 10**digits:,.{digits}f}" for one in whole]


def points(change: Estimate) -> str:
    """A change of a chance in points with its standard error."""
    value, error = in_points(change.value, change.standard_error)
    if not value and not error:
        return tr("no change")
    return tr(f"{value:+.1f} {_error(error)} points")


def error_of(share: Estimate) -> str:
    """The standard error of a share, in points."""
    return tr(f"{_error(in_points(0.0, share.standard_error)[1])} points")


def share(found: Estimate) -> str:
    """A share in percent with its standard error in points; as many digits as the error leaves sense in."""
    error = 100 * found.standard_error
    return f"{percent(found.value, int(error < 5.0))} {error_of(found)}"


def _error(points: float) -> str:
    """An error of points: whole from ten on; what would read 0.0 is less than a tenth."""
    if points < 0.05:
        return "± <0.1"
    return f"± {points:.0f}" if points >= 9.95 else f"± {points:.1f}"


def range_of(found: Range, low: Callable[[float], str], high: Callable[[float], str] | None = None) -> str:
    """The range of a value, its ends in words, the unit with the last; empty where it is taken as known."""
    return "" if found.is_certain else f"{low(found.low)} – {(high or low)(found.high)}"


def safe(text: str) -> str:
    """A text for a page."""
    return escape(text)
