"""Amounts under a title that states a scale are multiplied, and that is listed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from funnelsim.intake.amounts import LARGEST_AMOUNT, TOO_LARGE, Amounts
from funnelsim.intake.findings import Findings
from funnelsim.intake.tables import Table


def in_single_units(amounts: Amounts, scale: float, table: Table, column: str, findings: Findings) -> Amounts:
    """The amounts of a column in single units of money.

    Parameters
    ----------
    amounts : Amounts
    scale : float
        What the title says that they count in.
    table : Table
    column : str
        Canonical name; the title is what the file calls it.
    findings : Findings
        Told of every amount that is multiplied.
    """
    title, number = table.title(column), amounts.number * scale
    message = (
        f"multiplied by {scale:,g}, as the title {title!r} says; rename the column if the amounts are "
        "written out"
    )
    findings.repaired("scale of amounts", message, table, ~np.isnan(number), column)
    is_beyond = np.abs(number) > LARGEST_AMOUNT
    findings.fault("amount", TOO_LARGE, table, is_beyond, column)
    problem = np.where(is_beyond, TOO_LARGE, amounts.problem).astype(object)
    return replace(amounts, number=np.where(is_beyond, np.nan, number), problem=problem)
