"""How fast, how large, how reliable: programs that write the pages in ``docs``."""

import dsr_core  # noqa: F401 -- before onnxruntime, which else leaves traces in the home
