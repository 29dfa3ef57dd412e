"""How far levers must move for a chance, and what money should buy: further parts of ``funnelsim levers``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli.options import Drawing, amount, bundled
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Case
from funnelsim.faces.tables import heading, number, paragraph, percent, text_table

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
    cheapest, best : DataFrame, optional
        Mixes, as :func:`funnelsim.spend` gives them.
    """

    reach: Reach
    needed: pd.DataFrame | None
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
        needed = None
        if reach.chance is not None:
            output.progress(f"solving for a chance of {percent(reach.chance, decimals=0)}")
            needed = _needed(case, levers, target, reach.chance, drawing)
        plan = None
        if spending and (reach.chance is not None or reach.budget is not None):
            output.progress(f"trying mixes of {len(spending)} options")
            plan = _plan(case, target, drawing)
        cheapest = None if plan is None or reach.chance is None else plan.cheapest_for(reach.chance)
        best = None if plan is None or reach.budget is None else plan.best_for(reach.budget)
        return cls(reach, needed, cheapest, best)

    def facts(self) -> dict[str, object]:
        """For JSON."""
        tables = {"needed": self.needed, "cheapest_mix": self.cheapest, "best_mix": self.best}
        return {key: table.reset_index() for key, table in tables.items() if table is not None}

    def blocks(self) -> list[list[str]]:
        """For the screen."""
        blocks = []
        if self.needed is not None:
            assert self.reach.chance is not None
            wanted = percent(self.reach.chance, decimals=0)
            head = f"How far each lever must move, alone, for a chance of {wanted}"
            blocks.append([heading(head), *_needed_table(self.needed)])
        if self.cheapest is not None:
            assert self.reach.chance is not None
            head = f"Cheapest mix for a chance of {percent(self.reach.chance, decimals=0)}"
            blocks.append([heading(head), *_mix_table(self.cheapest)])
        if self.best is not None:
            assert self.reach.budget is not None
            head = f"What a budget of {number(self.reach.budget)} should buy"
            blocks.append([heading(head), *_mix_table(self.best)])
        if blocks:
            blocks.append(paragraph(_LEGEND))
        return blocks


_LEGEND = (
    "A factor of 1.1 is a tenth more. Every mix shown is forecast itself; a mix is better only where it "
    "leads by more than two standard errors."
)


def _needed(
    case: Case, levers: tuple[Lever, ...], target: float, chance: float, drawing: Drawing
) -> pd.DataFrame:
    from funnelsim.nouns.levers.protocol import LeverError
    from funnelsim.nouns.levers.strength import at_strength, what_moves
    from funnelsim.questions.solve import solve_for

    makers = {}
    for lever in levers:
        try:
            makers[what_moves(lever)] = partial(at_strength, lever)
        except LeverError:
            continue  # it has no single factor to solve for; its effect stands in the comparison
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
    rows = [
        [
            name,
            number(row["factor"], decimals=3),
            number(row["factor_se"], decimals=3),
            percent(row["most_chance"]),
            number(row["at"], decimals=2),
            row["verdict"],
        ]
        for name, row in zip(needed.index, needed.to_dict("records"), strict=True)
    ]
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
