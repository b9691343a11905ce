"""What is known of one weight file: its content, where it comes from, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.packages import Carrier

Commercial = Literal["yes", "no", "unclear"]


@dataclass(frozen=True)
class HubFile:
    """A file that its authors publish on a model hub or another site. url: for a person and for a download."""

    url: str


@dataclass(frozen=True)
class Weight:
    """One weight file.

    file: its name in the weights folder. origin: a package that it is taken out of, or where its authors publish it.
    sha256, size (bytes): of the file. member: its path in the package. form: "file" when the member is the file
    itself, "python-bytes" when the member is Python source whose one bytes literal is the file. needs: names of files
    that must lie beside it.
    """

    name: str
    capability: str
    file: str
    origin: Carrier | HubFile
    sha256: str
    size: int
    licence: str
    commercial: Commercial
    note: str
    member: str = ""
    form: Literal["file", "python-bytes"] = "file"
    needs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The pinned requirement of the package, or the address."""
        return self.origin.requirement if isinstance(self.origin, Carrier) else self.origin.url
