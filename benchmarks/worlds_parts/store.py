"""Cells of families on disk: a run that was stopped goes on with the families that are missing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd


class Store:
    """A folder with one file of cells for each family that is done, and the settings they were made with."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "settings.json"
        if kept.exists() and json.loads(kept.read_text()) != settings:
            raise SystemExit(f"{kept} holds other settings; give another --out, or remove the folder")
        kept.write_text(json.dumps(settings, indent=1))

    def cells(self, family: str) -> pd.DataFrame | None:
        """What is known of a family; None if it is not done."""
        path = self._path(family)
        return pd.read_csv(path, float_precision="round_trip") if path.exists() else None

    def keep(self, family: str, cells: pd.DataFrame) -> pd.DataFrame:
        """Write the cells of a family, whole or not at all; they come back as a later run will read them."""
        part = self._path(family).with_suffix(".part")
        cells.to_csv(part, index=False)
        os.replace(part, self._path(family))
        return pd.read_csv(self._path(family), float_precision="round_trip")

    def _path(self, family: str) -> Path:
        return self.folder / f"cells_{family}.csv"
