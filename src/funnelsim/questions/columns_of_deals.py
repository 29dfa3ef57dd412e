"""Attributes of deals as columns of numbers: flags, numbers, classes, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MISSING, OTHER = "(missing)", "(other)"
LEAST_DEALS = 10  # of a class of its own
MOST_CLASSES = 50
_YES = {"true", "yes", "y", "t", "是", "有"}
_NO = {"false", "no", "n", "f", "否", "无"}
_NAMES_DEALS = re.compile(r"(^|_|\W)(id|nr|no|key|code|number|uuid)$|编号$", re.IGNORECASE)
_TOO_MANY = 0.5
_LONGEST_SCALE = 20  # of whole numbers told one by one, as -5..+5 is
_FENCES = 3.0
_LARGEST = 1e100  # squares of larger numbers may overflow
_SKEWED = 1.25  # mean over median: 1.2 for a lognormal of standard deviation 0.6


class EffectError(FunnelsimError):
    """Attributes whose effect cannot be told."""


@dataclass(frozen=True, eq=False)
class Attribute:
    """How one attribute becomes columns.

    Parameters
    ----------
    name : str
    kind : {"flag", "number", "logarithm", "class"}
    levels : tuple of str
        Classes with a column of their own; the last may be "(other)".
    bounds : tuple of float
        Values of a number (or its logarithm) beyond these are set to them.
    centre, scale : float
        Of a number: mean and standard deviation of the known values within the bounds.
    unit : str
        What an effect is told for: "yes", "per +1", "per doubling", "per SD (12.3)"; "" for classes.
    per_unit : float
        That unit in the units of the column.
    has_missing : bool
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    bounds: tuple[float, float] = (-np.inf, np.inf)
    centre: float = 0.0
    scale: float = 1.0
    unit: str = ""
    per_unit: float = 1.0
    has_missing: bool = False

    @property
    def labels(self) -> list[str]:
        """What each column stands for."""
        return [*(self.levels if self.kind == "class" else [self.unit]), *[MISSING] * self.has_missing]

    def encode(self, values: pd.Series[Any]) -> Floats:
        """Columns, shape (n_values, n_labels), NaN in a row of classes where the class was never seen."""
        n = len(values)
        if self.kind == "class":
            words = words_of(values)
            columns = (words[:, None] == np.array(self.levels, dtype=object)).astype(float)
            missing = pd.isna(words)
            strange = ~missing & ~columns.any(axis=1)
            columns[strange] = 0.0
            if self.levels and self.levels[-1] == OTHER:
                columns[strange, -1] = 1.0
                strange = np.zeros(n, dtype=bool)
        else:
            number = numbers_of(values)
            missing, strange = np.isnan(number), np.zeros(n, dtype=bool)
            if self.kind == "logarithm":
                number = np.log(np.maximum(number, np.exp(self.bounds[0])))
            filled = np.where(missing, self.centre, np.clip(number, *self.bounds))
            columns = ((filled - self.centre) / self.scale)[:, None]
        if self.has_missing:
            columns = np.column_stack([columns, missing])
            if self.kind != "class":
                return columns
        else:
            strange = strange | missing
        columns[strange if self.kind == "class" else np.zeros(n, dtype=bool)] = np.nan
        return columns

    def counts(self, values: pd.Series[Any]) -> list[int]:
        """Values behind each column: of that class, yes, any known number, or missing."""
        if self.kind == "class":
            return [int(n) for n in np.nansum(self.encode(values), axis=0)]
        number = numbers_of(values)
        n_missing = int(np.isnan(number).sum())
        n_known = int((number == 1).sum()) if self.kind == "flag" else len(number) - n_missing
        return [n_known, *[n_missing] * self.has_missing]

    def contrasts(self, shares: Floats) -> Floats:
        """What each effect is told against, in columns: a unit more, or a class against the average deal."""
        if self.kind == "class":
            return np.eye(len(self.labels)) - shares
        return np.diag([self.per_unit, *[1.0] * self.has_missing])


@dataclass(frozen=True, eq=False)
class ColumnsOfDeals:
    """How deals become rows of centred columns; learnt on some deals, used on any.

    Parameters
    ----------
    attributes : tuple of Attribute
    means : ndarray of shape (n_columns,)
        Mean of each column over the deals it was learnt on: a row of zeros is the average deal.
    counts : ndarray of int, shape (n_columns,)
        Deals behind each column: with that class, with "yes", with a known number, or missing.
    missing : tuple of float
        Share of deals without a value, by attribute.
    left_out : dict of str to str
        Attributes that are not used, and why.
    """

    attributes: tuple[Attribute, ...]
    means: Floats
    counts: Ints
    missing: tuple[float, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def learn(
        cls, deals: pd.DataFrame, is_counted: Flags, names: Sequence[str], left_out: Mapping[str, str]
    ) -> ColumnsOfDeals:
        """Decide from the values what each attribute is; constant ones are left out, and said so.

        Rows are stretches of deals, of which one a deal is counted.
        """
        found, means, counts, missing, idle = [], [], [], [], dict(left_out)
        for name in names:
            attribute = describe(deals[name])
            columns = attribute.encode(deals[name])
            varies = np.ptp(columns, axis=0) > 0 if len(columns) else np.zeros(0, dtype=bool)
            if not varies.any():
                idle[name] = "it has one value for all deals"
                continue
            found.append(attribute)
            means.append(columns.mean(axis=0))
            counts += attribute.counts(deals.loc[is_counted, name])
            missing.append(float(columns[is_counted, -1].mean()) if attribute.has_missing else 0.0)
        joined = np.concatenate(means) if means else np.zeros(0)
        return cls(tuple(found), joined, np.array(counts, dtype=np.int64), tuple(missing), idle)

    @property
    def group(self) -> Ints:
        """Number of the attribute of each column."""
        return np.repeat(np.arange(len(self.attributes)), [len(a.labels) for a in self.attributes])

    @property
    def labels(self) -> list[tuple[str, str]]:
        """Attribute and label of each column."""
        return [(a.name, label) for a in self.attributes for label in a.labels]

    def encode(self, deals: pd.DataFrame) -> Floats:
        """Rows of centred columns; a class never seen before counts as the average deal.

        Raises
        ------
        EffectError
            If an attribute is not among the columns of `deals`.
        """
        absent = [a.name for a in self.attributes if a.name not in deals]
        if absent:
            raise EffectError(
                f"the deals have no attribute {absent[0]!r}, which the effects were learnt from"
            )
        parts = [a.encode(deals[a.name]) for a in self.attributes]
        columns = np.concatenate(parts, axis=1) if parts else np.zeros((len(deals), 0))
        return np.where(np.isnan(columns), 0.0, columns - self.means)

    def contrasts(self) -> Floats:
        """What each effect is told against; shape (n_columns, n_columns), one row an effect."""
        rows: Floats = np.zeros((len(self.means), len(self.means)))
        for i, attribute in enumerate(self.attributes):
            own = np.flatnonzero(self.group == i)
            rows[np.ix_(own, own)] = attribute.contrasts(self.means[own])
        return rows


def words_of(values: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Values as stripped text; None where missing or blank."""
    code, different = pd.factorize(values.astype(object))
    words = [str(_word(value)) or None for value in different]
    return np.array([*words, None], dtype=object)[code]


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def numbers_of(values: pd.Series[Any]) -> Floats:
    """Values as numbers, yes as 1 and no as 0; NaN where missing, infinite or no number."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        number = pd.to_numeric(values, errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan)
    else:
        number = np.array([_number(word) for word in words_of(values)], dtype=float)
    return np.where(np.isfinite(number), number, np.nan)


def _number(word: str | None) -> float:
    if word is None:
        return np.nan
    key = word.casefold()
    if key in _YES or key in _NO:
        return float(key in _YES)
    try:
        return float(word)
    except ValueError:
        return np.nan


def describe(values: pd.Series[Any]) -> Attribute:
    """What an attribute is: a flag, a number, or classes.

    Notes
    -----
    Two values that mean yes and no (or 1 and 0) are a flag; if all values are numbers it is a number, else
    classes. Whole numbers within a range of 20 are told per +1. Positive numbers whose mean is more than 1.25
    times their median are taken as logarithms and told per doubling. Numbers further than three times the
    distance between the quartiles outside of them (Tukey's far fences) are set to that bound, then all are
    divided by their standard deviation. Classes of fewer than 10 deals, and those beyond the 50 largest, are
    "(other)". A missing number is set to the mean, with a column that says it is missing.

    Raises
    ------
    EffectError
        If the values name deals rather than classes of them, or are dates.
    """
    name = str(values.name)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise EffectError(f"{name!r} holds dates; make a number of them, such as days before the deal began")
    words, number = words_of(values), numbers_of(values)
    known = ~pd.isna(words)
    _check_size(name, words[known])
    if known.any() and not np.isnan(number[known]).any():
        return _describe_number(name, number)
    return _describe_classes(name, words[known], bool((~known).any()))


def _check_size(name: str, words: npt.NDArray[np.object_]) -> None:
    """Refuse numbers that no mean can be taken of; text among them makes classes of them all."""
    number = np.array([_number(word) for word in words], dtype=float)
    if np.isnan(number).any():
        return
    wrong = np.abs(number) > _LARGEST
    if wrong.any():
        raise EffectError(
            f"{name!r} holds {number[wrong][0]:g} (in {int(wrong.sum()):,} deals), and no effect can be told "
            "of such numbers; leave it empty where it stands for a missing value, or make classes of it"
        )


def _describe_number(name: str, number: Floats) -> Attribute:
    has_missing, value = bool(np.isnan(number).any()), number[~np.isnan(number)]
    different = np.unique(value)
    is_whole = bool((different == np.round(different)).all())
    if is_whole and len(different) == len(value) > LEAST_DEALS and _NAMES_DEALS.search(name):
        raise EffectError(f"{name!r} has another value for each deal: it names deals, not what they are like")
    if set(different) <= {0.0, 1.0}:
        return Attribute(
            name,
            "flag",
            unit="yes",
            centre=float(value.mean()) if has_missing else 0.0,
            has_missing=has_missing,
        )
    is_scale = is_whole and float(np.ptp(different)) <= _LONGEST_SCALE
    is_skewed = not is_scale and different[0] > 0 and value.mean() > _SKEWED * np.median(value)
    used = np.log(value) if is_skewed else value
    low, high = np.quantile(used, [0.25, 0.75])
    reach = _FENCES * (high - low)
    bounds = (
        (float(low - reach), float(high + reach)) if reach > 0 and not is_scale else (used.min(), used.max())
    )
    clipped = np.clip(used, *bounds)
    scale = float(clipped.std()) or 1.0
    unit, per_unit = f"per SD ({scale:,.3g})", 1.0
    if is_scale:
        unit, per_unit = "per +1", 1.0 / scale
    elif is_skewed:
        unit, per_unit = "per doubling", float(np.log(2.0)) / scale
    kind = "logarithm" if is_skewed else "number"
    centre, limits = float(clipped.mean()), (float(bounds[0]), float(bounds[1]))
    return Attribute(name, kind, (), limits, centre, scale, unit, per_unit, has_missing)


def _describe_classes(name: str, words: npt.NDArray[np.object_], has_missing: bool) -> Attribute:
    levels, n_deals = np.unique(words.astype(str), return_counts=True)
    if len(levels) > max(_TOO_MANY * len(words), 2 * LEAST_DEALS):
        raise EffectError(
            f"{name!r} has {len(levels):,} values for {len(words):,} deals: it names deals, not classes of "
            "them; choose an attribute that deals share, or cut it into classes"
        )
    order = np.lexsort((levels, -n_deals))
    kept = [i for i in order[:MOST_CLASSES] if n_deals[i] >= LEAST_DEALS]
    names = [str(levels[i]) for i in kept] + [OTHER] * (len(kept) < len(levels))
    return Attribute(name, "class", tuple(names), has_missing=has_missing)
