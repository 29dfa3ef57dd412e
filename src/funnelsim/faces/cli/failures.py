"""What goes wrong, as a person at a terminal needs it: one message, one exit code, no traceback."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NoReturn

import click

from funnelsim.faces.cli.help import SpokenContext, language_asked
from funnelsim.faces.cli.streams import StreamError, let_go_of_stdout, tell
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.language import tr, use_language
from funnelsim.vocabulary.told import lines_told

FAILED, INTERRUPTED = 1, 130
LANGUAGE_VARIABLE = "FUNNELSIM_LANG"  # of the environment: what is spoken where no option says

# Keywords of the Python functions that are options here: those that keep their name, and the others.
_KEYWORDS = (
    "arrivals_until|as_of|classes|date_format|decimal|file_tz|fiscal_start_month|invoices|level_period|measure|n_draws|n_futures|nominal_weight|periods|seed"
    "|stages|step|target|tz|unit|window_start"
)
OPTION_NAMES = {
    "columns": "column",
    "history_columns": "history-column",
    "invoice_columns": "invoice-column",
    "outcome_values": "outcome-value",
    "rates": "rate",
    "n_draws": "draws",
    "n_futures": "futures",
}
# Those that are no words of their own, so that they are options even where no value follows.
_NAMES = (
    "as_of|window_start|arrivals_until|date_format|file_tz|fiscal_start_month|level_period|n_draws|n_futures"
    "|nominal_weight"
)
# What a fit is given besides the records, every command that fits takes as options.
_FITS = re.compile(r"\bfit\(history, ((?:[a-z_]+=(?:'[^'()]*'|[\w.]+)(?:, )?)+)\)")
_CALL = re.compile(r"(\b[\w.]+\([^()]*=[^()]*\))")
# As NumPy writes them; what a file holds stands in quotes and is shown as it is.
_MOMENT = re.compile(r"(?<!['\"\w-])\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(?![\w+-])")
_VALUE = r"[^\W\d][^'\"]*"  # a name, which every shell takes without quotes or in double ones
_OF_SHELLS = re.compile(r"[\s()&;|<>$`*?!#'\[\]]")  # what a shell would not hand over as it is typed
_PAIRS = "columns|history_columns|invoice_columns|outcome_values|rates"
_FIXED = (
    ("faulty='set aside'", "--faulty set-aside"),
    ("see the error's .faults", "`funnelsim check ... --format csv` lists them all"),
)
# Calls that stand for what a command is told otherwise.
_CALLS = (
    ("a prior: calibrate(history, funnel) measures it", "a prior: `funnelsim report` measures it"),
    ("engine=MonteCarlo()", "--engine montecarlo"),
    (
        "funnel.with_collections(Collections.by_hand(terms_days=30))",
        "--terms 30, or --invoices FILE (in a scenario, the table funnel.collections)",
    ),
    (
        "engine=Events(Team(Rep.several(10)), Work({...}))",
        "a scenario with the tables team and work",
    ),
)


class RequestError(FunnelsimError):
    """A request the command line cannot honour; the message says why and the way out."""


class Commands(click.Group):
    """A group of commands whose failures end in one message and an exit code."""

    context_class = SpokenContext

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, whose help is spoken as the group's own."""
        cmd.context_class = SpokenContext
        super().add_command(cmd, name)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read what was typed before the command; wrong usage is refused in the language that is spoken."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _Misused(error) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; 1 when it cannot be honoured, 2 when misused, 130 when interrupted."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _Misused(error) from error
        except StreamError as error:
            let_go_of_stdout()
            _end(ctx, f"Error: {english(error)}", FAILED)
        except FunnelsimError as error:
            of_file = error.names_keys_of_a_file
            message = english(error) if of_file else as_options(english(error))
            _end(ctx, f"Error: {message}", FAILED, names_keys=of_file)
        except MemoryError:
            _end(
                ctx,
                "Error: not enough memory; ask for fewer --draws or --futures, or for shorter --periods",
                FAILED,
            )
        except KeyboardInterrupt:
            _end(ctx, "interrupted", INTERRUPTED)
        except BrokenPipeError:
            let_go_of_stdout()
            ctx.exit(0)  # the reader has what it wanted (`| head`)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; where even help or a message cannot be printed, 1 instead of a traceback."""
        typed = (args[0] if args else kwargs.get("args")) or sys.argv[1:]
        with use_language(language_asked(typed, os.environ.get(LANGUAGE_VARIABLE, ""))):
            try:
                return super().main(*args, **kwargs)
            except OSError as error:
                let_go_of_stdout()
                place = error.filename or "standard output"
                tell(tr(f"Error: {place} cannot be used ({error.strerror or error})"))
                sys.exit(FAILED)


class _Misused(click.UsageError):
    """Wrong usage as click found it, told in the language that is spoken."""

    def __init__(self, found: click.UsageError) -> None:
        super().__init__(found.format_message(), found.ctx)

    def show(self, file: Any = None) -> None:
        """Tell how the command is used and what is wrong."""
        if self.ctx is not None:
            tell(self.ctx.get_usage().rstrip())
            tell(tr(f"Try '{self.ctx.command_path} {self.ctx.help_option_names[0]}' for help."))
            tell("")
        tell(tr(f"Error: {self.message}"))


def _end(ctx: click.Context, message: str, code: int, *, names_keys: bool = False) -> NoReturn:
    tell(lines_told(message, names_keys=names_keys))
    ctx.exit(code)


def as_options(message: str) -> str:
    """A message of the Python functions in the words of the command line, its moments as days or minutes.

    Calls of functions that no command stands for stay as they are: they are Python, whoever reads them.

    Examples
    --------
    >>> as_options("fit(history, classes='region') does, or measure='wins'")
    '--classes region does, or --measure wins'
    >>> as_options("give tz= (or file_tz=), or faulty='set aside'")
    'give --tz (or --file-tz), or --faulty set-aside'
    >>> as_options("use columns={'amount': 'Value (EUR)'}")
    'use --column "amount=Value (EUR)"'
    >>> as_options("add it with rates={'EUR': ..., 'USD': ...}")
    'add it with --rate EUR=... --rate USD=...'
    >>> as_options("use pandas.to_datetime(column, unit='s')")
    "use pandas.to_datetime(column, unit='s')"
    """
    for call, said in _CALLS:
        message = message.replace(call, said)
    message = _FITS.sub(r"\1", message)
    parts = _CALL.split(message)  # texts and calls in turn
    return "".join(part if i % 2 else _in_option_words(part) for i, part in enumerate(parts))


def _in_option_words(message: str) -> str:
    for keyword, option in _FIXED:
        message = message.replace(keyword, option)
    message = _MOMENT.sub(lambda found: people_moment(found[0]), message)
    message = re.sub(rf"\b({_PAIRS})=\{{([^{{}}]*)\}}", _pairs, message)
    message = re.sub(rf"\b({_PAIRS})=", _option, message)
    message = re.sub(rf"\b({_KEYWORDS})=(?=[\s;,.)]|$)", _option, message)
    message = re.sub(rf"\b({_KEYWORDS})='({_VALUE})'", _with_value, message)
    message = re.sub(rf"\b({_KEYWORDS})=", lambda found: _option(found) + " ", message)
    message = re.sub(r"(--[a-z-]+) of [a-z]+_[a-z]+\b", r"\1", message)  # such as read_deals
    return re.sub(rf"(?<![\w.'\"\[-])({_NAMES})\b(?!['\"])", _option, message)


def people_moment(text: str) -> str:
    """A moment in ISO form as people write it: a day where it is the start or the end of one, else a minute.

    Examples
    --------
    >>> people_moment("2026-08-31T23:59:59.999999"), people_moment("2026-08-31T10:30:00")
    ('2026-08-31', '2026-08-31 10:30')
    """
    day, _, time = text.partition("T")
    is_day = time[:8] in ("", "00:00", "00:00:00", "23:59:59")
    return day if is_day else f"{day} {time[:5]}"


def _option(found: re.Match[str]) -> str:
    return "--" + OPTION_NAMES.get(found[1], found[1]).replace("_", "-")


def _with_value(found: re.Match[str]) -> str:
    value = found[2]
    # In a Chinese sentence a Chinese name without marks would run into what follows.
    said = _for_shells(value) if value.isascii() else f'"{value}"'
    return f"{_option(found)} {said}"


def _for_shells(value: str) -> str:
    return f'"{value}"' if _OF_SHELLS.search(value) else value


def _pairs(found: re.Match[str]) -> str:
    """``columns={'amount': 'Value'}`` as ``--column amount=Value``."""
    pairs = [re.sub(r"^'([^']*)': ?", r"\1: ", pair) for pair in found[2].split(", ")]
    values = [re.sub(r"^([^:]*): ?'?(.*?)'?$", r"\1=\2", pair) for pair in pairs]
    return " ".join(f"{_option(found)} {_for_shells(value)}" for value in values)
