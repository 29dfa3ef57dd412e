"""What goes wrong, as a person at a terminal needs it: one message, one exit code, no traceback."""

from __future__ import annotations

import re
import sys
from typing import Any, NoReturn

import click

from funnelsim.faces.cli.streams import StreamError, let_go_of_stdout, tell
from funnelsim.vocabulary.errors import FunnelsimError

FAILED, INTERRUPTED = 1, 130

# Keywords of the Python functions that are options here: those that keep their name, and the others.
_KEYWORDS = (
    "arrivals_until|as_of|date_format|decimal|file_tz|fiscal_start_month|n_draws|n_futures|periods|seed|stages"
    "|step|target|tz|unit|window_start"
)
OPTION_NAMES = {
    "columns": "column",
    "history_columns": "history-column",
    "outcome_values": "outcome-value",
    "rates": "rate",
    "n_draws": "draws",
    "n_futures": "futures",
}
_PAIRS = "columns|history_columns|outcome_values|rates"
_FIXED = (
    ("faulty='set aside'", "--faulty set-aside"),
    ("see the error's .faults", "`funnelsim check ... --format csv` lists them all"),
)


class RequestError(FunnelsimError):
    """A request the command line cannot honour; the message says why and the way out."""


class Commands(click.Group):
    """A group of commands whose failures end in one message and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; 1 when it cannot be honoured, 130 when interrupted."""
        try:
            return super().invoke(ctx)
        except StreamError as error:
            let_go_of_stdout()
            _end(ctx, f"Error: {error}", FAILED)
        except FunnelsimError as error:
            _end(ctx, f"Error: {as_options(str(error))}", FAILED)
        except MemoryError:
            _end(ctx, "Error: not enough memory; ask for fewer --futures, or for shorter --periods", FAILED)
        except KeyboardInterrupt:
            _end(ctx, "interrupted", INTERRUPTED)
        except BrokenPipeError:
            let_go_of_stdout()
            ctx.exit(0)  # the reader has what it wanted (`| head`)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; where even help or a message cannot be printed, 1 instead of a traceback."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            let_go_of_stdout()
            tell(f"Error: {error.filename or 'standard output'} cannot be used ({error.strerror or error})")
            sys.exit(FAILED)


def _end(ctx: click.Context, message: str, code: int) -> NoReturn:
    tell(message)
    ctx.exit(code)


def as_options(message: str) -> str:
    """A message of the Python functions in the words of the command line.

    Examples
    --------
    >>> as_options("give tz= (or file_tz=), or faulty='set aside'")
    'give --tz (or --file-tz), or --faulty set-aside'
    >>> as_options("add it with rates={'EUR': ..., 'USD': ...}")
    'add it with --rate EUR=... --rate USD=...'
    """
    for keyword, option in _FIXED:
        message = message.replace(keyword, option)
    message = re.sub(rf"\b({_PAIRS})=\{{([^{{}}]*)\}}", _pairs, message)
    message = re.sub(rf"\b({_PAIRS})=", _option, message)
    message = re.sub(rf"\b({_KEYWORDS})=(?=[\s;,.)]|$)", _option, message)
    message = re.sub(rf"\b({_KEYWORDS})=", lambda found: _option(found) + " ", message)
    return re.sub(r"\b(n_draws|n_futures)\b", _option, message)


def _option(found: re.Match[str]) -> str:
    return "--" + OPTION_NAMES.get(found[1], found[1]).replace("_", "-")


def _pairs(found: re.Match[str]) -> str:
    """``columns={'amount': 'Value'}`` as ``--column amount=Value``."""
    pairs = [re.sub(r"^'([^']*)': ?", r"\1: ", pair) for pair in found[2].split(", ")]
    values = [re.sub(r"^([^:]*): ?'?(.*?)'?$", r"\1=\2", pair) for pair in pairs]
    quoted = [f'"{value}"' if " " in value else value for value in values]
    return " ".join(f"{_option(found)} {value}" for value in quoted)
