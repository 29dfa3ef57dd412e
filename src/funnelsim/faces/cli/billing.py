"""Options that say how wins are paid: a file of invoices, or terms by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli.failures import RequestError
from funnelsim.faces.cli.options import bundled, pair
from funnelsim.vocabulary.errors import FunnelsimError, english

if TYPE_CHECKING:
    import numpy as np

    from funnelsim.faces.cli.source import Source
    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.law import Measure
    from funnelsim.vocabulary.pipeline import Pipeline

_LATER = ("revenue", "cash")


@dataclass(frozen=True)
class Billing:
    """How wins are paid.

    Parameters
    ----------
    invoices : Path, optional
    invoice_columns : tuple of (name, value)
        What the file calls a column.
    terms, late : float, optional
        Days from invoice to due date, and mean delay after it.
    """

    invoices: Path | None
    invoice_columns: tuple[tuple[str, str], ...]
    terms: float | None
    late: float

    def applied(
        self,
        funnel: Funnel,
        pipeline: Pipeline,
        measure: Measure | None,
        cutoff: np.datetime64,
        source: Source,
    ) -> tuple[Funnel, Pipeline]:
        """The funnel and the position with what is known of payments by a moment.

        Raises
        ------
        UsageError
            If both a file and terms are given, neither has anything to say to the other options or to what
            is measured, or what is measured needs one of them.
        """
        self._check(measure)
        if self.terms is not None:
            from funnelsim.nouns.collections import Collections

            terms = Collections.by_hand(terms_days=self.terms, late_mean_days=self.late, clock=funnel.clock)
            funnel = funnel.with_collections(terms)
        elif self.invoices is not None:
            funnel, pipeline = self._from_file(self.invoices, funnel, pipeline, cutoff, source)
        if measure in _LATER and funnel.collections is None:
            raise click.UsageError(
                f"--measure {measure} needs to know how wins are paid: add --invoices FILE, or --terms DAYS "
                "(in a scenario or a funnel file, the table funnel.collections)"
            )
        return funnel, pipeline

    def _check(self, measure: Measure | None) -> None:
        if self.invoices is None and self.invoice_columns:
            raise click.UsageError("--invoice-column says how to read invoices: add --invoices FILE")
        if self.terms is None and self.late:
            raise click.UsageError("--late counts from the due date: add --terms DAYS")
        if self.invoices is not None and self.terms is not None:
            raise click.UsageError("--invoices tell the terms: leave --terms out, or --invoices")
        given = "--invoices" if self.invoices is not None else "--terms" if self.terms is not None else ""
        if given and measure not in _LATER:
            raise click.UsageError(
                f"{given}: how wins are paid moves no {measure or 'bookings'}; add --measure cash"
            )

    def _from_file(
        self, path: Path, funnel: Funnel, pipeline: Pipeline, cutoff: np.datetime64, source: Source
    ) -> tuple[Funnel, Pipeline]:
        from funnelsim.fitting.collections import fit_collections
        from funnelsim.intake.invoices import read_invoices

        try:
            known = read_invoices(
                path,
                as_of=cutoff,
                columns=dict(self.invoice_columns),
                tz=source.tz,
                file_tz=source.file_tz,
                date_format=source.date_format,
                decimal=source.decimal,
                unit=source.unit,
                rates=source.worth,
                faulty="set aside" if source.faulty == "set-aside" else "refuse",
            )
        except FunnelsimError as error:  # its columns are those of the invoices
            raise RequestError(re.sub(r"\bcolumns=", "invoice_columns=", english(error))) from error
        if funnel.collections is None:  # those of a saved funnel hold
            funnel = funnel.with_collections(fit_collections(known, clock=funnel.clock))
        return funnel, pipeline.with_invoices(known)


billing_options = bundled(
    Billing,
    "billing",
    click.option(
        "--invoices",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Invoices, paid and unpaid: how wins are paid, for --measure revenue or cash.",
    ),
    click.option(
        "--invoice-column",
        "invoice_columns",
        type=pair,
        metavar="NAME=VALUE",
        multiple=True,
        help="What the invoices call a column: paid_at=Settled. Repeatable.",
    ),
    click.option(
        "--terms",
        type=click.FloatRange(min=0),
        metavar="DAYS",
        help="Without invoices: days from invoice to due date, for --measure revenue or cash.",
    ),
    click.option(
        "--late",
        type=click.FloatRange(min=0),
        metavar="DAYS",
        default=0.0,
        show_default=True,
        help="Mean delay of payments after the due date, with --terms.",
    ),
)
