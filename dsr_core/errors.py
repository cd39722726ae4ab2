"""The one error that callers of the filter have to expect."""


class DsrError(Exception):
    """Something the user can put right; the message is one sentence that says what and how."""
