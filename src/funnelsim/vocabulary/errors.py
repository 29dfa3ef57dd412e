"""The base of every error a caller can act on, and of every warning: read in the language that is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it refuses with errors of this kind
    from funnelsim.vocabulary.language import Language


class Told(Exception):  # noqa: N818  # both errors and warnings are told
    """A message written in English and read in the language that is spoken when it is read."""

    names_keys_of_a_file = False  # whether its words are those of a file, which no face may put into its own
    raised_in: Language | None = None  # the language of the innermost block it left, which is silent by now

    def __str__(self) -> str:
        """The message in the language that is spoken, or of the block in which it was raised."""
        # told.py speaks of language, which refuses with errors of this kind.
        from funnelsim.vocabulary.told import message_told

        return message_told(self)


class FunnelsimError(Told, ValueError):
    """Something in the input or the request cannot be honoured; the message says what and the way out."""


class FunnelsimWarning(Told, UserWarning):
    """Something a caller should know, though the answer stands; the message says what to do."""


def english(told: BaseException | str) -> str:
    """What an error or a warning says in English, whatever is spoken: for what makes a message of it."""
    return Exception.__str__(told) if isinstance(told, Told) else str(told)
