"""The base of every error a caller can act on."""


class FunnelsimError(ValueError):
    """Something in the input or the request cannot be honoured; the message says what and the way out."""

    names_keys_of_a_file = False  # whether its words are those of a file, which no face may put into its own
