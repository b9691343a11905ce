"""What an S3 bucket keeps beside the current content of its objects: versions, delete markers, unfinished uploads."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.storage.bucket import Bucket
from infra.storage.faults import answer, patiently

_BATCH = 1000
# Answers of servers that do not know the question, or the upload (any more).
_NOTHING = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405", "NoSuchUpload"})


@dataclass(frozen=True)
class Version:
    """One version of an object, or a delete marker.

    Attributes:
        current: it is what a reader of the object gets.
    """

    path: str
    number: str
    current: bool


@dataclass(frozen=True)
class Upload:
    """An upload in parts that was begun and neither finished nor given up.

    Its parts take room and can be read by the server only.
    """

    path: str
    number: str
    begun: datetime.datetime


def keeps_versions(bucket: Bucket) -> bool:
    """Ask whether removed and overwritten objects stay in the bucket as old versions, or may have stayed.

    Args:
        bucket: the bucket.

    Returns:
        True when they do or may have.

    Raises:
        StoreUnavailable: for instance, this may not be asked.
    """
    return bool(_ask(bucket, "get_bucket_versioning").get("Status"))


def versions(bucket: Bucket, path: str) -> list[Version]:
    """List all versions and delete markers of an object and of what lies below it.

    Args:
        bucket: the bucket.
        path: the object's path.

    Returns:
        The versions; none where the server knows none.

    Raises:
        StoreUnavailable: the store does not answer, or refuses.
    """
    found = []
    for page in _pages(bucket, "list_object_versions", path, ("KeyMarker", "VersionIdMarker")):
        for kind in ("Versions", "DeleteMarkers"):
            for item in page.get(kind, []):
                current = kind == "Versions" and bool(item.get("IsLatest"))
                found.append(Version(bucket.path(item["Key"]), item.get("VersionId") or "null", current))
    return [version for version in found if _within(version.path, path)]


def uploads(bucket: Bucket, path: str) -> list[Upload]:
    """List unfinished uploads of an object and below it.

    Args:
        bucket: the bucket.
        path: the object's path.

    Returns:
        The uploads; none where the server knows none.

    Raises:
        StoreUnavailable: the store does not answer, or refuses.
    """
    found = [
        Upload(bucket.path(item["Key"]), item["UploadId"], item["Initiated"])
        for page in _pages(bucket, "list_multipart_uploads", path, ("KeyMarker", "UploadIdMarker"))
        for item in page.get("Uploads", [])
    ]
    return [upload for upload in found if _within(upload.path, path)]


def erase(bucket: Bucket, doomed: Iterable[Version]) -> None:
    """Remove versions for good. What the server keeps nevertheless (retention) is no error: list them again.

    Args:
        bucket: the bucket.
        doomed: the versions.
    """
    rest = iter(doomed)
    while batch := list(itertools.islice(rest, _BATCH)):
        objects = [{"Key": bucket.key(version.path), "VersionId": version.number} for version in batch]
        bucket.call("delete_objects", Delete={"Objects": objects, "Quiet": True})


def abort(bucket: Bucket, doomed: Iterable[Upload]) -> None:
    """Give up unfinished uploads; one that ended meanwhile is no error.

    Args:
        bucket: the bucket.
        doomed: the uploads.
    """
    for upload in doomed:
        _ask(bucket, "abort_multipart_upload", Key=bucket.key(upload.path), UploadId=upload.number)


def _pages(bucket: Bucket, method: str, path: str, markers: tuple[str, str]) -> Iterator[dict[str, Any]]:
    begin: dict[str, str] = {}
    while True:
        page = _ask(bucket, method, Prefix=bucket.key(path), **begin)
        yield page
        if not page.get("IsTruncated"):
            return
        begin = {marker: page[f"Next{marker}"] for marker in markers if page.get(f"Next{marker}")}


def _ask(bucket: Bucket, method: str, **arguments: Any) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        try:
            return dict(bucket.fs.call_s3(method, Bucket=bucket.name, **arguments))
        except OSError as error:
            code, status = answer(error)
            if code in _NOTHING or status in (405, 501):
                return {}
            raise

    return patiently(ask, bucket.patience)


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")
