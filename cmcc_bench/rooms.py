"""Where the published folders are that stand beside the library in a checkout: dataset_card and the like."""

import sysconfig
from pathlib import Path

from cmcc_bench.distribution import NAME


def room(name: str) -> Path:
    """The folder `name`. Raises FileNotFoundError when the installation lacks it."""
    for above in (Path(__file__).parents[1], Path(sysconfig.get_path("data")) / "share" / "cmcc"):
        if (above / name).is_dir():
            return above / name
    raise FileNotFoundError(f"the folder {name} is not part of this installation: reinstall {NAME} with pip")
