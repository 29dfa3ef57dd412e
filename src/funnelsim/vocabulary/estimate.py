"""A number with its standard error: no figure travels without one."""

from __future__ import annotations

from typing import NamedTuple

from funnelsim.vocabulary.language import tr


class Estimate(NamedTuple):
    """A value and its standard error.

    Examples
    --------
    >>> f"{Estimate(0.6213, 0.0048):.1%}"
    '62.1 % ± 0.5 %'
    """

    value: float
    standard_error: float

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        text = f"{self.value:{spec or '.4g'}} ± {self.standard_error:{spec or '.2g'}}"
        return text.replace("%", " %")  # as everywhere else

    def _repr_html_(self) -> str:
        return f"<p><strong>{self}</strong> ({tr('one standard error')})</p>"

    def __str__(self) -> str:
        return format(self, "")
