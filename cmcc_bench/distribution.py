"""The name and versions of this package: pip knows it by NAME; `cmcc` on the package index is another project."""

NAME = "cmcc-bench"
VERSION = "0.1.0"  # pyproject.toml takes it from here
DATA_VERSION = "1.0.0"  # of the features and the rules that make rows of raw files; every built folder records it


def requirement(*extras: str) -> str:
    """What to give to pip, or to write into a requirements file: the package with its extras."""
    return f"{NAME}[{','.join(extras)}]" if extras else NAME
