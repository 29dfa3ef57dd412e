"""Progress: nothing where nobody watches, every item where somebody does."""

from __future__ import annotations

import io
import sys

import pytest

from funnelsim.vocabulary.progress import watched


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(watched(range(5), "levers", 5)) == [0, 1, 2, 3, 4]
    assert stderr.getvalue() == ""


def test_all_items_come_through_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funnelsim.vocabulary.progress._PATIENCE_SECONDS", 0.0)
    monkeypatch.delitem(
        sys.modules, "ipykernel", raising=False
    )  # other tests of this process may run notebooks
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(watched(iter("abc"), "levers", 3)) == ["a", "b", "c"]
    assert "levers" in stderr.getvalue()
