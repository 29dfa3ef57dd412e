"""Where words go: results to stdout, everything else to stderr; both survive a terminal without Unicode."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from funnelsim.faces.tables import plain, visible
from funnelsim.vocabulary.errors import FunnelsimError


class StreamError(FunnelsimError):
    """Standard output that takes nothing: closed, or its disk is full."""


def show(text: str) -> None:
    """Print a result for people on stdout.

    Raises
    ------
    StreamError
        If it cannot be printed whole.
    """
    _print(plain(text, getattr(sys.stdout, "encoding", None)) + "\n")


def show_bytes(content: bytes) -> None:
    """Print a result for programs on stdout: UTF-8, whatever the terminal's own encoding.

    Raises
    ------
    StreamError
        If it cannot be printed whole.
    """
    _print(content)


def _print(content: str | bytes) -> None:
    if sys.stdout is None:  # Python's sign that it was closed before the start; click would print nothing
        raise StreamError("standard output is closed; leave it open, or write to a file with -o")
    try:
        click.echo(content, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StreamError(
            f"standard output cannot be written ({error.strerror}); write to another place with -o"
        ) from error


def tell(text: str) -> None:
    """Print a message on stderr; what names in files could smuggle into a terminal is escaped."""
    with suppress(OSError):  # a message that nobody can receive must not hide the result or the exit code
        click.echo(plain(visible(text, keep="\n"), getattr(sys.stderr, "encoding", None)), err=True)


def is_watched() -> bool:
    """Whether a person at a terminal sees what is told."""
    return sys.stderr is not None and sys.stderr.isatty()


def is_stdout(path: Path) -> bool:
    """Whether a name means standard output: ``-``, ``/dev/stdout``, or the file it is redirected to."""
    if str(path) == "-":
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(1)) if sys.stdout is not None else False
    except OSError:
        return False


def let_go_of_stdout() -> None:
    """Send what is still buffered nowhere, or Python would complain of it as it exits."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
