"""The name and version that pip knows this package by; `cmcc` on the package index is another project."""

NAME = "cmcc-bench"
VERSION = "0.1.0"  # pyproject.toml takes it from here


def requirement(*extras: str) -> str:
    """What to give to pip, or to write into a requirements file: the package with its extras."""
    return f"{NAME}[{','.join(extras)}]" if extras else NAME
