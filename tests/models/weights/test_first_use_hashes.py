"""What the first pull found out holds: records, pinned hashes and commits, files that a person put there, pickles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.errors import WeightsError
from models.weights import first_use_hashes, hub, weight_files
from models.weights.weight import HubFile, Weight
from tests.models.mirror import LARGE, PAGE, REPO, SMALL, Mirror, commit, sha256, weight

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
pytestmark = pytest.mark.usefixtures("table")


@pytest.mark.parametrize("name", ["some-net", "page"])
def test_another_content_than_the_pinned_one_never_appears(mirror: Mirror, table: dict[str, Weight], name: str) -> None:
    table[name] = replace(table[name], sha256=sha256(b"other"), size=5)
    for _ in range(2):
        with pytest.raises(WeightsError, match=f"than the pinned SHA-256 of {name}"):
            weight_files.pull([name], mirror=mirror.url)
    left = [path for path in weight_files.folder().rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []


def test_what_a_hub_sends_must_be_what_it_states(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hub.state
    lies = {"some": "blob", "some-net": "sha256"}

    def state(files: Sequence[HubFile], at: str, address: str) -> hub.Statement:
        name = "some" if files[0].path == "config.json" else "some-net"
        found = vars(real(files, at, address))
        return hub.Statement(**{**found, lies[name]: "0" * len(found[lies[name]])})

    monkeypatch.setattr(hub, "state", state)
    for name in ("some-net", "some"):
        with pytest.raises(WeightsError, match="did not arrive as the hub states"):
            weight_files.pull([name], mirror=mirror.url)
    assert first_use_hashes.read(weight_files.folder()) == {}


def test_the_first_pull_holds(mirror: Mirror) -> None:
    weight_files.pull(["some"], mirror=mirror.url)
    first = weight_files.path("some-net").read_bytes()
    mirror.commits.append({"config.json": b"{}", "unet/net.bin": LARGE[::-1]})
    weight_files.path("some-net").unlink()
    assert weight_files.pull(["some"], mirror=mirror.url) == ["some-net"]
    assert weight_files.path("some-net").read_bytes() == first
    # The hub has lost the commit, or gives something else for it: nothing is put in place.
    (weight_files.folder() / "some/unet/net.bin").unlink()
    mirror.commits[0]["unet/net.bin"] = LARGE[::-1]
    with pytest.raises(WeightsError, match=r"than recorded\.json has for some-net since the first pull"):
        weight_files.pull(["some"], mirror=mirror.url)
    assert not (weight_files.folder() / "some/unet/net.bin").exists()


def test_a_page_that_changed_since_the_first_pull_is_refused(mirror: Mirror) -> None:
    weight_files.pull(["page"], mirror=mirror.url)
    file = weight_files.path("page")
    file.write_bytes(PAGE[:-1] + b"?")
    with pytest.raises(WeightsError, match="not the recorded one; run: anonflow models pull page"):
        weight_files.path("page")
    assert weight_files.verify(["page"]) == {"page": "damaged"}
    assert weight_files.pull(["page"], mirror=mirror.url) == ["page"] and file.read_bytes() == PAGE
    file.unlink()
    mirror.pages["/web.example/releases/page.onnx"] = PAGE[::-1]
    with pytest.raises(WeightsError, match="gives another content than recorded"):
        weight_files.pull(["page"], mirror=mirror.url)
    assert not file.exists()


def test_files_of_a_repository_come_from_one_commit(mirror: Mirror) -> None:
    weight_files.pull(["some-net"], mirror=mirror.url)
    mirror.commits.append({"config.json": b"{}", "unet/net.bin": LARGE})
    weight_files.pull(["some"], mirror=mirror.url)
    assert weight_files.path("some").read_bytes() == SMALL


def test_a_pinned_commit_is_asked_for(mirror: Mirror, table: dict[str, Weight]) -> None:
    mirror.commits.append({"config.json": b"{}", "unet/net.bin": LARGE})
    table["some"] = weight("some", "some/config.json", HubFile(REPO, "config.json", commit(0)))
    weight_files.pull(["some"], mirror=mirror.url)
    assert weight_files.path("some").read_bytes() == SMALL
    assert not any(path.startswith("/api/") for _, path, _ in mirror.asked)
    # A record of another commit than the one that is pinned by now counts for nothing.
    table["some"] = weight("some", "some/config.json", HubFile(REPO, "config.json", commit(1)))
    assert weight_files.verify(["some"]) == {"some": "not recorded"} and weight_files.known_sha256("some") == ""
    weight_files.pull(["some"], mirror=mirror.url)
    assert weight_files.path("some").read_bytes() == b"{}"


@pytest.mark.parametrize("right", [True, False])
def test_a_file_put_there_by_a_person_is_used_when_the_hub_confirms_it(mirror: Mirror, right: bool) -> None:
    file = weight_files.folder() / "some/unet/net.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(LARGE if right else LARGE[::-1])
    with pytest.raises(WeightsError, match=r"net\.bin is not recorded.*; run: anonflow models pull some-net$"):
        weight_files.path("some-net")
    assert weight_files.verify(["some-net"]) == {"some-net": "not recorded"}
    assert weight_files.known_sha256("some-net") == ""
    assert next(row.state for row in weight_files.status() if row.weight.name == "some-net") == "not recorded"
    with pytest.raises(WeightsError, match=r"some-net \(not recorded\)"):
        weight_files.pull(["some-net"], offline=True)
    assert weight_files.pull(["some-net"], mirror=mirror.url) == ([] if right else ["some-net"])
    assert len(mirror.bodies("/large/")) == (0 if right else 1)
    assert weight_files.path("some-net").read_bytes() == LARGE


def test_a_record_that_cannot_be_read_is_said(table: dict[str, Weight]) -> None:
    file = weight_files.folder() / "recorded.json"
    file.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"format": 1, "files": {"some": {"sha256": ""}}}', '{"files": {}}'):
        file.write_text(text)
        with pytest.raises(WeightsError, match="delete it and run"):
            weight_files.verify(["page"]), weight_files.known_sha256("page")
    file.write_text('{"format": 2}')
    with pytest.raises(WeightsError, match="another version"):
        weight_files.known_sha256("page")


SAFE = b"preferred" * 1000
PICKLES, BOTH = ["unet/net.safetensors", "unet/net.bin"], {"unet/net.safetensors": SAFE, "unet/net.bin": LARGE}


@pytest.fixture
def either(table: dict[str, Weight]) -> tuple[Path, Path]:
    """A file for which a pickle may serve; returns where the two would lie. The mirror has the pickle only."""
    origin = HubFile(REPO, "unet/net.safetensors", otherwise="unet/net.bin")
    table["either"] = weight("either", "either/unet/net.safetensors", origin)
    folder = weight_files.folder() / "either" / "unet"
    return folder / "net.safetensors", folder / "net.bin"


def _asked(mirror: Mirror) -> list[str]:
    """The paths of the repository that were asked for, in order."""
    found = [path.partition("/resolve/")[2].partition("/")[2] for method, path, _ in mirror.asked if method == "HEAD"]
    return [path for path in found if path]


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_where_there_is_only_a_pickle_it_serves(mirror: Mirror, either: tuple[Path, Path]) -> None:
    preferred, pickle = either
    with pytest.raises(WeightsError, match=r"either/unet/net\.safetensors is missing"):
        weight_files.path("either")
    assert weight_files.pull(["either"], mirror=mirror.url) == ["either"]
    assert _asked(mirror) == PICKLES
    assert weight_files.path("either") == pickle and pickle.read_bytes() == LARGE and not preferred.exists()
    assert first_use_hashes.read(weight_files.folder())["either"] == first_use_hashes.Record(
        f"{REPO}/unet/net.bin", sha256(LARGE), len(LARGE), commit(0)
    )
    assert weight_files.known_sha256("either") == sha256(LARGE) and weight_files.verify(["either"]) == {"either": "ok"}
    row = next(row for row in weight_files.status() if row.weight.name == "either")
    assert (row.path, row.state, row.size) == (pickle, "present", len(LARGE))
    assert row.weight.source == f"{REPO}@newest/unet/net.bin"
    # It stays what serves, also when a later commit has the preferred file.
    mirror.commits.append(BOTH)
    mirror.asked.clear()
    assert weight_files.pull(["either"], mirror=mirror.url) == [] and mirror.asked == []
    assert weight_files.pull(["either"], offline=True) == [] and weight_files.path("either") == pickle


def test_where_there_are_both_no_pickle_is_fetched(mirror: Mirror, either: tuple[Path, Path]) -> None:
    preferred, pickle = either
    mirror.commits[0] |= BOTH
    assert weight_files.pull(["either"], mirror=mirror.url) == ["either"]
    assert _asked(mirror) == PICKLES[:1]
    assert weight_files.path("either") == preferred and preferred.read_bytes() == SAFE and not pickle.exists()
    # What was recorded is asked for, and nothing in its place.
    preferred.unlink()
    del mirror.commits[0]["unet/net.safetensors"]
    _put(pickle, LARGE)
    assert weight_files.verify(["either"]) == {"either": "missing"}
    with pytest.raises(WeightsError, match=r"has no file unet/net\.safetensors at commit"):
        weight_files.pull(["either"], mirror=mirror.url)


def test_where_there_is_neither_both_are_named(mirror: Mirror, either: tuple[Path, Path]) -> None:
    mirror.commits[0] = {"config.json": SMALL, "unet/other.bin": LARGE}
    message = r"no file unet/net\.safetensors or unet/net\.bin at commit .*; in that folder it has: unet/other\.bin"
    with pytest.raises(WeightsError, match=message):
        weight_files.pull(["either"], mirror=mirror.url)


def test_a_hub_that_does_not_answer_leads_to_no_pickle(mirror: Mirror, either: tuple[Path, Path]) -> None:
    mirror.commits[0] |= BOTH
    weight_files.pull(["some"], mirror=mirror.url)
    mirror.asked.clear()
    mirror.down = True
    with pytest.raises(WeightsError, match="503"):
        weight_files.pull(["either"], mirror=mirror.url)
    assert set(_asked(mirror)) == set(PICKLES[:1])


@pytest.mark.parametrize("content", [LARGE[:-1] + b"?", LARGE[:100], None])
def test_a_pickle_that_is_no_longer_the_recorded_one_is_fetched_again(
    mirror: Mirror, either: tuple[Path, Path], content: bytes | None
) -> None:
    _, pickle = either
    weight_files.pull(["either"], mirror=mirror.url)
    pickle.unlink()
    if content is not None:
        _put(pickle, content)
    assert weight_files.verify(["either"]) == {"either": "missing" if content is None else "damaged"}
    with pytest.raises(WeightsError, match=r"either/unet/net\.bin .*; run: anonflow models pull either$"):
        weight_files.path("either")
    mirror.commits.append(BOTH)
    mirror.asked.clear()
    assert weight_files.pull(["either"], mirror=mirror.url) == ["either"] and _asked(mirror) == PICKLES[1:]
    assert weight_files.path("either").read_bytes() == LARGE
    # The hub gives something else for the recorded commit: the first pull holds.
    pickle.unlink()
    mirror.commits[0]["unet/net.bin"] = LARGE[::-1]
    with pytest.raises(WeightsError, match=r"than recorded\.json has for either since the first pull"):
        weight_files.pull(["either"], mirror=mirror.url)


@pytest.mark.parametrize("right", [True, False])
def test_a_pickle_put_there_by_a_person_is_used_when_the_hub_confirms_it(
    mirror: Mirror, either: tuple[Path, Path], right: bool
) -> None:
    _, pickle = either
    _put(pickle, LARGE if right else LARGE[::-1])
    with pytest.raises(WeightsError, match=r"net\.bin is not recorded.*; run: anonflow models pull either$"):
        weight_files.path("either")
    assert weight_files.verify(["either"]) == {"either": "not recorded"} and weight_files.known_sha256("either") == ""
    assert weight_files.pull(["either"], mirror=mirror.url) == ([] if right else ["either"])
    assert len(mirror.bodies("/large/")) == (0 if right else 1)
    assert weight_files.path("either") == pickle and pickle.read_bytes() == LARGE


def test_a_pickle_put_there_by_a_person_gives_way_to_the_preferred_file(
    mirror: Mirror, either: tuple[Path, Path]
) -> None:
    preferred, pickle = either
    mirror.commits[0] |= BOTH
    _put(pickle, LARGE)
    assert weight_files.pull(["either"], mirror=mirror.url) == ["either"]
    assert weight_files.path("either") == preferred and not pickle.exists()


def test_an_unknown_file_that_would_be_loaded_rather_than_the_recorded_pickle_is_found(
    mirror: Mirror, either: tuple[Path, Path]
) -> None:
    preferred, pickle = either
    weight_files.pull(["either"], mirror=mirror.url)
    _put(preferred, SAFE)
    with pytest.raises(WeightsError, match=r"net\.safetensors is not recorded"):
        weight_files.path("either")
    assert weight_files.verify(["either"]) == {"either": "not recorded"}
    # The hub knows nothing of it, so it goes.
    assert weight_files.pull(["either"], mirror=mirror.url) == []
    assert weight_files.path("either") == pickle and not preferred.exists()


def test_the_record_of_a_pickle_is_replaced_when_the_pinned_commit_has_the_preferred_file(
    mirror: Mirror, table: dict[str, Weight], either: tuple[Path, Path]
) -> None:
    preferred, pickle = either
    weight_files.pull(["either"], mirror=mirror.url)
    mirror.commits.append(BOTH)
    origin = HubFile(REPO, "unet/net.safetensors", commit(1), "unet/net.bin")
    table["either"] = replace(table["either"], origin=origin)
    assert weight_files.verify(["either"]) == {"either": "not recorded"}
    assert weight_files.pull(["either"], mirror=mirror.url) == ["either"]
    assert weight_files.path("either") == preferred and not pickle.exists()
    record = first_use_hashes.read(weight_files.folder())["either"]
    assert (record.source, record.commit) == (f"{REPO}/unet/net.safetensors", commit(1))
