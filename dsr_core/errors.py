"""The error that callers of the filter have to expect."""


class DsrError(Exception):
    """Something the user can put right; the message is one sentence that says what and how."""


class UsageError(DsrError):
    """A command line that cannot be, whatever the files are."""


class PassedOverError(DsrError):
    """A file that is left as it is, and nothing is wrong."""


class ChangedResultError(PassedOverError):
    """A scan whose result somebody has changed: it is done, in a way."""


MEND = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall dust-scratch-removal"
"""What brings a broken onnxruntime back."""

MEND_CUDA = "pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
"""What brings CUDA: the two packages fill the same folder, so that one has to go first."""
