"""One currency for all amounts: mixed ones never add up without rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from funnelsim.intake.amounts import SIGNS, Amounts
from funnelsim.intake.findings import Findings
from funnelsim.intake.tables import Numbers, Table, Texts
from funnelsim.vocabulary.errors import FunnelsimError

_UNSTATED = ""
_SHARED_SIGNS = {  # signs of several currencies, and the currencies they may mean
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"}),
    "¥": frozenset({"CNY", "JPY"}),
}


class RatesError(FunnelsimError):
    """Exchange rates that are not positive numbers."""


@dataclass(frozen=True)
class Rates:
    """What one unit of each currency is worth in the unit of the forecast.

    Parameters
    ----------
    by_currency : mapping of str to float
        Such as ``{"EUR": 1.08, "USD": 1.0}``; empty where amounts are in one currency.
    """

    by_currency: Mapping[str, float]

    def __post_init__(self) -> None:
        example = "give them as a dict such as {'EUR': 1.08}"
        if not isinstance(self.by_currency, Mapping):
            raise RatesError(f"rates are {self.by_currency!r}; {example}")
        bad = {code: rate for code, rate in self.by_currency.items() if not _is_rate(rate)}
        if bad:
            raise RatesError(f"rates must be positive numbers, not {bad}; {example}")

    def __bool__(self) -> bool:
        return bool(self.by_currency)

    def in_unit(self, unit: str) -> Rates:
        """The same rates by code, and that of the unit itself, which is 1 unless it was given."""
        by_code = {_code(str(name)): rate for name, rate in self.by_currency.items()}
        return Rates({unit: 1.0, **by_code} if unit and by_code else by_code)

    def hold_scale(self, scale: float, unit: str) -> bool:
        """Whether one written unit is worth that many by these rates: they hold what a title says too."""
        of_unit = {unit, *(sign for sign, meanings in _SHARED_SIGNS.items() if unit in meanings)}
        by_code = self.in_unit(unit).by_currency
        return any(rate == scale for code, rate in by_code.items() if not unit or code in of_unit)

    def factor(self, currency: Texts) -> Numbers:
        """Worth of one unit of each amount's currency; 1 where no currency is stated."""
        worth = {**self.by_currency, _UNSTATED: 1.0}
        codes, names = pd.factorize(currency)
        return np.array([worth.get(str(name), np.nan if self else 1.0) for name in names], dtype=float)[codes]


NO_RATES = Rates({})


def _is_rate(rate: object) -> bool:
    return isinstance(rate, Real) and 0 < float(rate) < np.inf


def stated_currency(table: Table, amounts: Amounts) -> Texts:
    """Currency of each row: that of the currency column, else the sign beside the amount."""
    if "currency" not in table:
        return amounts.currency
    labels, names = pd.factorize(table.text("currency"))
    codes = np.array([_code(str(name)) for name in names], dtype=object)[labels]
    return np.where(codes != _UNSTATED, codes, amounts.currency)


def _code(text: str) -> str:
    """A code in capitals, or that of a sign; any other text as it is."""
    return SIGNS.get(text, text.upper() if len(text) == 3 and text.isascii() and text.isalpha() else text)


def settle_signs(
    currency: Texts, others: Iterable[str], rates: Rates, table: Table, findings: Findings
) -> Texts:
    """Signs that several currencies share, as the one of them that the records name.

    Parameters
    ----------
    currency : ndarray of str
        Sign or code of each amount.
    others : iterable of str
        Currencies named elsewhere: those of the other table, and the unit.
    rates : Rates
    table : Table
    findings : Findings
        Told of every sign that is read as a code.

    Notes
    -----
    A sign stays what it is where it has a rate of its own, and where none or several of its currencies are
    named: then it is one more currency, which is refused beside another.
    """
    named = {*map(str, pd.unique(currency)), *others, *rates.by_currency}
    for sign, meanings in _SHARED_SIGNS.items():
        at = currency == sign
        if at.any() and len(meanings & named) == 1 and sign not in rates.by_currency:
            (code,) = meanings & named
            message = f"{sign} is read as {code}, the only such currency that is named"
            findings.note("currency", message, file=table.name, column=_column(table), value=int(at.sum()))
            currency = np.where(at, code, currency)
    return currency


def check_currencies(
    table: Table,
    amount: Numbers,
    currency: Texts,
    rates: Rates,
    unit: str,
    findings: Findings,
) -> str:
    """Refuse currencies that cannot be added up; the unit of the amounts once they can."""
    counts = pd.Series(currency[~np.isnan(amount)], dtype=object).value_counts()
    stated = [str(code) for code in counts.index if code != _UNSTATED]
    if rates:
        _check_rates(table, amount, currency, rates, findings)
        return unit
    if len(stated) > 1:
        found = ", ".join(f"{code or 'none stated'}: {n:,}" for code, n in counts.items())
        _refuse(f"amounts in several currencies ({found}) do not add up", stated, table, findings)
    elif stated and unit and unit != stated[0] and _is_code(unit) and _is_code(stated[0]):
        _refuse(f"the amounts are in {stated[0]}, not in the unit {unit}", stated, table, findings)
    elif stated and _UNSTATED in counts.index:
        message = f"amounts without a currency are taken to be in {stated[0]}, the only one in the file"
        findings.note(
            "currency", message, file=table.name, column=_column(table), value=int(counts[_UNSTATED])
        )
    return unit or (stated[0] if stated else "")


def _refuse(what: str, stated: list[str], table: Table, findings: Findings) -> None:
    example = ", ".join(f"{code!r}: ..." for code in stated)
    message = f"{what}; give rates={{{example}}}, the worth of one in the unit of the forecast, and unit="
    findings.refuse("mixed currencies", message, file=table.name, column=_column(table))


def _column(table: Table) -> str:
    return table.title("currency" if "currency" in table else "amount")


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isalpha() and text.isupper()


def _check_rates(table: Table, amount: Numbers, currency: Texts, rates: Rates, findings: Findings) -> None:
    column = "currency" if "currency" in table else "amount"
    has_amount = ~np.isnan(amount)
    for code in pd.unique(currency[has_amount]):
        at = has_amount & (currency == code)
        if code == _UNSTATED:
            message = "an amount without a currency, among amounts to be converted; state it"
            findings.fault("currency", message, table, at, column)
        elif code not in rates.by_currency:
            message = f"no rate for {code}; add {code!r} to rates="
            findings.fault("currency", message, table, at, column)
        elif rates.by_currency[code] != 1.0:
            message = f"amounts in {code} converted at {rates.by_currency[code]:g}"
            findings.note(
                "currency", message, file=table.name, column=table.title(column), value=int(at.sum())
            )
