"""The base of every error a caller can act on."""


class FunnelsimError(ValueError):
    """Something in the input or the request cannot be honoured; the message says what and the way out."""
