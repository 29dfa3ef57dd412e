"""A file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
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
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        temporary.write_bytes(content)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
