"""What every question takes that shows uncertainty: how many draws, and the share that an interval holds."""

from __future__ import annotations

from numbers import Integral, Real

from funnelsim.vocabulary.errors import FunnelsimError


def check_draws(n_draws: object, error: type[FunnelsimError]) -> None:
    """Refuse a number of draws that leaves no interval.

    Raises
    ------
    FunnelsimError
        Of the kind `error`, if `n_draws` is no whole number of at least 2.
    """
    if isinstance(n_draws, bool) or not isinstance(n_draws, Integral) or n_draws < 2:
        raise error(f"n_draws {n_draws!r} must be a whole number of at least 2, such as 200")


def check_interval(interval: object, error: type[FunnelsimError]) -> None:
    """Refuse a share that no interval can hold; also one in percent, and a text.

    Raises
    ------
    FunnelsimError
        Of the kind `error`, if `interval` does not lie between 0 and 1.
    """
    if isinstance(interval, bool) or not isinstance(interval, Real) or not 0 < float(interval) < 1:
        raise error(f"interval {interval!r} must lie between 0 and 1: 0.8 holds 80 %")
