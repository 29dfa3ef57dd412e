"""Output: the format and place of a result, and what is said on the way to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from funnelsim.faces.cli.failures import RequestError, as_options
from funnelsim.faces.cli.streams import is_stdout, is_watched, show, show_bytes, tell
from funnelsim.faces.cli.writing import csv_bytes, is_same_file, is_stream, refuse_existing, write_whole
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = {".json": "json", ".csv": "csv", ".txt": "table", "": "table"}
# Endings that promise a content which is never written here, whatever --format says.
_OTHER_PROGRAMS = (
    ".xlsx",
    ".xls",
    ".xlsm",
    ".xlsb",
    ".ods",
    ".parquet",
    ".docx",
    ".pdf",
    ".png",
    ".zip",
    ".gz",
)


class Answer(Protocol):
    """A result in its three forms."""

    def lines(self) -> list[str]:
        """For people."""
        ...

    def json(self) -> bytes:
        """For programs."""
        ...

    def frame(self) -> pd.DataFrame:
        """For spreadsheets, as CSV."""
        ...


@dataclass(frozen=True)
class Output:
    """Where a result goes and in which form.

    Parameters
    ----------
    format_name : {"table", "json", "csv"}, optional
        By default what the ending of `file` says, else a table.
    file : Path, optional
        None: stdout.
    force : bool
        Whether `file` may replace an existing one.
    quiet : bool
    """

    format_name: str | None
    file: Path | None
    force: bool
    quiet: bool

    @property
    def form(self) -> str:
        """The format: the one asked for, else what the ending of the file says, else a table."""
        return self.format_name or _FORMATS.get(self.file.suffix.lower() if self.file else "", "table")

    def check(self, *others: Path | None, inputs: Iterable[Path | None] = ()) -> None:
        """Refuse, before any work is done, to write over files or under a name that promises otherwise.

        Parameters
        ----------
        *others : Path, optional
            Other files to be written.
        inputs : iterable of Path, optional
            Files that are read: never written over, not even with --force.

        Raises
        ------
        RequestError
        """
        self._check_ending()
        self._check_files(others, inputs)

    def check_files(self, files: Iterable[Path], inputs: Iterable[Path | None]) -> None:
        """Refuse to write files over one another, over what is read, or over what exists without --force.

        Raises
        ------
        RequestError
        """
        self._check_files(files, inputs)

    def _check_files(self, others: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
        read = list(inputs)
        files = [path for path in (self.file, *others) if path is not None and not is_stdout(path)]
        for i, path in enumerate(files):
            if any(is_same_file(path, other) for other in files[:i]):
                raise RequestError(f"{path} is to be written twice; use two names")
            if any(given is not None and is_same_file(path, given) for given in read):
                raise RequestError(f"{path} is also read; write to another file, --force or not")
            refuse_existing(path, force=self.force)

    def _check_ending(self) -> None:
        if self.file is None or is_stdout(self.file) or is_stream(self.file):
            return
        ending = self.file.suffix.lower()
        if ending in _OTHER_PROGRAMS or (self.format_name is None and ending not in _FORMATS):
            asked = "" if ending in _OTHER_PROGRAMS else ", or say which --format it is to have"
            raise RequestError(
                f"{self.file}: no {ending} file can be written; end its name in .txt, .csv or .json{asked}"
            )

    def say(self, text: str) -> None:
        """Tell something on stderr, unless asked to be quiet."""
        if not self.quiet:
            tell(tr(text))

    def progress(self, text: str) -> None:
        """Tell what is going on to a person who waits at a terminal; to nobody else."""
        if is_watched() and not self.quiet:
            tell(f"{tr(text)} ...")

    def give(self, answer: Answer) -> None:
        """Print or write a result."""
        if self.form == "table":
            self._give_text("\n".join(answer.lines()))
        else:
            self._give_bytes(answer.json() if self.form == "json" else csv_bytes(answer.frame()))

    def _give_text(self, text: str) -> None:
        if self.file is None or is_stdout(self.file):
            show(text)
        else:
            self._give_bytes(f"{text}\n".encode("utf-8", "backslashreplace"))

    def _give_bytes(self, content: bytes) -> None:
        if self.file is None or is_stdout(self.file):
            show_bytes(content)
        else:
            write_whole(self.file, content, force=self.force)
            self.say(f"wrote {self.file}")

    @contextmanager
    def warnings_told(self) -> Iterator[None]:
        """Warnings meant for users as plain lines on stderr, each once."""
        told: set[str] = set()

        def tell_once(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            text = english(message)
            if text not in told:
                told.add(text)
                self.say(f"warning: {as_options(text)}")

        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = tell_once
            yield
