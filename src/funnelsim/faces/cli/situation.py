"""What a command works on: records with a fitted or saved funnel, or a scenario; and how each is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.billing import Billing, billing_options
from funnelsim.faces.cli.options import (
    Command,
    Drawing,
    Learning,
    Question,
    bundled,
    learning_options,
    question_options,
    source_options,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.source import Source
from funnelsim.faces.tables import flowed, paragraph
from funnelsim.vocabulary.language import language

if TYPE_CHECKING:
    import numpy as np

    from funnelsim.engines.choose import EngineName
    from funnelsim.engines.protocol import Engine
    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory
    from funnelsim.nouns.scenario import Scenario
    from funnelsim.vocabulary.pipeline import Pipeline

_FUTURES_WITH_PEOPLE = 200  # every deal is walked: a second or so each ten futures


def scenario_option(command: Command) -> Command:
    """Option ``--scenario``: a TOML file, or the name of one that ships."""
    return click.option(
        "--scenario",
        metavar="NAME|FILE",
        help="Instead of records: a scenario file, or one that ships, such as account_selling.",
    )(command)


@dataclass(frozen=True, eq=False)
class Case:
    """A funnel, a position, what is asked, and the lines that say where they come from.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    question : Question
    files : list of str
    lines : list of str
        For the screen.
    facts : dict
        For JSON.
    cutoff : datetime64
        The last moment that is known.
    scenario : Scenario, optional
    history : DealHistory, optional
    """

    funnel: Funnel
    pipeline: Pipeline
    question: Question
    files: list[str]
    lines: list[str]
    facts: dict[str, object]
    cutoff: np.datetime64
    scenario: Scenario | None = None
    history: DealHistory | None = None

    @classmethod
    def of_history(cls, funnel: Funnel, history: DealHistory, question: Question, files: list[str]) -> Case:
        """Records, and a funnel for them."""
        lines = [*parts.record_lines(history), *parts.issue_lines(history)]
        told: dict[str, object] = {"records": facts.record_facts(history)}
        return cls(funnel, history.pipeline(), question, files, lines, told, history.cutoff, history=history)

    @classmethod
    def of_scenario(cls, name: str, question: Question, source: Source, output: Output) -> Case:
        """A scenario; what the command line asks for wins over what the file asks for."""
        import numpy as np

        from funnelsim.intake.scenarios import read_scenario

        if source.paths:
            raise click.UsageError(f"--scenario {name} comes with its own deals: leave out {source.paths[0]}")
        output.progress(f"reading the scenario {name}")
        scenario = read_scenario(name)
        _check_measure(scenario, question)
        context = click.get_current_context()
        given = {
            key
            for key in ("periods", "fiscal_start_month")
            if context.get_parameter_source(key) is click.core.ParameterSource.COMMANDLINE
        }
        asked = replace(
            question,
            periods=question.periods if "periods" in given else scenario.periods,
            fiscal_start_month=question.fiscal_start_month
            if "fiscal_start_month" in given
            else scenario.fiscal_start_month,
            target=scenario.target if question.target is None else question.target,
            measure=question.measure or scenario.measure,
        )
        lines = flowed(f"{scenario.title(language())} ({name})", first=parts.lead("Scenario"))
        lines += paragraph(told_position(scenario.pipeline, scenario.funnel.unit), first=parts.lead(""))
        told: dict[str, object] = {"scenario": {"name": scenario.name, "titles": dict(scenario.titles)}}
        clock, step = scenario.pipeline.clock, scenario.pipeline.cutoff_step
        cutoff = clock.start_of([step + 1])[0] - np.timedelta64(1, "us")
        return cls(scenario.funnel, scenario.pipeline, asked, [name], lines, told, cutoff, scenario)

    def engine(self, drawing: Drawing) -> Engine | EngineName:
        """The engine asked for; the one that knows people, where the scenario has them and none is named."""
        if self.scenario is None or self.scenario.team is None or self.scenario.work is None:
            return drawing.method(self.funnel, self.pipeline, self.question.measure)
        if drawing.engine != "auto":
            return drawing.method(self.funnel, self.pipeline, self.question.measure)
        from funnelsim.engines.events.engine import Events

        futures = drawing.futures or _FUTURES_WITH_PEOPLE
        draws = min(drawing.draws, futures)
        return Events(
            self.scenario.team, self.scenario.work, n_futures=futures, n_draws=draws, workers=drawing.workers
        )


def told_position(pipeline: Pipeline, unit: str) -> str:
    """The open deals in one sentence."""
    import numpy as np

    missing = np.isnan(pipeline.amount)
    worth = f"{np.nansum(pipeline.amount):,.0f} {unit}".rstrip()
    of_those = f", {int(missing.sum()):,} of them without an amount" if missing.any() else ""
    day = parts.moment(pipeline.clock.start_of(pipeline.cutoff_step + 1) - np.timedelta64(1, "s"))
    if missing.any() and missing.all():
        return f"{pipeline.n_deals:,} open deals at {day}, none with an amount"
    return f"{pipeline.n_deals:,} open deals worth {worth} at {day}{of_those}"


def _check_measure(scenario: Scenario, question: Question) -> None:
    """Refuse to hold a target of one measure against another.

    Raises
    ------
    UsageError
    """
    own = scenario.measure or ("wins" if scenario.funnel.amounts is None else "bookings")
    if question.target is None and question.measure not in (None, own):
        raise click.UsageError(
            f"--measure {question.measure}: the scenario's target, {scenario.target:,.10g}, is one of {own}; "
            "add a --target of yours"
        )


@dataclass(frozen=True)
class Asked:
    """What a command is asked: of which records or scenario, which question, and how wins are paid.

    Parameters
    ----------
    source : Source
    scenario : str, optional
        Instead of records.
    question : Question
    learning : Learning
    billing : Billing
    """

    source: Source
    scenario: str | None
    question: Question
    learning: Learning
    billing: Billing

    @property
    def inputs(self) -> list[Path | None]:
        """Files that are read."""
        return [*self.source.paths, self.billing.invoices]

    def case(self, output: Output, saved: Path | None = None) -> Case:
        """The case: a scenario, or records with a fitted or saved funnel."""
        if self.scenario is not None:
            if saved is not None:
                raise click.UsageError("--scenario has a funnel of its own: leave out --funnel")
            case = Case.of_scenario(self.scenario, self.question, self.source, output)
        else:
            case = _of_records(self.source, self.question, self.learning, output, saved)
        measure = case.question.measure
        funnel, pipeline = self.billing.applied(case.funnel, case.pipeline, measure, case.cutoff, self.source)
        return replace(case, funnel=funnel, pipeline=pipeline)


case_options = bundled(
    Asked, "asked", source_options, scenario_option, question_options, learning_options, billing_options
)


def _of_records(
    source: Source, question: Question, learning: Learning, output: Output, saved: Path | None
) -> Case:
    from funnelsim.nouns.funnel import Funnel

    model = None if saved is None else Funnel.load(saved)
    history = source.read(output, model)
    output.progress("fitting the funnel")
    return Case.of_history(learning.fit(history) if model is None else model, history, question, source.files)
