"""Strength: the one factor by which a lever moves, so that it can be had in part, and solved or paid for."""

from __future__ import annotations

from dataclasses import replace

from funnelsim.nouns.levers.cash import Collection
from funnelsim.nouns.levers.classes import OutsideTop, Subset
from funnelsim.nouns.levers.people import Ramp
from funnelsim.nouns.levers.protocol import Lever, LeverError, in_percent
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume, WinRate, Yield


def strength_of(lever: Lever) -> float:
    """The factor by which a lever moves: 1.1 is a tenth more.

    Raises
    ------
    LeverError
        If it moves by none, or by several.

    Examples
    --------
    >>> strength_of(Subset(Volume(1.2), "source", ("web",)))
    1.2
    """
    if isinstance(lever, Subset | OutsideTop):
        return strength_of(lever.lever)
    if isinstance(lever, Volume | Speed | Yield | Ramp):
        return float(lever.factor)
    if isinstance(lever, Conversion | WinRate):
        return float(lever.odds)
    if isinstance(lever, Collection) and (lever.never_paid, lever.terms_days) == (1.0, None):
        return float(lever.faster)
    raise LeverError(
        f"{lever.name}: cannot be had in part; use a lever with one factor: volume, conversion, win rate, "
        "speed, yield, or a collection that is only faster"
    )


def what_moves(lever: Lever) -> str:
    """A lever's name without how far it moves.

    Raises
    ------
    LeverError
        If it moves by no factor, or by several.

    Examples
    --------
    >>> what_moves(Subset(Volume(1.2), "source", ("web",))), what_moves(Conversion(1.5, "Proof"))
    ('new deals (source web)', 'conversion of Proof, odds')
    """
    strength = strength_of(lever)
    return " ".join(at_strength(lever, strength).name.replace(in_percent(strength), "").split())


def at_strength(lever: Lever, factor: float) -> Lever:
    """The same lever, moved by another factor.

    Raises
    ------
    LeverError
        If it moves by no factor, or by several.

    Examples
    --------
    >>> at_strength(Conversion(1.5, "Proof"), 1.25)
    Conversion(odds=1.25, stage='Proof')
    """
    strength_of(lever)
    if isinstance(lever, Subset | OutsideTop):
        return replace(lever, lever=at_strength(lever.lever, factor))
    if isinstance(lever, Volume | Speed | Yield | Ramp):
        return replace(lever, factor=factor)
    if isinstance(lever, Conversion | WinRate):
        return replace(lever, odds=factor, aim="")
    assert isinstance(lever, Collection)
    return replace(lever, faster=factor)
