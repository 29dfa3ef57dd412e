"""How far levers must move for a chance, and what money should buy: further parts of ``funnelsim levers``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli.options import Drawing, amount, bundled
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Case
from funnelsim.faces.tables import heading, number, paragraph, percent, text_table
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.levers.protocol import Lever
    from funnelsim.questions.spend import SpendingPlan


@dataclass(frozen=True)
class Reach:
    """What is wanted of the levers.

    Parameters
    ----------
    chance : float, optional
        Of the target.
    budget : float, optional
        To be spent.
    """

    chance: float | None
    budget: float | None

    @property
    def wanted(self) -> str:
        """The chance in per cent, in the digits in which it was asked for."""
        return "" if self.chance is None else f"{100.0 * self.chance:.6g} %"


reach_options = bundled(
    Reach,
    "reach",
    click.option(
        "--chance",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="CHANCE",
        help="Also tell how far each lever must move, alone, for this chance, such as 0.8; and, where a "
        "scenario says what money buys, the cheapest mix.",
    ),
    click.option(
        "--budget",
        type=amount,
        metavar="AMOUNT",
        help="Also tell what a budget should buy of what a scenario offers.",
    ),
)


@dataclass(frozen=True, eq=False)
class Reached:
    """Answers about a wanted chance and a budget.

    Parameters
    ----------
    reach : Reach
    needed : DataFrame, optional
        As :func:`funnelsim.solve_for` gives it.
    only_compared : tuple of str
        Levers that no single factor moves.
    cheapest, best : DataFrame, optional
        Mixes, as :func:`funnelsim.spend` gives them.
    """

    reach: Reach
    needed: pd.DataFrame | None
    only_compared: tuple[str, ...]
    cheapest: pd.DataFrame | None
    best: pd.DataFrame | None

    @classmethod
    def of(
        cls,
        reach: Reach,
        case: Case,
        levers: tuple[Lever, ...],
        target: float,
        drawing: Drawing,
        output: Output,
    ) -> Reached:
        """What was asked for; nothing where nothing was.

        Raises
        ------
        UsageError
            If there is a budget, but nothing to buy.
        """
        spending = case.scenario.spending if case.scenario is not None else ()
        if reach.budget is not None and not spending:
            raise click.UsageError("--budget: say what it can buy, in [[spend]] tables of a scenario")
        needed, by_factor = None, _by_factor(levers)
        only_compared = tuple(lever.name for lever in levers if lever.name not in by_factor)
        if reach.chance is not None:
            output.progress(f"solving for a chance of {reach.wanted}")
            needed = _needed(case, by_factor, target, reach.chance, drawing)
        plan = None
        if spending and (reach.chance is not None or reach.budget is not None):
            output.progress(f"trying mixes of {len(spending)} options")
            plan = _plan(case, target, drawing)
        cheapest = None if plan is None or reach.chance is None else plan.cheapest_for(reach.chance)
        best = None if plan is None or reach.budget is None else plan.best_for(reach.budget)
        return cls(reach, needed, only_compared, cheapest, best)

    def facts(self) -> dict[str, object]:
        """For JSON."""
        tables = {"needed": self.needed, "cheapest_mix": self.cheapest, "best_mix": self.best}
        return {key: table.reset_index() for key, table in tables.items() if table is not None}

    def blocks(self) -> list[list[str]]:
        """For the screen."""
        blocks = []
        if self.needed is not None:
            head = f"How far each lever must move, alone, for a chance of {self.reach.wanted}"
            blocks.append([heading(head), *_needed_table(self.needed), *paragraph(_FACTOR), *self._others()])
        if self.cheapest is not None:
            head = f"Cheapest mix for a chance of {self.reach.wanted}"
            blocks.append([heading(head), *_mix_table(self.cheapest)])
        if self.best is not None:
            assert self.reach.budget is not None
            head = f"What a budget of {number(self.reach.budget)} should buy"
            blocks.append([heading(head), *_mix_table(self.best)])
        if self.cheapest is not None or self.best is not None:
            blocks.append(paragraph(_MIXES))
        return blocks

    def _others(self) -> list[str]:
        """Which levers are not solved for, and why."""
        if not self.only_compared:
            return []
        names = "; ".join(tr(name) for name in self.only_compared)
        return paragraph(f"Only compared above, as no single factor says how far they move: {names}.")


_FACTOR = "A factor of 1.1 is a tenth more."
_MIXES = (
    "Every mix shown is forecast itself; "
    "a mix is better only where it leads by more than two standard errors."
)


def _by_factor(levers: tuple[Lever, ...]) -> dict[str, Lever]:
    """Levers that a single factor moves, by name."""
    from funnelsim.nouns.levers.protocol import LeverError
    from funnelsim.nouns.levers.strength import what_moves

    found = {}
    for lever in levers:
        try:
            what_moves(lever)
        except LeverError:
            continue  # its effect stands in the comparison
        found[lever.name] = lever
    return found


def _needed(
    case: Case, levers: dict[str, Lever], target: float, chance: float, drawing: Drawing
) -> pd.DataFrame:
    from funnelsim.nouns.levers.strength import at_strength, what_moves
    from funnelsim.questions.solve import solve_for

    makers = {what_moves(lever): partial(at_strength, lever) for lever in levers.values()}
    return solve_for(
        case.funnel,
        case.pipeline,
        target=target,
        chance=chance,
        levers=makers or None,
        measure=case.question.measure,
        periods=case.question.edges,
        fiscal_start_month=case.question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )


def _plan(case: Case, target: float, drawing: Drawing) -> SpendingPlan:
    from funnelsim.nouns.levers.strength import at_strength, strength_of
    from funnelsim.questions.spend import Option, spend

    assert case.scenario is not None
    options = [
        Option(one.name, partial(at_strength, one.lever), strength_of(one.lever), one.cost, one.growth)
        for one in case.scenario.spending
    ]
    return spend(
        case.funnel,
        case.pipeline,
        options,
        target=target,
        measure=case.question.measure,
        periods=case.question.edges,
        fiscal_start_month=case.question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )


def _needed_table(needed: pd.DataFrame) -> list[str]:
    """The factor each lever needs, or how far it gets; what the search met on its way is no best."""
    rows = []
    for name, row in zip(needed.index, needed.to_dict("records"), strict=True):
        falls_short = math.isnan(row["factor"])
        most = [percent(row["most_chance"]), number(row["at"], decimals=2)] if falls_short else ["-", "-"]
        factor = [number(row[column], decimals=3) for column in ("factor", "factor_se")]
        rows.append([name, *factor, *most, row["verdict"]])
    return text_table(["Lever", "Factor", "± SE", "Best chance", "at factor", ""], rows, "lrrrrl")


def _mix_table(mixes: pd.DataFrame) -> list[str]:
    """Mixes with the factor of each option, cost and chance."""
    own = ["cost", "chance", "chance_se", "behind", "behind_se", "verdict"]
    options = [column for column in mixes.columns if column not in own]
    rows = [
        [
            name,
            *(number(row[option], decimals=3) for option in options),
            number(row["cost"]),
            f"{percent(row['chance'])} ± {number(100 * row['chance_se'], decimals=1)}",
            row["verdict"],
        ]
        for name, row in zip(mixes.index, mixes.to_dict("records"), strict=True)
    ]
    return text_table(["Mix", *options, "Cost", "Chance", ""], rows, "l" + "r" * (len(options) + 2) + "l")
