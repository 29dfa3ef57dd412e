"""Results as bytes: JSON, CSV, and files that appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funnelsim.faces.cli.failures import RequestError

if TYPE_CHECKING:
    import pandas as pd

# A formula begins a cell, also behind spaces or a quotation mark; the full-width forms do in spreadsheets set
# to Chinese or Japanese. Much of Europe separates cells by semicolons, others by tabs or bars: there a cell
# begins behind each of them amidst a name, as quotation marks hold a cell together only from its beginning.
# Behind a comma they do hold.
_STARTS_A_FORMULA = re.compile(r"""(^|[;|\t\r\n])(?=[ "\xa0\u3000]*[=+@＝＋－＠-]|[\t\r\n])""")
_STREAM_FOLDERS = ("/dev", "/dev/fd", "/proc/self/fd")  # their files are redirections, not files of their own


def json_bytes(facts: Mapping[str, object]) -> bytes:
    """Facts as JSON: dates in ISO form, null where a number is missing or infinite."""
    text = json.dumps(json_value(facts), ensure_ascii=False, indent=2, allow_nan=False)
    # A lone surrogate (a name that was no UTF-8) has no bytes in UTF-8: escape it as JSON does.
    return (text + "\n").encode("utf-8", "backslashreplace")


def json_value(value: object) -> object:
    """A value in the types that JSON has."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return [json_value(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [json_value(item) for item in value]
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return _json_scalar(value)


def _json_scalar(value: Any) -> str | float | bool | None:
    import numpy as np
    import pandas as pd

    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return iso(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return str(value)


def iso(moment: Any) -> str:
    """A moment in ISO form: a plain date where it is the start or the last second of a day."""
    import pandas as pd

    at = pd.Timestamp(moment).floor("s")
    is_date = at == at.normalize() or at == at.normalize() + pd.Timedelta(days=1, seconds=-1)
    return at.strftime("%Y-%m-%d") if is_date else at.isoformat()


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as CSV (RFC 4180, UTF-8), safe to open in a spreadsheet.

    Text that a spreadsheet would take for a formula (it begins with ``=``, ``+``, ``-``, ``@``, their
    full-width forms, a tab or a line break) gets an apostrophe in front, also amidst a name behind a mark
    that separates cells in some countries (``;``, ``|``, a tab, a line break); numbers stay numbers.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_guarded(str(title)) for title in frame.columns])
    writer.writerows(_csv_rows(frame))
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _csv_rows(frame: pd.DataFrame) -> Iterable[Sequence[object]]:
    for row in frame.itertuples(index=False, name=None):
        cells = [_json_scalar(cell) for cell in row]
        yield [_guarded(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells]


def _guarded(text: str) -> str:
    return _STARTS_A_FORMULA.sub(r"\1'", text)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse to write over a file; asked early, before the work is done, and again before the file appears.

    Raises
    ------
    RequestError
        If the file exists and `force` is not set, what is there is no file, or its folder does not exist.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    except OSError as error:
        raise RequestError(f"{path} cannot be written ({error.strerror})") from error
    if stat.S_ISDIR(mode):
        raise RequestError(f"{path} is a folder; name a file in it")
    if mode and not (stat.S_ISREG(mode) or is_stream(path)):
        raise RequestError(f"{path} is neither a file nor a pipe; choose another name")
    if stat.S_ISREG(mode) and not is_stream(path) and not force:
        raise RequestError(f"{path} exists; choose another name, or overwrite it with --force")
    if not path.parent.is_dir():
        raise RequestError(f"the folder {path.parent} does not exist; create it first")


def is_stream(path: Path) -> bool:
    """Whether a path stands for something to write into (a pipe, a terminal, /dev/stderr), not for a file."""
    if not path.exists():
        return False
    mode = path.stat().st_mode
    is_named_stream = stat.S_ISREG(mode) and str(path.absolute().parent) in _STREAM_FOLDERS
    return is_named_stream or stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two names mean one file, be it there already or not."""
    if path.is_file() and other.is_file():
        return path.samefile(other)
    return path.resolve() == other.resolve() and not is_stream(path)


def write_whole(path: Path, content: bytes | Callable[[Path], object], *, force: bool) -> None:
    """Write a file whole or not at all, by way of a temporary file in the same folder.

    A pipe or a device is written in place, as it cannot be replaced. A file that is replaced hands on its
    permissions.

    Parameters
    ----------
    path : Path
    content : bytes or callable
        What to write, or a function that writes it to the path it is given.
    force : bool
        Whether an existing file may be replaced.

    Raises
    ------
    RequestError
        If the file exists and `force` is not set, or it cannot be written.
    """
    refuse_existing(path, force=force)
    try:
        if is_stream(path):
            _write_in_place(path, content)
        else:
            _replace(path.resolve(), content, force=force)
    except OSError as error:
        raise RequestError(f"{path} cannot be written ({error.strerror or error})") from error


def _write_in_place(path: Path, content: bytes | Callable[[Path], object]) -> None:
    if callable(content):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"whole{path.suffix}"
            content(copy)
            content = copy.read_bytes()
    with path.open("ab") as stream:
        stream.write(content)


def _replace(path: Path, content: bytes | Callable[[Path], object], *, force: bool) -> None:
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        refuse_existing(path, force=force)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
