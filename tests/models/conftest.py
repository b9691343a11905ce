"""Shared by the tests of `models pull`: a server on this machine, a weights folder, and a table of weight files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.weights import hub, weight_files
from models.weights.weight import HubFile, WebFile, Weight
from tests.models.mirror import LARGE, PAGE, RELEASE, REPO, SMALL, Mirror, serving, weight


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's is read or touched, and no proxy stands before the server."""
    library = hub._library()
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(library.constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(library.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(library.constants, "DOWNLOAD_CHUNK_SIZE", 1 << 15)
    library.utils.close_session()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(
        Mirror(
            [{"config.json": SMALL, "unet/net.bin": LARGE}], {"unet/net.bin"}, {"/web.example/releases/page.onnx": PAGE}
        )
    ) as server:
        yield server


@pytest.fixture
def table(private: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Weight]:
    """A folder of two files of a repository, and a file of a page; no hash is stated."""
    rows = (
        weight("some", "some/config.json", HubFile(REPO, "config.json"), needs=("some-net",)),
        weight("some-net", "some/unet/net.bin", HubFile(REPO, "unet/net.bin")),
        weight("page", "deep/.deep/page.onnx", WebFile(RELEASE)),
    )
    known = {row.name: row for row in rows}
    monkeypatch.setattr(weight_files, "WEIGHTS", known)
    monkeypatch.setattr(weight_files, "_checked", {})
    return known
