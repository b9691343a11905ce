"""The known facts of one weight file: its content, where it comes from, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from models.weights.packages import Carrier

Commercial = Literal["yes", "no", "unclear"]


@dataclass(frozen=True)
class HubFile:
    """A file of a Hugging Face repository.

    Attributes:
        repo: "owner/name".
        path: Path in the repository.
        revision: The commit (40 hex digits), or "" where none is known for sure; then the first pull takes the newest
            one.
        otherwise: Path of the pickle that serves where the repository has no file `path` at that commit, or "".
    """

    repo: str
    path: str
    revision: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class WebFile:
    """A file at a plain https address that a program can fetch, such as an asset of a GitHub release."""

    url: str


@dataclass(frozen=True)
class Page:
    """A page from which a person has to fetch the file; no program can."""

    url: str


@dataclass(frozen=True)
class Weight:
    """One weight file.

    Where the origin has a pickle that may serve instead (HubFile.otherwise), `file` ends with the origin's path, and no
    hash is pinned, since it would be of one of the two only.

    Attributes:
        name: Its name in the registry.
        capability: What it is needed for.
        file: Its path in the weights folder.
        origin: The package that it is taken out of, or the place where its authors publish it.
        sha256: Hex SHA-256 of the file; "" where no source is known to state it, then the first pull's finding is
            recorded and holds ever after.
        size: Bytes of the file; 0 where no source is known to state them, then as for `sha256`.
        licence: See models.weights.registry.table.
        commercial: See models.weights.registry.table.
        note: See models.weights.registry.table.
        member: Its path in the package.
        form: "file" when the member is the file itself, "python-bytes" when the member is Python source whose one bytes
            literal is the file, "archive" when the file is the whole package.
        needs: Names of files that must lie beside it.
    """

    name: str
    capability: str
    file: str
    origin: Carrier | HubFile | WebFile | Page
    sha256: str
    size: int
    licence: str
    commercial: Commercial
    note: str
    member: str = ""
    form: Literal["file", "python-bytes", "archive"] = "file"
    needs: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[Weight, ...]:
        """The entry itself, and after it, where a pickle may serve, the entry with the pickle's path and origin."""
        origin = self.origin
        if not isinstance(origin, HubFile) or not origin.otherwise:
            return (self,)
        file = self.file.removesuffix(origin.path) + origin.otherwise
        return self, replace(self, file=file, origin=HubFile(origin.repo, origin.otherwise, origin.revision))

    @property
    def source(self) -> str:
        """For people: the pinned requirement of the package, repository@short commit/path, or the address."""
        if isinstance(self.origin, Carrier):
            return self.origin.requirement
        if isinstance(self.origin, HubFile):
            return f"{self.origin.repo}@{self.origin.revision[:12] or 'newest'}/{self.origin.path}"
        return self.origin.url
