"""Errors whose text is for people: what is wrong, where, what to do."""


class OutreachError(Exception):
    """The input or the state is wrong; the text is shown as it is and the command exits with 1."""


class NotFound(OutreachError):
    """Something named does not exist (or is outside the caller's scope)."""
