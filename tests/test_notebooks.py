import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LOANS = "FUNNELSIM_BPIC2012"  # where 06_a_real_funnel looks for its log
LOANS_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "bpic2012_loans"


def executed(path: Path) -> nbformat.NotebookNode:
    os.environ["MPLBACKEND"] = "agg"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def test_every_notebook_promised_is_there() -> None:
    stems = ["01_first_forecast", "02_is_the_quota_feasible", "03_revenue_ranges_for_finance"]
    stems += ["04_funnel_maths_workshop", "05_more_leads_same_reps", "06_a_real_funnel"]
    assert [path.stem for path in NOTEBOOKS] == stems


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if LOANS_BESIDE.exists():  # elsewhere the notebook of the real log says why it does nothing
        monkeypatch.setenv(LOANS, str(LOANS_BESIDE))
    executed(path)


def test_notebook_of_a_real_log_says_why_it_does_nothing_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LOANS, str(tmp_path))
    cells = executed(NOTEBOOKS[-1]).cells
    said = [output["data"].get("text/markdown", "") for cell in cells for output in cell.get("outputs", [])]
    assert len(said) == 1
    assert all(word in said[0] for word in ("Skipped", str(tmp_path), LOANS))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
