"""Looks kept in a folder, so that a backtest that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from funnelsim.engines.chances import Chances, Positions
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.looks import Fit, Look, periods_of
from funnelsim.questions.backtest.origins import BacktestError, Origin
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.randomness import Streams

_SETTINGS = "backtest.json"


@dataclass(frozen=True)
class Kept:
    """A folder of looks of one backtest.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    @classmethod
    def at(cls, folder: Path, history: DealHistory, fit: Fit, n_draws: int, streams: Streams) -> Kept:
        """The folder, made if it is not there.

        Raises
        ------
        BacktestError
            If it holds looks of another history, fit, seed or number of draws.
        """
        settings = {
            "history": _fingerprint(history),
            "fit": _name_of(fit),
            "version": version("funnelsim"),
            "n_draws": n_draws,
            "seed": streams.seed,
        }
        path = folder / _SETTINGS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else settings
        except (OSError, ValueError) as error:
            raise BacktestError(f"{path} cannot be read ({error}); choose an empty folder") from error
        if not isinstance(kept, dict):
            raise BacktestError(f"{path} holds no settings of a backtest; choose an empty folder")
        if path.exists():
            other = [name for name, value in settings.items() if kept.get(name) != value]
            if other:
                raise BacktestError(
                    f"{folder} keeps a backtest with another {' and '.join(other)}; choose an empty folder"
                )
        else:
            started = path.with_suffix(".part")
            started.write_text(json.dumps(settings, indent=2), encoding="utf-8")
            started.replace(path)
        return cls(folder)

    def find(self, seen: DealHistory, origin: Origin, streams: Streams) -> Look | None:
        """The look at an origin, if it was kept whole."""
        numbers, funnel = self._paths(origin)
        if not (numbers.exists() and funnel.exists()):
            return None
        try:
            with numbers.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                chances = Chances(kept["open_deals"], kept["new_wins"], kept["dispersion"])
            fitted, pipeline = Funnel.load(funnel), seen.pipeline()
        except (OSError, ValueError, EOFError, KeyError, BadZipFile, FunnelsimError):
            return None  # damaged: computed again, and written over
        positions = Positions.of(fitted, pipeline)
        return Look(origin, fitted, pipeline, positions, periods_of(origin, pipeline), chances, streams)

    def keep(self, look: Look) -> None:
        """Write a look; a file that is there is whole."""
        numbers, funnel = self._paths(look.origin)
        look.funnel.save(funnel)
        chances = look.chances
        started = numbers.with_suffix(".part.npz")
        np.savez(
            started, open_deals=chances.open_deals, new_wins=chances.new_wins, dispersion=chances.dispersion
        )
        started.replace(numbers)

    def _paths(self, origin: Origin) -> tuple[Path, Path]:
        edges = hashlib.sha256(origin.edges.astype(np.int64).tobytes()).hexdigest()[:8]
        name = f"{origin.day.replace(':', '').replace(' ', '-')}-{edges}"
        return self.folder / f"{name}.npz", self.folder / f"{name}.json"


def _fingerprint(history: DealHistory) -> str:
    """Tells histories apart: by every cell, the stages, the clock and the edges of the log."""
    told = hashlib.sha256()
    for frame in (history.records.deals.astype(str), history.records.moves.astype(str)):
        told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    told.update(repr((history.stages, history.clock, str(history.cutoff))).encode())
    told.update(repr((str(history.window_start), str(history.arrivals_until))).encode())
    return told.hexdigest()[:16]


def _name_of(fit: object) -> str:
    """What tells a fit from another: its module and name, with the settings of a partial.

    Raises
    ------
    BacktestError
        If it has no name that tells it apart.
    """
    if isinstance(fit, partial):
        settings = ", ".join(f"{name}={value!r}" for name, value in sorted(fit.keywords.items()))
        return f"{_name_of(fit.func)}({', '.join([*map(repr, fit.args), settings])})"
    name = str(getattr(fit, "__qualname__", ""))
    if not name or "<" in name:
        raise BacktestError(
            "keep_in tells fits apart by their names: give a function of a module, or functools.partial of "
            f"one, not {name or type(fit).__name__}"
        )
    return f"{getattr(fit, '__module__', '')}.{name}"
