"""The embedded sample in Chinese: other names, the same company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.vocabulary.language import LanguageError

ENGLISH, CHINESE = fs.simulate_history(), fs.simulate_history(lang="zh")


def test_days_and_figures_are_the_same() -> None:
    pd.testing.assert_frame_equal(ENGLISH.records.moves, CHINESE.records.moves)
    for column in ("deal_id", "amount"):
        assert ENGLISH.records.deals[column].equals(CHINESE.records.deals[column])
    ahead = [fs.forecast(fs.fit(one), one.pipeline(), periods="2Q") for one in (ENGLISH, CHINESE)]
    figures = [one.table().loc["total", ["mean", "p10", "p50", "p90"]] for one in ahead]
    np.testing.assert_array_equal(*figures)


def test_every_name_is_chinese_and_every_group_keeps_its_deals() -> None:
    assert all(ord(name[0]) > 0x4E00 for name in CHINESE.stages.names)
    for column in ("owner", "region", "source", "product"):
        pairs = set(zip(ENGLISH.records.deals[column], CHINESE.records.deals[column], strict=True))
        assert len(pairs) == ENGLISH.records.deals[column].nunique()
        assert all(ord(name[0]) > 0x4E00 for _, name in pairs)
    assert CHINESE.unit == "CNY"


def test_stages_of_a_funnel_of_ones_own_keep_their_names() -> None:
    truth = fs.sample_funnel(lang="zh")
    assert fs.simulate_history(funnel=truth).stages.names == truth.stages.names


def test_a_language_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(LanguageError, match="'fr'"):
        fs.simulate_history(lang="fr")  # type: ignore[arg-type]
    with pytest.raises(LanguageError, match="'fr'"):
        fs.sample_funnel(lang="fr")  # type: ignore[arg-type]


@pytest.mark.parametrize("learnt", ["en", "zh"])
def test_a_funnel_saved_from_the_sample_is_read_in_the_other_language(learnt: str, tmp_path: Path) -> None:
    other = {"en": "zh", "zh": "en"}[learnt]
    path = str(tmp_path / "funnel.json")
    for words in (
        ["fit", "--draws", "2", "-o", path, "--lang", learnt],
        ["forecast", "--draws", "2", "--funnel", path, "--lang", other],
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output


def test_files_of_the_sample_are_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "示例"
    assert CliRunner().invoke(main, ["simulate", "-o", str(folder), "--lang", "zh"]).exit_code == 0
    read = fs.read_deals(
        folder / "deals.csv", folder / "stage_history.csv", stages=folder / "stages.toml", as_of="2026-08-31"
    )
    assert (read.n_deals, read.stages.names) == (CHINESE.n_deals, CHINESE.stages.names)
