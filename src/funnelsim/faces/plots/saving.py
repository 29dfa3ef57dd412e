"""Pictures as files: PNG, SVG or PDF with their title and alt text inside, whole or not at all."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path

from matplotlib.axes import Axes

from funnelsim.faces.plots.sheet import PlotError, alt_text
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.whole_file import write_whole_bytes

KINDS = ("png", "svg", "pdf")


@checked
def save_picture(ax: Axes, path: str | Path, *, dpi: float = 200) -> Path:
    """Write a picture to a file that also tells, to those who cannot see it, the numbers it shows.

    Parameters
    ----------
    ax : Axes
        As any ``plot_...`` gives it.
    path : str or Path
        Its ending says the kind: .png, .svg or .pdf. What is there is replaced.
    dpi : float
        Dots per inch of a PNG; the others have none.

    Returns
    -------
    Path

    Raises
    ------
    PlotError
        If the ending is another, or the file cannot be written.

    Notes
    -----
    SVG holds ``<title>`` and ``<desc>``, which screen readers speak; PNG has the texts Title and Description,
    PDF has Title and Subject. In a web page, still repeat ``alt_text(ax)`` as the ``alt`` of ``<img>``.
    """
    file = Path(path)
    kind = file.suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise PlotError(
            f"{str(path)!r} is no picture; end its name in {', '.join(f'.{one}' for one in KINDS)}"
        )
    try:
        write_whole_bytes(file, picture_bytes(ax, kind, dpi=dpi))
    except OSError as error:
        raise PlotError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    return file


def picture_bytes(ax: Axes, kind: str, *, dpi: float = 200) -> bytes:
    """The figure that the axes stand in, as the bytes of a file of a kind."""
    title, told = _title(ax), alt_text(ax)
    about = {"Title": title, {"pdf": "Subject"}.get(kind, "Description"): told}
    held, figure = io.BytesIO(), ax.get_figure(root=True)
    assert figure is not None  # axes of a picture stand in one
    figure.savefig(held, format=kind, dpi=dpi, bbox_inches="tight", metadata=about)
    return _described(held.getvalue(), told) if kind == "svg" else held.getvalue()


def _title(ax: Axes) -> str:
    """The title as it reads: on one line, with plain dollars."""
    return " ".join(ax.get_title(loc="left").replace("\\$", "$").split())


def _described(svg: bytes, told: str) -> bytes:
    """An SVG with a description after its title, for matplotlib writes the title only."""
    end = b"</title>"
    words = f"\n <desc>{escape(told, quote=False)}</desc>".encode()
    return svg.replace(end, end + words, 1).replace(b"<svg ", b'<svg role="img" ', 1)
