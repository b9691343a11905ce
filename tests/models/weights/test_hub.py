"""`models pull` from hubs and web pages, against a server on this machine that behaves like one: how files come.

What holds after the first pull: test_recorded.py.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.errors import UsageError, WeightsError
from models.weights import first_use_hashes, hub, pulling, web, weight_files
from models.weights.weight import HubFile, Page, Weight
from tests.models.mirror import LARGE, PAGE, RELEASE, REPO, SMALL, Mirror, commit, sha256, weight

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytestmark = pytest.mark.usefixtures("table")
library = hub._library()

ROOT = Path(__file__).resolve().parents[3]


def test_a_whole_pull_from_a_mirror(mirror: Mirror) -> None:
    told: list[tuple[str, int, int]] = []
    assert weight_files.pull(["some", "page"], lambda *report: told.append(report), mirror.url) == [
        "some",
        "some-net",
        "page",
    ]
    root = weight_files.folder()
    assert (root / "some/config.json").read_bytes() == SMALL
    assert weight_files.path("some") == root / "some/config.json" and weight_files.path("page").read_bytes() == PAGE
    assert (root / "some/unet/net.bin").read_bytes() == LARGE
    assert told[0] == ("fetching some", 0, len(SMALL + LARGE))
    assert told[-1] == ("fetched page", len(SMALL + LARGE + PAGE), len(SMALL + LARGE + PAGE))
    rows = json.loads((root / "recorded.json").read_text())["files"]
    assert rows["some-net"] == {
        "source": f"{REPO}/unet/net.bin", "sha256": sha256(LARGE), "size": len(LARGE), "commit": commit(0),
    }  # fmt: skip
    assert rows["page"]["sha256"] == sha256(PAGE) and rows["page"]["commit"] == ""
    assert weight_files.known_sha256("some-net") == sha256(LARGE)
    assert [row.state for row in weight_files.status()] == ["present"] * 3
    assert {path.suffix for path in (root / ".pull").iterdir()} == {".lock"}
    mirror.asked.clear()
    assert weight_files.pull(["some", "page"], mirror=mirror.url) == [] and mirror.asked == []


def test_an_interrupted_pull_from_a_hub_goes_on_in_the_middle(mirror: Mirror) -> None:
    mirror.cut = 600_000
    with pytest.raises(WeightsError, match="goes on where"):
        weight_files.pull(["some-net"], mirror=mirror.url)
    assert not (weight_files.folder() / "some/unet/net.bin").exists()
    assert weight_files.verify(["some-net"])["some-net"] == "missing"
    mirror.down = False
    mirror.asked.clear()
    assert weight_files.pull(["some-net"], mirror=mirror.url) == ["some-net"]
    (asked,) = mirror.bodies("/large/")
    assert int(asked.removeprefix("bytes=").removesuffix("-")) > 500_000
    assert weight_files.path("some-net").read_bytes() == LARGE


@pytest.mark.parametrize("changed", [False, True])
def test_an_interrupted_pull_from_a_page_goes_on_while_the_file_is_the_same(mirror: Mirror, changed: bool) -> None:
    mirror.cut = 300_000
    with pytest.raises(
        WeightsError, match=r"page could not be fetched from 127\.0\.0\.1: the connection ended after 3"
    ):
        weight_files.pull(["page"], mirror=mirror.url)
    mirror.down = False
    mirror.asked.clear()
    content = PAGE[::-1] if changed else PAGE
    mirror.pages["/web.example/releases/page.onnx"] = content
    assert weight_files.pull(["page"], mirror=mirror.url) == ["page"]
    assert mirror.bodies("page.onnx") == ["bytes=300000-"]
    assert weight_files.path("page").read_bytes() == content


def test_without_a_version_a_part_of_a_page_is_not_continued(mirror: Mirror) -> None:
    mirror.cut, mirror.etags = 300_000, False
    with pytest.raises(WeightsError):
        weight_files.pull(["page"], mirror=mirror.url)
    mirror.down = False
    assert weight_files.pull(["page"], mirror=mirror.url) == ["page"]
    assert mirror.bodies("page.onnx") == ["", ""] and weight_files.path("page").read_bytes() == PAGE


def test_a_part_that_was_complete_already_is_fetched_anew(mirror: Mirror) -> None:
    folder = weight_files.folder()
    partial = pulling._partial(pulling.plan([weight_files.entry("page")], folder, "")[0], folder)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(PAGE)
    partial.with_name(f"{partial.name}.etag").write_text(f'"{sha256(PAGE)[:20]}"')
    assert weight_files.pull(["page"], mirror=mirror.url) == ["page"]
    assert mirror.bodies("page.onnx") == [f"bytes={len(PAGE)}-", ""]


def test_offline_nothing_is_connected_to(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    weight_files.pull(["some"], mirror=mirror.url)

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("no connection may be made")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    assert weight_files.pull(["some"], mirror=mirror.url, offline=True) == []
    weight_files.path("some")
    (weight_files.folder() / "some/unet/net.bin").write_bytes(b"?")
    message = r"2 of 3 .*some-net \(damaged\), page \(missing\).*run: anonflow models pull some-net page$"
    with pytest.raises(WeightsError, match=message):
        weight_files.pull(["some", "page"], mirror=mirror.url, offline=True)


def test_the_settings_of_the_library_hold(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE"):
        weight_files.pull(["some-net"], mirror=mirror.url)
    monkeypatch.setattr(library.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(library.constants, "ENDPOINT", mirror.url)
    monkeypatch.setattr(
        library.constants, "HUGGINGFACE_CO_URL_TEMPLATE", mirror.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    assert weight_files.pull(["some-net"]) == ["some-net"]


def test_what_the_hub_has_not_is_said(mirror: Mirror, table: dict[str, Weight]) -> None:
    table["lost"] = weight("lost", "lost.bin", HubFile(REPO, "unet/net.safetensors"))
    with pytest.raises(
        WeightsError, match=r"no file unet/net\.safetensors at commit .*; in that folder it has: unet/net\.bin"
    ):
        weight_files.pull(["lost"], mirror=mirror.url)
    table["lost"] = weight("lost", "lost.bin", HubFile(REPO, "config.json", "0" * 40))
    with pytest.raises(WeightsError, match="no longer has the pinned commit"):
        weight_files.pull(["lost"], mirror=mirror.url)
    table["lost"] = weight("lost", "lost.bin", HubFile("someone/else", "config.json"))
    with pytest.raises(WeightsError, match="does not know someone/else"):
        weight_files.pull(["lost"], mirror=mirror.url)


def test_without_the_library_the_command_that_brings_it_is_named(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'anonflow\[diffusion\]'"):
        weight_files.pull(["some"], mirror=mirror.url)
    assert weight_files.pull(["page"], mirror=mirror.url) == ["page"]


def test_pages_never_lead_away_from_encryption(mirror: Mirror) -> None:
    mirror.redirect = "http://elsewhere.example/page.onnx"
    with pytest.raises(WeightsError, match="without encryption"):
        weight_files.pull(["page"], mirror=mirror.url)
    plain = web._Redirects(RELEASE)
    with pytest.raises(WeightsError, match="without encryption"):
        plain.redirect_request(web.urllib.request.Request(RELEASE), None, 302, "", {}, "http://web.example/page.onnx")  # type: ignore[arg-type]
    for wrong in ("ftp://mirror.example", "mirror.example", "https://", "https://mirror.example/?a=b"):
        with pytest.raises(UsageError, match="--mirror"):
            weight_files.pull(["page"], mirror=wrong)
    assert web.address(RELEASE, "") == RELEASE
    assert web.address(RELEASE, "https://m.example/a/") == "https://m.example/a/web.example/releases/page.onnx"


def test_a_disk_that_is_too_small_is_found_before(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.shutil, "disk_usage", lambda _: web.shutil._ntuple_diskusage(10, 9, 1))
    for name in ("some-net", "page"):
        with pytest.raises(WeightsError, match="MB more, but only 0 MB are free"):
            weight_files.pull([name], mirror=mirror.url)
    assert mirror.bodies("/large/") == []


def test_missing_files_name_the_command_or_the_page(table: dict[str, Weight]) -> None:
    table["by-hand"] = weight("by-hand", "hand.pt", Page("https://page.example"), (sha256(b"x"), 1))
    for name, message in (
        ("some", r"some/unet/net\.bin is missing; run: anonflow models pull some-net$"),
        ("page", r"page\.onnx is missing; run: anonflow models pull page$"),
        ("by-hand", r"fetch it from https://page\.example and store it as hand\.pt"),
    ):
        with pytest.raises(WeightsError, match=message):
            weight_files.path(name)
    with pytest.raises(WeightsError, match="cannot be fetched by a program"):
        weight_files.pull(["some", "by-hand"])
    assert weight_files.fetched("some") and weight_files.fetched("page") and not weight_files.fetched("by-hand")
    assert weight_files.verify(optional={"page"}) == {
        "some": "missing", "some-net": "missing", "page": "not installed", "by-hand": "missing",
    }  # fmt: skip
    assert weight_files.with_needs(["page", "some"]) == ["page", "some", "some-net"]


PULLER = f"""
import sys
from models.weights import weight_files as weights
from models.weights.weight import HubFile, Weight
weights.WEIGHTS = {{
    name: Weight(name, "test", name + ".bin", HubFile("{REPO}", path), "", 0, "none", "unclear", "made for a test")
    for name, path in (("net", "unet/net.bin"), ("config", "config.json"))
}}
print(",".join(weights.pull(["net", "config"], mirror=sys.argv[1])))
"""


def test_two_processes_may_pull_at_once(mirror: Mirror) -> None:
    mirror.delay = 0.5
    command = [sys.executable, "-c", PULLER, mirror.url]
    pullers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [puller.communicate(timeout=120)[0].strip() for puller in pullers]
    assert [puller.returncode for puller in pullers] == [0, 0]
    assert sorted(name for output in outputs for name in output.split(",") if name) == ["config", "net"]
    assert (weight_files.folder() / "net.bin").read_bytes() == LARGE
    assert len(mirror.bodies("/large/")) == 1
    assert set(first_use_hashes.read(weight_files.folder())) == {"config", "net"}
