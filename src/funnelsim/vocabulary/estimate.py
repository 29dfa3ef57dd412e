"""A number with its standard error: no figure travels without one."""

from __future__ import annotations

from typing import NamedTuple

from funnelsim.vocabulary.language import tr


class Estimate(NamedTuple):
    """A value and its standard error.

    Examples
    --------
    >>> f"{Estimate(0.6213, 0.0048):.1%}"
    '62.1 % ± 0.5 points'
    """

    value: float
    standard_error: float

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return tr(self.in_english(spec))

    def in_english(self, spec: str = "") -> str:
        """The text that formatting gives, in English; the error of a share is in points."""
        if spec.endswith("%"):
            share, error = (f"{100 * number:{spec[:-1]}f}" for number in self)
            return f"{share} % ± {error} points"
        return f"{self.value:{spec or '.4g'}} ± {self.standard_error:{spec or '.2g'}}"

    def _repr_html_(self) -> str:
        return f"<p><strong>{self}</strong> ({tr('one standard error')})</p>"

    def __str__(self) -> str:
        return format(self, "")
