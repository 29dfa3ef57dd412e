"""What was probably meant by a number or a day of a scenario that is written as people write it."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)
_TIMES = {"%": Decimal("0.01"), "千": Decimal(10**3), "万": Decimal(10**4), "亿": Decimal(10**8)}
_DAY = re.compile(r"\s*(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})\D?\s*|(\d{4})(\d\d)(\d\d)", re.ASCII)
_YEAR_LAST = re.compile(r"\s*(\d{1,2})([./-])(\d{1,2})\2(\d{4})\s*", re.ASCII)
_BARE_NUMBER = re.compile(r"=\s*([\d.,]+\s*(?:[%千万亿]+|(?<=\d),\d{3}\b))\s*$")


def number_meant(text: str) -> str | None:
    """The number that a text means, as TOML writes it; None where it means none.

    Examples
    --------
    >>> [number_meant(text) for text in ("3.8万", "35%", "1,000", "much")]
    ['38000', '0.35', '1000', None]
    """
    plain, factor = unicodedata.normalize("NFKC", text).strip(), Decimal(1)
    while plain[-1:] in _TIMES:
        factor, plain = factor * _TIMES[plain[-1]], plain[:-1].strip()
    if not _NUMBER.fullmatch(plain) or len(plain) > 30:
        return None
    value = Decimal(plain.replace(",", "")) * factor
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def day_meant(given: object) -> str | None:
    """The day that a text, a moment or a number means, as TOML writes it; None where it means none, or two.

    Examples
    --------
    >>> day_meant("2026年9月16日"), day_meant("2026/9/6"), day_meant(20260916), day_meant("2026-13-16")
    ('2026-09-16', '2026-09-06', '2026-09-16', None)
    >>> day_meant("16.9.2026"), day_meant("9/16/2026"), day_meant("5/3/2026")
    ('2026-09-16', '2026-09-16', None)
    """
    if isinstance(given, datetime):
        return given.date().isoformat()
    text = unicodedata.normalize("NFKC", str(given))
    first, last = _DAY.fullmatch(text), _YEAR_LAST.fullmatch(text)
    orders: list[tuple[str, str, str]] = []
    if first:
        orders.append((first[1] or first[4], first[2] or first[5], first[3] or first[6]))
    if last:
        orders.append((last[4], last[3], last[1]))
        orders += [(last[4], last[1], last[3])] if last[2] != "." else []  # with dots the day is first
    days = {day for order in orders if (day := _day(*order))}
    return days.pop() if len(days) == 1 else None


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def bare_number(line: str) -> str | None:
    """A value of a line without remarks that is a number as people write it, such as 3.8万."""
    found = _BARE_NUMBER.search(line)
    return found[1] if found and number_meant(found[1]) else None
