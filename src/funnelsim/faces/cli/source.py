"""Source: which records to read and how; the embedded sample when no file is given."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from funnelsim.faces.cli.failures import RequestError
from funnelsim.faces.cli.output import Output
from funnelsim.vocabulary.language import LANGUAGES, language

if TYPE_CHECKING:
    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory
    from funnelsim.vocabulary.clock import Step

_SAMPLE_TAKES = ("as_of", "faulty")


@dataclass(frozen=True)
class Source:
    """Files and how they are to be read.

    Parameters
    ----------
    deals, history : Path, optional
        None: the embedded sample.
    stages : Path, optional
    as_of, window_start, arrivals_until, tz, file_tz, date_format, decimal, step, unit : str, optional
        As the keywords of :func:`funnelsim.read_deals`.
    rates, columns, history_columns, outcome_values : tuple of (name, value)
    faulty : {"refuse", "set-aside"}
    """

    deals: Path | None
    history: Path | None
    stages: Path | None
    as_of: str | None
    window_start: str | None
    arrivals_until: str | None
    tz: str | None
    file_tz: str | None
    date_format: str | None
    decimal: Literal[".", ","] | None
    step: str | None
    unit: str | None
    rates: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    history_columns: tuple[tuple[str, str], ...]
    outcome_values: tuple[tuple[str, str], ...]
    faulty: str

    @property
    def is_sample(self) -> bool:
        """Whether no file was given."""
        return self.deals is None

    @property
    def files(self) -> list[str]:
        """Names of the files, for results that say where they come from."""
        return [str(path) for path in self.paths]

    @property
    def paths(self) -> list[Path]:
        """The files that are read."""
        return [path for path in (self.deals, self.history, self.stages) if path is not None]

    @property
    def worth(self) -> dict[str, float]:
        """Worth of one of each currency in the unit."""
        return {code: _rate(code, text) for code, text in self.rates}

    def read(self, output: Output, funnel: Funnel | None = None) -> DealHistory:
        """The deal history.

        Parameters
        ----------
        output : Output
            Told what is read.
        funnel : Funnel, optional
            Saved model the records are for: its stages and clock hold where nothing else is said.

        Raises
        ------
        FunnelsimError
            If the records cannot be read, or do not fit `funnel`.
        """
        if self.deals is None:
            history = self._sample(output, funnel)
        else:
            output.progress(f"reading {self.deals}")
            history = self._read(self.deals, funnel)
        if funnel is not None:
            _check_fit(history, funnel)
        return history

    def _sample(self, output: Output, funnel: Funnel | None) -> DealHistory:
        from funnelsim.questions.worlds import sample_funnel, simulate_history

        unused = [f.name for f in fields(self) if f.name not in _SAMPLE_TAKES and getattr(self, f.name)]
        if unused:
            names = ", ".join("--" + name.replace("_", "-") for name in unused)
            raise click.UsageError(
                f"{names} says how to read your files, but no file was given: add DEALS [HISTORY]"
            )
        output.say("no file given: using the embedded sample, a made-up company")
        # A funnel saved from the sample may have been learnt under the names of the other language.
        of_funnel = [
            lang
            for lang in LANGUAGES
            if funnel and funnel.stages.names == sample_funnel(lang=lang).stages.names
        ]
        history = simulate_history(lang=next(iter(of_funnel), language()))
        return history if self.as_of is None else history.as_of(_date(self.as_of))

    def _read(self, deals: Path, funnel: Funnel | None) -> DealHistory:
        from funnelsim.intake.deals import read_deals

        step = self.step or (funnel.clock.step if funnel else None)
        return read_deals(
            deals,
            self.history,
            stages=self.stages or (funnel.stages if funnel else None),
            as_of=self.as_of,
            window_start=self.window_start,
            arrivals_until=self.arrivals_until,
            columns=dict(self.columns),
            history_columns=dict(self.history_columns),
            outcome_values=dict(self.outcome_values),
            tz=self.tz,
            file_tz=self.file_tz,
            date_format=self.date_format,
            decimal=self.decimal,
            step=cast("Step | None", step),
            unit=self.unit,
            rates=self.worth,
            faulty="set aside" if self.faulty == "set-aside" else "refuse",
        )


def _date(text: str) -> str:
    try:
        return dt.datetime.fromisoformat(text).isoformat()
    except ValueError as error:
        raise RequestError(f"--as-of {text!r} is not a date; write it as 2026-03-05") from error


def _rate(code: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise RequestError(
            f"--rate {code}={text}: {text!r} is not a number; write it as {code}=0.92"
        ) from error


def _check_fit(history: DealHistory, funnel: Funnel) -> None:
    """Refuse a funnel of other stages or another unit: its numbers would say nothing of these deals."""
    if history.stages.names != funnel.stages.names:
        raise RequestError(
            f"the funnel has the stages {', '.join(funnel.stages.names)}, the records "
            f"{', '.join(history.stages.names)}; use a funnel fitted on these stages"
        )
    if funnel.unit and history.unit and funnel.unit != history.unit:
        raise RequestError(
            f"the funnel counts {funnel.unit}, the records {history.unit}; convert with --rate, or fit again"
        )
