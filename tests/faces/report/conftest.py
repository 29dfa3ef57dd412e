"""One report with everything in it, made once: a history of its own, a last report, levers, a backtest."""

from __future__ import annotations

from pathlib import Path

import pytest

import funnelsim as fs


@pytest.fixture(scope="session")
def whole_reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages in both languages, as a finance department would get them."""
    folder = tmp_path_factory.mktemp("reports")
    history = fs.simulate_history(seed=0)
    funnel, engine = fs.fit(history), fs.Exact(n_draws=10)
    comparison = fs.compare_levers(funnel, history.pipeline(), target=5_500_000, engine=engine)
    test = fs.backtest(history, periods="1Q", origins=4, n_draws=10, n_futures=100)
    last = fs.write_report(folder / "last.html", comparison.outlooks[0], funnel)
    return {
        lang: fs.write_report(
            folder / f"{lang}.html", comparison.base, funnel,
            history=history, comparison=comparison, test=test, previous=last, lang=lang,
        )
        for lang in ("en", "zh")
    }  # fmt: skip
