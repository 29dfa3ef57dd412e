"""Files that appear whole or not at all, alone or several together."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path


def write_whole_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; a lone surrogate (a name that was no UTF-8) is escaped.

    Raises
    ------
    OSError
        As :func:`write_whole_bytes`.
    """
    write_whole_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_whole_bytes(path: Path, content: bytes) -> None:
    """Write by way of a temporary file beside it; a file that is replaced hands on its permissions.

    Parameters
    ----------
    path : Path
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written there; what was there then stands as it was.
    """
    write_whole_files({path: content})


def write_whole_files(contents: Mapping[Path, bytes]) -> None:
    """Write several files that belong together: none takes its place before all are written.

    Parameters
    ----------
    contents : mapping of Path to bytes

    Raises
    ------
    OSError
        If one cannot be written there; what was there then stands as it was. Its ``filename`` is that of a
        temporary file in the same folder.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            temporary = written[path] = path.with_name(f".{secrets.token_hex(6)}.tmp")
            temporary.write_bytes(content)
            if path.is_dir():  # no file can take its place
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if path.exists():
                shutil.copymode(path, temporary)
        for path, temporary in written.items():
            os.replace(temporary, path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
