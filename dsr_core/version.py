"""The project's version."""

from importlib.metadata import PackageNotFoundError, version


def project_version() -> str:
    """Return the installed version of the project, ``"unknown"`` when it runs without being installed."""
    try:
        return version("dust-scratch-removal")
    except PackageNotFoundError:
        return "unknown"
