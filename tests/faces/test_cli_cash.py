"""``funnelsim forecast --measure cash``: on screen, as JSON and CSV, from terms and from invoices."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from funnelsim.faces.cli import main

QUICK = ["--futures", "200", "--draws", "10"]


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["forecast", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def invoices(tmp_path: Path) -> Path:
    """Invoices of the year before the sample's cutoff, due after 30 days, some unpaid."""
    rng = np.random.default_rng(1)
    sent = np.datetime64("2025-09-01") + rng.integers(0, 360, 300)
    paid = (sent + 30 + rng.geometric(0.1, 300)).astype(str).astype(object)
    rows = {"invoice_id": np.arange(300), "invoiced_at": sent, "Settled": paid, "amount": 1000}
    pd.DataFrame(rows).to_csv(tmp_path / "invoices.csv", index=False)
    return tmp_path / "invoices.csv"


def test_cash_by_terms_on_screen() -> None:
    screen = run("--measure", "cash", "--terms", "30", "--late", "10", "--target", "3M", *QUICK).stdout
    assert "Cash by period, EUR" in screen
    assert "Won before" in screen
    assert "not sums of the ranges" in " ".join(screen.split())
    assert "weighted pipeline" not in screen
    assert "counted from the cutoff on" in screen
    assert "written by hand, 10 days late on average" in " ".join(screen.split())


def test_with_invoices_nothing_of_the_running_period_is_left_out(invoices: Path) -> None:
    asked = ["--measure", "cash", "--invoices", invoices, "--invoice-column", "paid_at=Settled", *QUICK]
    assert "counted from the cutoff on" not in run(*asked).stdout


def test_cash_from_invoices_as_json_and_csv(invoices: Path) -> None:
    asked = ["--measure", "cash", "--invoices", invoices, "--invoice-column", "paid_at=Settled", *QUICK]
    told = json.loads(run(*asked, "--format", "json").stdout)
    assert (told["measure"], told["units"]["figures"]) == ("cash", "EUR")
    assert told["total"]["won_before"] > 0
    assert any("unpaid invoices worth" in note for note in told["notes"])
    table = pd.read_csv(io.StringIO(run(*asked, "--format", "csv").stdout))
    assert table["period"].tolist()[-1] == "total"
    assert table["p50"].iloc[-1] == pytest.approx(told["total"]["p50"])


def test_revenue_needs_to_know_how_wins_are_paid(invoices: Path) -> None:
    refused = run("--measure", "revenue", *QUICK, code=2).stderr
    assert "how wins are paid" in refused
    assert "--terms DAYS" in refused
    for idle in (("--terms", "30"), ("--invoices", invoices)):  # they would move nothing, and nobody be told
        assert "moves no bookings" in run(*idle, code=2).stderr
    assert "leave --terms out" in run("--invoices", invoices, "--terms", "30", code=2).stderr
    assert "add --terms DAYS" in run("--late", "5", code=2).stderr
    assert "add --invoices FILE" in run("--invoice-column", "paid_at=Settled", code=2).stderr
    exact = run("--measure", "cash", "--terms", "30", "--engine", "exact", code=1).stderr
    assert "MonteCarlo" in exact or "montecarlo" in exact
