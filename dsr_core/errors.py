"""The one error that callers of the filter have to expect."""


class DsrError(Exception):
    """Something the user can put right; the message is one sentence that says what and how."""


MEND = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall dust-scratch-removal"
"""What brings a broken onnxruntime back."""
