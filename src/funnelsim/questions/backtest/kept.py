"""Looks kept in a folder, so that a backtest that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from funnelsim.engines.chances import Chances, Positions
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.looks import Fit, Look, periods_of
from funnelsim.questions.backtest.origins import BacktestError, Origin
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
            "fit": str(getattr(fit, "__qualname__", type(fit).__name__)),
            "n_draws": n_draws,
            "seed": streams.seed,
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _SETTINGS
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            other = [name for name, value in settings.items() if kept.get(name) != value]
            if other:
                raise BacktestError(
                    f"{folder} keeps a backtest with another {' and '.join(other)}; choose an empty folder"
                )
        else:
            path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        return cls(folder)

    def find(self, seen: DealHistory, origin: Origin, streams: Streams) -> Look | None:
        """The look at an origin, if it was kept."""
        numbers, funnel = self._paths(origin)
        if not (numbers.exists() and funnel.exists()):
            return None
        with np.load(numbers, allow_pickle=False) as kept:
            chances = Chances(kept["open_deals"], kept["new_wins"], kept["dispersion"])
        fitted, pipeline = Funnel.load(funnel), seen.pipeline()
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
        name = f"{origin.day}-{edges}"
        return self.folder / f"{name}.npz", self.folder / f"{name}.json"


def _fingerprint(history: DealHistory) -> str:
    """Tells histories apart: by every cell, the stages, the clock and the edges of the log."""
    told = hashlib.sha256()
    for frame in (history.records.deals.astype(str), history.records.moves.astype(str)):
        told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    told.update(repr((history.stages, history.clock, str(history.cutoff))).encode())
    told.update(repr((str(history.window_start), str(history.arrivals_until))).encode())
    return told.hexdigest()[:16]
