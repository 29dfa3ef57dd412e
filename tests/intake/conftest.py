from collections.abc import Callable
from pathlib import Path

import pytest

from funnelsim.intake.stages_file import StagesFile, read_stages

STAGES = """
[[stage]]
name = "lead"

[[stage]]
name = "offer"
aliases = ["quote"]

[[outcome]]
name = "won"
kind = "won"

[[outcome]]
name = "lost"
kind = "lost"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small file and gives its path."""

    def to_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return to_file


@pytest.fixture
def stages(write: Callable[..., Path]) -> StagesFile:
    """Two open stages, lead and offer (or quote), ending in won or lost."""
    return read_stages(write("stages.toml", STAGES))
