"""Table: a DataFrame that notebooks show in the language that is spoken, its columns with their units."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from funnelsim.vocabulary.display import html_of
from funnelsim.vocabulary.door import WrongKindError

_UNITS, _WORDS = "units", "words"
# The row "chance" of what is split up: not how likely something is, but luck.
LUCK = MappingProxyType({"chance": "mere chance"})


class Table(pd.DataFrame):
    """A DataFrame that shows itself as people read it: their language, units, per cents, few digits.

    Programs find what stands in it: English names of columns, unrounded numbers, shares as 0..1.
    ``table.attrs["units"]`` holds the unit of each column by its name. What pandas makes of it (``head``,
    ``loc``, arithmetic) is a plain DataFrame; :func:`funnelsim.show` shows that in the same way.
    """

    def _repr_html_(self) -> str:
        return html_of(self, self.attrs.get(_WORDS, {}), self.attrs.get(_UNITS, {}))


def told(
    frame: pd.DataFrame, units: Mapping[str, str] | None = None, words: Mapping[str, str] | None = None
) -> Table:
    """A frame that shows itself, with the units of its columns, and words for those that mean another thing.

    Parameters
    ----------
    frame : DataFrame
    units : mapping of str to str, optional
        By column, without ``_low``, ``_high``, ``_se``; those of `frame` where they are not given.
    words : mapping of str to str, optional
        By column, instead of its name.
    """
    table = Table(frame)
    known = frame.attrs
    table.attrs = known | {
        _UNITS: known.get(_UNITS, {}) | dict(units or {}),
        _WORDS: known.get(_WORDS, {}) | dict(words or {}),
    }
    return table


def show(
    table: pd.DataFrame | pd.Series[float],
    *,
    units: Mapping[str, str] | None = None,
    words: Mapping[str, str] | None = None,
) -> Table:
    """Show a table in a notebook as people read it: in the language spoken, with units and few digits.

    Tables of funnelsim show themselves. What is made of them (``table.head()``, a selection, a column more)
    is a plain DataFrame of pandas, which shows English names of columns and all digits.

    Parameters
    ----------
    table : DataFrame or Series
    units : mapping of str to str, optional
        Units by column: ``"%"`` for shares of 0..1, ``"points"`` for differences of such shares, ``"days"``,
        ``"EUR"``. Columns of funnelsim keep theirs.
    words : mapping of str to str, optional
        What to call a column, instead of its name.

    Returns
    -------
    Table
        A DataFrame with the same values and names: only what a notebook shows of it differs.

    Raises
    ------
    WrongKindError
        If it is no table.

    Examples
    --------
    >>> import funnelsim as fs
    >>> stages = fs.sample_funnel().table()
    >>> shown = fs.show(stages[["conversion", "median_dwell"]].head(2))
    >>> shown.columns.tolist(), shown.attrs["units"]["median_dwell"]
    (['conversion', 'median_dwell'], 'days')
    """
    if not isinstance(table, pd.DataFrame | pd.Series):
        raise WrongKindError(
            f"show(): 'table' must be a DataFrame or a Series of pandas, not {type(table).__name__}; all "
            "else shows itself where its name ends a cell"
        )
    return told(table.to_frame() if isinstance(table, pd.Series) else table, units, words)
