"""Option: a lever that costs money, how far it can be had, and what each part of it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from funnelsim.nouns.levers.protocol import Lever, LeverError, in_percent, is_between, told
from funnelsim.vocabulary.display import Shown


@dataclass(frozen=True)
class Option(Shown):
    """A lever that costs money.

    Parameters
    ----------
    name : str
    lever : callable
        From a factor to a lever, such as ``Volume`` or ``lambda x: Conversion(x, "Proof")``.
    most : float
        Largest factor that can be had, above 1.
    cost : float
        What `most` costs, in the unit of the amounts; 0 or more. What is free is taken in full, unless
        it harms.
    growth : float
        How cost rises with the step: ``cost * ((factor - 1) / (most - 1)) ** growth``. 1 is proportional, 2
        makes the second half three times as dear as the first; at least 1: no discounts.

    Raises
    ------
    LeverError
        If a number is out of range.

    Examples
    --------
    >>> from funnelsim import Volume
    >>> Option("fairs", Volume, most=1.4, cost=80_000, growth=2.0).cost_of(1.2)
    20000.0
    """

    name: str
    lever: Callable[[float], Lever]
    most: float
    cost: float
    growth: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.lever):
            raise LeverError(
                f"{self.name!r}: lever must make a lever of a factor, such as Volume or lambda x: Speed(x, "
                f"'Proof'), not {self.lever!r}"
            )
        bounds = {"most": (1.0 + 1e-6, 100.0), "cost": (0.0, 1e15), "growth": (1.0, 10.0)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not is_between(value, low, high):
                raise LeverError(f"{self.name!r}: {name}={told(value)} must be between {low:g} and {high:g}")

    def cost_of(self, factor: float) -> float:
        """What a factor between 1 and `most` costs.

        Raises
        ------
        LeverError
            If the factor lies outside: what it costs beyond, nobody has said.
        """
        if not is_between(factor, 1.0, self.most * (1.0 + 1e-9)):
            raise LeverError(
                f"{self.name!r}: a factor of {told(factor)} is not to be had: from 1 to most={self.most:g}"
            )
        return float(round(self.cost * ((factor - 1.0) / (self.most - 1.0)) ** self.growth, 6))

    def _shown_sentence(self) -> str:
        most, cost = in_percent(self.most), f"{self.cost:,.0f}"
        return f"Option({self.name}: {self.lever(self.most).name}; at most {most} for {cost})"

    def _shown_table(self) -> pd.DataFrame:
        """What a quarter, half, three quarters and all of the way cost."""
        factors = np.linspace(1.0, self.most, 5)[1:]
        rows = [(in_percent(factor), self.cost_of(float(factor))) for factor in factors]
        return pd.DataFrame(rows, columns=["step", "cost"])

    def affordable(self, budget: float) -> float:
        """Share of the way from 1 to `most` that a budget buys."""
        return 1.0 if self.cost <= budget else float((budget / self.cost) ** (1.0 / self.growth))
