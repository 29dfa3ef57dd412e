"""Amounts as people write them, to numbers; what a comma means is decided by evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from funnelsim.intake.tables import Numbers, Positions, Texts
from funnelsim.vocabulary.errors import FunnelsimError, english

Decimal = Literal[".", ","]

SIGNS = {
    "￥": "¥",
    "€": "EUR",
    "£": "GBP",
    "US$": "USD",
    "A$": "AUD",
    "C$": "CAD",
    "HK$": "HKD",
    "R$": "BRL",
    "₹": "INR",
    "₩": "KRW",
}
_CURRENCY = r"(?:US\$|A\$|C\$|HK\$|R\$|[€£$¥￥₹₩]|[A-Z]{3})"
_AMOUNT = re.compile(
    rf"^(?P<open>\()?\s*(?P<before>{_CURRENCY})?\s*(?P<sign>[-−+])?\s*(?P<also_before>{_CURRENCY})?\s*"
    rf"(?P<number>\d[\d.,'’\s]*?(?:[eE][+-]?\d+)?)\s*(?P<after>{_CURRENCY})?\s*(?P<close>\))?$"
)
_GROUPS = re.compile(r"[\s'’]")
_PLAIN = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_GROUPED = {mark: re.compile(rf"\d{{1,3}}({re.escape(mark)}\d{{3}})+") for mark in ".,"}
_THOUSANDTHS = re.compile(r".*,\d{3}")  # three decimals beyond doubt, such as 0,125
_OTHER: dict[str, Decimal] = {".": ",", ",": "."}
_SAY_DECIMAL = "say which with decimal='.' or decimal=','"
LARGEST_AMOUNT = 1e15  # beyond any deal in any currency; sums of such amounts stay finite and exact to 1
TOO_LARGE = (
    "an amount beyond 1e15; look for digits run together or a unit too small (1e15 cents as 1e13), correct "
    "it, or leave it empty when unknown"
)
_UNITS = re.compile(r"\d\s*(万|亿|千|k|m|mn|mio|bn|thousand|million|billion|lakh|crore)\b", re.IGNORECASE)


class AmbiguousAmount(FunnelsimError):  # noqa: N818 - it names what arrived, as users will search for it
    """Decimal and thousands marks of a column cannot be told apart; `examples` are positions that show it."""

    def __init__(self, message: str, examples: Positions) -> None:
        super().__init__(message)
        self.examples = examples


@dataclass(frozen=True, eq=False)
class Amounts:
    """Amounts of a column.

    Parameters
    ----------
    number : ndarray of float
        NaN where empty or unusable.
    currency : ndarray of str
        Sign or code written with the number, such as "EUR"; ``""`` where none is.
    problem : ndarray of str
        What is wrong with a value and the way out; ``""`` where nothing is.
    """

    number: Numbers
    currency: Texts
    problem: Texts


def parse_amounts(texts: Texts, *, decimal: Decimal | None = None) -> Amounts:
    """Amounts of a column of texts; ``""`` is no amount.

    Parameters
    ----------
    texts : ndarray of str
    decimal : {".", ","}, optional
        The mark before the decimals. By default it is decided by the values that can be read one way only.
        Where every value could be read both ways, a comma before three digits marks thousands (as nearly
        every export means it), and a point before three digits is refused. So is a comma before three
        digits beside one that marks decimals, unless some amount has three decimals beyond doubt.

    Raises
    ------
    AmbiguousAmount
        If the values cannot be told apart, or contradict each other.

    Examples
    --------
    >>> parse_amounts(np.array(["€1.234,50", "2.000"], dtype=object)).number
    array([1234.5, 2000. ])
    """
    codes, values = pd.factorize(texts)
    written = [_Written.of(str(text)) for text in values]
    try:
        mark = decimal or _decimal_mark([item.number for item in written])
    except AmbiguousAmount as error:
        rows = [np.flatnonzero(codes == value)[0] for value in error.examples]
        raise AmbiguousAmount(english(error), np.array(rows, dtype=np.int64)) from None
    number = np.array([item.value(mark) for item in written], dtype=float)
    problem = np.array(
        [_why_not(str(text), value, mark) for text, value in zip(values, number, strict=True)], dtype=object
    )
    currency = np.array([item.currency for item in written], dtype=object)
    return Amounts(np.where(problem == "", number, np.nan)[codes], currency[codes], problem[codes])


@dataclass(frozen=True)
class _Written:
    """One text taken apart: digits with their marks, currency, sign."""

    number: str = ""
    currency: str = ""
    is_negative: bool = False

    @classmethod
    def of(cls, text: str) -> _Written:
        match = _AMOUNT.match(text)
        if match is None:
            return cls()
        currency = match["before"] or match["also_before"] or match["after"] or ""
        is_negative = bool(match["open"] and match["close"]) or match["sign"] in ("-", "−")
        return cls(_GROUPS.sub("", match["number"]), SIGNS.get(currency, currency), is_negative)

    def value(self, mark: Decimal) -> float:
        plain = self.number.replace(_OTHER[mark], "").replace(mark, ".")
        if not _PLAIN.fullmatch(plain):
            return np.nan
        return -float(plain) if self.is_negative else float(plain)


def _decimal_mark(numbers: list[str]) -> Decimal:
    """The mark before the decimals, by the values of the column that can be read one way only."""
    meanings = np.array([_meaning(number) for number in numbers], dtype=object)
    point, comma = (np.flatnonzero(meanings == f"decimal {mark}") for mark in ".,")
    if len(point) and len(comma):
        raise AmbiguousAmount(
            f"some amounts have a decimal point, others a decimal comma; make them alike, or {_SAY_DECIMAL}",
            np.array([point[0], comma[0]]),
        )
    grouped_by_comma = np.flatnonzero(meanings == "grouped by , or not")
    # "12,50" is money in decimals, so "1,234" beside it may be 1.234 or 1234: a thousandfold difference.
    # A point is not asked: computers write 0.5, 1.25 and 1.125 into one column.
    if len(comma) and len(grouped_by_comma) and not any(_THOUSANDTHS.fullmatch(numbers[at]) for at in comma):
        raise AmbiguousAmount(
            f"the comma marks decimals in one amount, and thousands or decimals in the other; {_SAY_DECIMAL}",
            np.array([grouped_by_comma[0], comma[0]]),
        )
    grouped_by_point = np.flatnonzero(meanings == "grouped by . or not")
    if len(point) or len(comma) or not len(grouped_by_point):
        return "," if len(comma) else "."
    raise AmbiguousAmount(
        f"the point may mark thousands or decimals in every amount; {_SAY_DECIMAL}", grouped_by_point[:1]
    )


def _meaning(number: str) -> str:
    """What one number tells about the marks: settled, open to two readings, or nothing."""
    marks = [mark for mark in ".," if mark in number]
    if not marks:
        return ""
    if len(marks) == 2:
        return "decimal ." if number.rfind(".") > number.rfind(",") else "decimal ,"
    mark = marks[0]
    if number.count(mark) > 1:
        return f"decimal {_OTHER[mark]}"
    if _GROUPED[mark].fullmatch(number) and not number.startswith("0"):
        return f"grouped by {mark} or not"
    return f"decimal {mark}"


def _why_not(text: str, number: float, mark: Decimal) -> str:
    if text == "":
        return ""
    if text.casefold().lstrip("+-") in ("inf", "infinity", "∞"):
        return "an amount must be finite; correct it, or leave it empty when unknown"
    if _UNITS.search(text):
        return "an amount with a unit; write the number out (1.2万 as 12000, 3k as 3000)"
    if np.isnan(number) or not _is_well_grouped(text, mark):
        return "not an amount; write a number, or leave it empty when unknown"
    if abs(number) > LARGEST_AMOUNT:
        return TOO_LARGE
    return "an amount must not be negative; correct it, or leave it empty when unknown" if number < 0 else ""


def _is_well_grouped(text: str, mark: Decimal) -> bool:
    """Whether thousands marks stand before groups of three digits (or, as in India, of two and three)."""
    match = _AMOUNT.match(text)
    whole = match["number"].split(mark)[0] if match else ""
    groups = re.split(r"[.,\s'’]", whole)
    return len(groups) == 1 or (len(groups[-1]) == 3 and all(1 <= len(group) <= 3 for group in groups))
