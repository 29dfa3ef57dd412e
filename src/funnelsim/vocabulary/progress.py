"""Progress: how far long work has come, told to whoever watches; the only module that imports tqdm."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TypeVar

from funnelsim.vocabulary.language import tr

T = TypeVar("T")

_PATIENCE_SECONDS = 3.0  # shorter work shows nothing


def watched(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """The items, with a bar on stderr where a person watches and it takes longer than a few seconds.

    Parameters
    ----------
    items : iterable
    what : str
        What is done, in a few words.
    total : int
        Number of items.
    """
    if not _is_watched():
        return iter(items)
    from tqdm.auto import tqdm

    bar: Iterable[T] = tqdm(items, desc=tr(what), total=total, delay=_PATIENCE_SECONDS, leave=False)
    return iter(bar)


def _is_watched() -> bool:
    """Whether stderr goes to a terminal, or to a notebook that can draw a bar: text would stay behind."""
    if "ipykernel" in sys.modules:
        return find_spec("ipywidgets") is not None
    return sys.stderr is not None and sys.stderr.isatty()
