"""``funnelsim targets``: which target is attainable, and what quota each month, region or rep has of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.options import (
    Drawing,
    Question,
    drawing_options,
    output_options,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Asked, Case, case_options
from funnelsim.faces.cli.source import Source
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import decimals_for, heading, number, paragraph, percent, text_table
from funnelsim.vocabulary.language import known

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.forecast import Forecast
    from funnelsim.questions.targets.split import TargetSplit
    from funnelsim.vocabulary.estimate import Estimate

_FUTURES = 20_000
_TIMES = ("week", "month", "quarter")
_WEEKS = 52.0
_EPILOG = """\b
Examples:
  funnelsim targets
  funnelsim targets --scenario account_selling --people 6
  funnelsim targets deals.csv stage_history.csv --target 5M --by month --by region --classes region
  funnelsim targets deals.csv stage_history.csv --target 5M --by owner --fairest --format csv -o quotas.csv
"""


@click.command(epilog=_EPILOG, short_help="Which target is attainable, and what is each part's share?")
@case_options
@drawing_options
@output_options
@click.option(
    "--weeks",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Also tell the work that the target asks for, spread over so many weeks.  [default: 52]",
)
@click.option(
    "--people",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Also tell the work that the target asks for, shared by so many people.  [default: 1]",
)
@click.option(
    "--by",
    multiple=True,
    metavar="PART",
    help="Share the target out by week, month, quarter, or an attribute of deals such as region; may be "
    "repeated.  [default: month, or as a scenario says]",
)
@click.option("--fairest", is_flag=True, help="Quotas of equal chance, instead of what is expected of each.")
@click.option(
    "--chance",
    "chances",
    metavar="CHANCE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.5, 0.8, 0.9),
    show_default=True,
    help="Chance an attainable target shall have; may be repeated.",
)
def targets(
    asked: Asked,
    drawing: Drawing,
    output: Output,
    by: tuple[str, ...],
    fairest: bool,
    chances: tuple[float, ...],
    weeks: float | None,
    people: float | None,
) -> None:
    """Show which target has which chance, and share one out: quotas to the cent, and the chance of each.

    --target is shared out by what is expected of each part: of its pipeline, and of deals yet to come.
    Without it only attainable targets are shown, except with the embedded sample, which has one, and with a
    scenario, whose quotas, commission and activity are shown too. As CSV only the quotas are written, or
    without a target what is attainable; JSON holds all.
    """
    from funnelsim.engines.run import forecast

    output.check(None, inputs=asked.inputs)
    own = None if asked.scenario is not None else _target(asked.source, asked.question, output)
    case = asked.case(output)
    target = case.question.target if own is None else own
    output.progress("forecasting")
    outlook = forecast(
        case.funnel,
        case.pipeline,
        periods=case.question.edges,
        target=target,
        measure=case.question.measure,
        fiscal_start_month=case.question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )
    splits = [] if target is None else _splits(case, drawing, target, by)
    shown = tuple(split.fairest() if fairest else split for split in splits)
    work = None if target is None else _work(case, target, weeks, people)
    output.give(_Targets(case, outlook, chances, shown, _pay(case, outlook), work))


def _target(source: Source, question: Question, output: Output) -> float | None:
    """The target asked for; the sample has one of its own."""
    if question.target is not None or question.measure not in (None, "bookings") or not source.is_sample:
        return question.target
    from funnelsim.questions.worlds import SAMPLE_TARGET

    output.say(f"no --target given: using {number(SAMPLE_TARGET)}")
    return SAMPLE_TARGET


def _splits(case: Case, drawing: Drawing, target: float, by: tuple[str, ...]) -> list[TargetSplit]:
    """The target shared out by the parts asked for, else by those of the scenario, else by month."""
    from funnelsim.questions.targets.split import split_target

    own = {} if case.scenario is None else {one.by: one.quotas for one in case.scenario.quotas}
    return [
        split_target(
            case.funnel,
            case.pipeline,
            target,
            by=part,
            quotas=own.get(part),
            measure=case.question.measure,
            periods=case.question.edges,
            fiscal_start_month=case.question.fiscal_start_month,
            n_draws=drawing.draws,
            n_futures=drawing.futures or _FUTURES,
            seed=drawing.seed,
        )
        for part in dict.fromkeys([_part_named(one, case) for one in by] or tuple(own) or ("month",))
    ]


def _part_named(given: str, case: Case) -> str:
    """A time of the calendar or an attribute, by its own name or by the one that screens show.

    Raises
    ------
    TargetError
        If there is none, or several, of that name.
    """
    from funnelsim.questions.targets.quotas import TargetError
    from funnelsim.vocabulary.words import did_you_mean, key_of

    attributes = [*case.pipeline.attributes, *case.pipeline.won_attributes]
    there = list(dict.fromkeys([*_TIMES, *attributes]))
    if given in there:
        return given
    meant = [part for part in there if key_of(given) in map(key_of, (part, known(part), _title(part)))]
    if len(meant) == 1:
        return meant[0]
    shown = [part if _title(part).casefold() == part.casefold() else _title(part) for part in there]
    raise TargetError(
        f"--by {given!r} is no part; parts are by {', '.join(shown)}{did_you_mean(given, [*shown, *there])}"
    )


def _pay(case: Case, outlook: Forecast) -> pd.DataFrame | None:
    """What the scenario's commission costs."""
    from funnelsim.questions.targets.commission import commission

    pay = None if case.scenario is None else case.scenario.pay
    if pay is None:
        return None
    return commission(outlook, pay.steps, on_whole=pay.on_whole, of_quota=pay.of_quota)


def _work(case: Case, target: float, weeks: float | None, people: float | None) -> pd.DataFrame | None:
    """What the target asks for by week and person, where weeks or people are given."""
    from funnelsim.questions.targets.activity import activity_plan

    own = None if case.scenario is None else case.scenario.activity
    if own is None and weeks is None and people is None:
        return None
    if case.question.measure in ("revenue", "cash"):
        raise click.UsageError(
            "--weeks, --people: an activity plan is made for bookings or wins, not for cash"
        )
    return activity_plan(
        case.funnel,
        target,
        weeks=weeks or (own.weeks if own else _WEEKS),
        people=people or (own.people if own else 1.0),
        visits=dict(own.visits) if own and own.visits else None,
        measure=case.question.measure,
    )


@dataclass(frozen=True, eq=False)
class _Targets:
    """Attainable targets, splits, pay and work in their three forms."""

    case: Case
    outlook: Forecast
    chances: tuple[float, ...]
    splits: tuple[TargetSplit, ...]
    pay: pd.DataFrame | None
    work: pd.DataFrame | None

    def frame(self) -> pd.DataFrame:
        """Quotas by part, one split below the other; attainable targets where nothing is shared out."""
        import pandas as pd

        if not self.splits:
            return self._attainable().reset_index()
        tables = [_rows(split) for split in self.splits]
        return pd.concat(tables, ignore_index=True)

    def json(self) -> bytes:
        """The forecast, attainable targets, each split with the chance of all its parts, pay and work."""
        told = facts.heading("targets", self.case.files) | self.case.facts
        told |= facts.outlook_facts(self.outlook)
        told |= {"attainable": self._attainable().reset_index()}
        further = {"commission": self.pay, "activity": self.work}
        told |= {key: table.reset_index() for key, table in further.items() if table is not None}
        return json_bytes(told | {"splits": [_split_facts(split) for split in self.splits]})

    def lines(self) -> list[str]:
        """The screen."""
        notes = [note for split in self.splits for note in split.notes]
        if self.splits and self.case.scenario is not None and self.case.scenario.team is not None:
            notes.append(_WITHOUT_PEOPLE)
        blocks = [
            self.case.lines,
            parts.chance_lines(self.outlook),
            self._attainable_lines(),
            *(self._split_lines(split) for split in self.splits),
            paragraph(_LEGEND) if self.splits else [],
            [] if self.pay is None else _pay_lines(self.pay, self.outlook),
            [] if self.work is None else [*_work_lines(self.work), *paragraph(_WORK_LEGEND)],
            parts.note_lines(dict.fromkeys([*notes, *self.outlook.notes])),
            [parts.run_line(self.outlook)],
        ]
        return parts.spaced(blocks)

    def _attainable(self) -> pd.DataFrame:
        from funnelsim.questions.targets.attainable import attainable

        return attainable(self.outlook, self.chances)

    def _attainable_lines(self) -> list[str]:
        table = self._attainable()
        decimals = decimals_for(table["target"])
        rows = [
            [
                percent(float(chance), decimals=0),
                number(row["target"], decimals=decimals),
                number(row["target_se"], decimals=decimals),
            ]
            for chance, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        head = f"Attainable targets in {parts.span(self.outlook)}, {parts.money_unit(self.outlook)}"
        return [heading(head.rstrip(", ")), *text_table(["Chance", "Target", "± SE"], rows, "lrr")]

    def _split_lines(self, split: TargetSplit) -> list[str]:
        table = split.table()
        decimals = decimals_for(table["p90"])
        rows = [
            [
                str(name),
                *(number(row[key], decimals=decimals) for key in _FIGURES),
                percent(row["chance"]),
                row["verdict"],
            ]
            for name, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        titles = [_title(split.by), *_FIGURES.values(), "Chance", ""]
        both = f"all parts reach theirs {_with_error(split.chance_of_all(), split)}, at least one "
        return [
            heading(f"{parts.with_unit(split.target, self.outlook)} shared out by {split.by}"),
            *text_table(titles, rows, "l" + "r" * (len(_FIGURES) + 1) + "l"),
            *paragraph(f"Together: {both}{_with_error(split.chance_of_any(), split)}"),
        ]


_FIGURES = {"quota": "Quota", "expected": "Expected", "p10": "P10", "p50": "P50", "p90": "P90"}
_LEGEND = (
    "Quotas add up to the target to the cent; the screen may round them. Parts depend on one another, so the "
    "chance of all is no product of chances: it comes from joint futures. Infeasible: a chance below 20 %; "
    "a stretch: below one half."
)

_WITHOUT_PEOPLE = "quotas are shared out as if nobody ran out of hours; the forecast above knows the team"


def _pay_lines(pay: pd.DataFrame, outlook: Forecast) -> list[str]:
    """Commission: what is paid in all, and the chance of each step."""
    (row,) = pay.to_dict("records")
    head = heading(f"Commission, {parts.money_unit(outlook)}".rstrip(", "))
    steps = [(str(name), row[name]) for name in pay.columns if str(name).startswith("reaches ")]
    figures = [
        [number(row["mean"]), number(row["mean_se"]), *(number(row[key]) for key in ("p10", "p50", "p90"))]
    ]
    chances = "; ".join(f"chance that it {name}: {percent(value)}" for name, value in steps)
    return [head, *text_table(["Mean", "± SE", "P10", "P50", "P90"], figures, "rrrrr"), *paragraph(chances)]


_WORK_LEGEND = (
    "This is the flow of a steady business: what is booked already, and what open deals will bring, is not "
    "taken off."
)


def _work_lines(work: pd.DataFrame) -> list[str]:
    """What the target asks for, in all and by week and person, with the range of what is not known."""
    rows = [
        [
            str(name),
            number(row["needed"]),
            f"{number(row['low'])}–{number(row['high'])}",
            number(row["per_week_per_person"], decimals=1),
            f"{number(row['per_week_per_person_low'], decimals=1)}–"
            f"{number(row['per_week_per_person_high'], decimals=1)}",
        ]
        for name, row in zip(work.index, work.to_dict("records"), strict=True)
        if row["counts"] != "amount"
    ]
    head = "What the target asks for (the range says how badly rates are known, not luck)"
    return [
        heading(head),
        *text_table(["Activity", "Needed", "80 % range", "A week each", "80 % range"], rows, "lrrrr"),
    ]


def _with_error(chance: Estimate, split: TargetSplit) -> str:
    if chance.value == 0.0:  # of futures the "rule of three": 95 % confidence when none of n was seen
        return f"below {percent(3 / split.parts.futures[:, :, 0].size, decimals=2)}"
    error = number(100 * chance.standard_error, decimals=1)
    return f"{percent(chance.value)} ± {error} points"


def _rows(split: TargetSplit) -> pd.DataFrame:
    table = split.table().rename_axis("part").reset_index()
    table.insert(0, "by", split.by)
    return table


def _split_facts(split: TargetSplit) -> dict[str, object]:
    return {
        "by": split.by,
        "parts": _rows(split).drop(columns="by"),
        "chance_of_all": facts.estimate_facts(split.chance_of_all()),
        "chance_of_any": facts.estimate_facts(split.chance_of_any()),
        "infeasible": list(split.infeasible()),
        "notes": list(split.notes),
    }


def _title(by: str) -> str:
    """The title of a column of months, or of an attribute such as region."""
    title = by.capitalize()
    said = known(title)
    return known(by).capitalize() if said == title else said
