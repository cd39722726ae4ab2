"""onnxruntime, imported in the one way that is right: quiet, and with a sentence where it does not load."""

from dsr_core.errors import MEND, DsrError

try:
    import onnxruntime as ort
except (ImportError, OSError) as error:
    raise DsrError(f"onnxruntime does not load ({error}); run: {MEND}") from error
if not hasattr(ort, "InferenceSession"):  # what is left when one of two distributions was uninstalled
    raise DsrError(f"onnxruntime is installed only in part; run: {MEND}")

__all__ = ["ort"]
