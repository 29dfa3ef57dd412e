"""Where words go: results to stdout, everything else to stderr; both survive a terminal without Unicode."""

from __future__ import annotations

import sys

import click

from funnelsim.faces.tables import plain, visible


def show(text: str) -> None:
    """Print a result for people on stdout."""
    click.echo(plain(text, getattr(sys.stdout, "encoding", None)))


def show_bytes(content: bytes) -> None:
    """Print a result for programs on stdout: UTF-8, whatever the terminal's own encoding."""
    click.echo(content, nl=False)


def tell(text: str) -> None:
    """Print a message on stderr; what names in files could smuggle into a terminal is escaped."""
    click.echo(plain(visible(text, keep="\n"), getattr(sys.stderr, "encoding", None)), err=True)
