from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from infra.errors import StoreUnavailable, UsageError
from tasks.evaluation.report import folder as folders
from tasks.evaluation.report import machine, page
from tasks.evaluation.report.content import Content
from tests.tasks.evaluation.report import support


class Read(HTMLParser):
    """What a browser would take from a page: elements with their attributes, and text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.elements[-1][0] if self.elements else "", data))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("reports") / "report"
    page.write(support.content(), target)
    return target


@pytest.fixture(scope="module")
def for_reviewers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("reports") / "report"
    page.write(support.content(reviewer=True), target)
    return target


def pages_of(folder: Path) -> list[Path]:
    return [folder / "index.html", *sorted((folder / "videos").iterdir())]


def test_what_is_written(written: Path) -> None:
    names = {str(path.relative_to(written)) for path in written.rglob("*") if path.is_file()}
    videos = {f"videos/v{number:05d}.html" for number in range(8)}
    assert names == {".anonflow-report", "index.html", "summary.json", "metrics.parquet"} | videos
    assert {path.stat().st_mode & 0o777 for path in written.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (written, written / "videos")} == {0o700}
    assert [path.name for path in written.parent.iterdir()] == ["report"]


def test_nothing_comes_from_elsewhere(written: Path, for_reviewers: Path) -> None:
    for path in pages_of(written) + pages_of(for_reviewers):
        read = Read(path.read_text("utf-8"))
        for tag, attributes in read.elements:
            for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
                value = attributes.get(name) or ""
                assert re.match(r"(data:|#|\.\./index\.html$|v\d+\.html$|$)", value), (tag, name, value)
            assert not any(name.startswith("on") for name in attributes)
            assert tag not in {"iframe", "object", "embed", "base", "form", "audio", "video"}
        style = "".join(text for tag, text in read.texts if tag == "style")
        assert "url(" not in style and "@import" not in style


def test_policy_names_the_script_that_is_there(written: Path) -> None:
    for path in pages_of(written):
        text = path.read_text("utf-8")
        read = Read(text)
        (policy,) = [a["content"] for tag, a in read.elements if a.get("http-equiv") == "Content-Security-Policy"]
        (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert policy == (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )
        assert [a for tag, a in read.elements if tag == "script"] == [{"type": "application/json", "id": "data"}, {}]


def test_names_are_data(written: Path) -> None:
    for path, name in zip(pages_of(written)[1:], support.HOSTILE, strict=False):
        read = Read(path.read_text("utf-8"))
        assert name in {text for _, text in read.texts}
        assert all(tag != "img" or str(a["src"]).startswith("data:image/jpeg;base64,") for tag, a in read.elements)
    index = Read((written / "index.html").read_text("utf-8"))
    assert "img" not in {tag for tag, _ in index.elements}
    assert not any("{{" in text for tag, text in index.texts if tag not in {"script", "style"})


def data_of(path: Path) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"))
    assert "<" not in text
    return json.loads(text)


def test_list_of_files_is_worst_first(written: Path) -> None:
    data = data_of(written / "index.html")
    assert data["report"] == machine.report_id((written / "summary.json").read_bytes())
    rows = data["files"]
    assert [row[0] for row in rows] == [0, 1, 2, 2, 2, 2, 2, 2]
    passed = [row[3] for row in rows[2:]]
    assert passed[0] is None
    assert passed[1:] == sorted(passed[1:])
    assert {row[1] for row in rows} == {one.name for one in support.content().pages}
    assert data_of(written / "videos" / "v00002.html") == {"report": data["report"], "name": support.HOSTILE[2]}


def test_unknown_numbers_say_why(written: Path) -> None:
    text = (written / "index.html").read_text("utf-8")
    assert "<strong>Not measured.</strong> No network for inversion is installed." in text
    assert "One person only: no interval." in text
    assert "nan" not in re.sub(r"(?s)<script.*?</script>|<style>.*?</style>", "", text).lower()


@pytest.mark.parametrize("banner", ["Contains the original faces: do not pass on."])
def test_pages_for_reviewers_warn(banner: str, written: Path, for_reviewers: Path) -> None:
    assert all(banner in path.read_text("utf-8") for path in pages_of(for_reviewers))
    assert not any(banner in path.read_text("utf-8") for path in pages_of(written))
    assert json.loads((for_reviewers / "summary.json").read_bytes())["reviewer"] is True


def test_pictures_of_the_source_need_a_reviewer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reviewer"):
        page.write(replace(support.content(2, reviewer=True), reviewer=False), tmp_path / "report")
    assert not list(tmp_path.iterdir())


def _named(content: Content, **values: str) -> Content:
    return replace(content, pages=(replace(content.pages[0], **values), *content.pages[1:]))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "..", "../x", "a/b", "a b", "a.html", "é", "-a", "a\n", "x" * 101, "V00001"])
def test_unsafe_or_repeated_keys(key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="key"):
        page.write(_named(support.content(2), key=key), tmp_path / "report")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "dataset", "a\udcff.mp4", support.HOSTILE[1]])
def test_names_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rename"):
        page.write(_named(support.content(2), name=name), tmp_path / "report")


def test_a_title_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="title"):
        page.write(replace(support.content(2), title="a\udcff"), tmp_path / "report")


def test_a_report_below_a_file_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="another place"):
        folders.check_place(tmp_path / "file" / "deep" / "report")
    folders.check_place(tmp_path / "deep" / "report")


def test_report_without_anything(tmp_path: Path) -> None:
    empty = replace(support.content(0), headlines=(), counts=(), privacy=(), usefulness=(), charts=(), settings=())
    page.write(empty, tmp_path / "deep" / "report")
    assert data_of(tmp_path / "deep" / "report" / "index.html")["files"] == []


def test_earlier_report_and_empty_folder_are_replaced(tmp_path: Path) -> None:
    target = tmp_path / "report"
    target.mkdir()
    page.write(support.content(4), target)
    page.write(support.content(2), target)
    assert len(pages_of(target)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def _foreign_file(target: Path) -> None:
    target.mkdir()
    (target / "index.html").write_text("somebody's site")


def _plain_file(target: Path) -> None:
    target.write_text("notes")


def _link(target: Path) -> None:
    elsewhere = target.with_name("elsewhere")
    elsewhere.mkdir()
    target.symlink_to(elsewhere)


def _decisions_inside(target: Path) -> None:
    page.write(support.content(2), target)
    (target / "review.json").write_text("{}")


def _notes_beside_pages(target: Path) -> None:
    page.write(support.content(2), target)
    (target / "videos" / "notes.txt").write_text("mine")


@pytest.mark.parametrize("make", [_foreign_file, _plain_file, _link, _decisions_inside, _notes_beside_pages])
def test_what_is_not_ours_is_left_alone(make: Callable[[Path], None], tmp_path: Path) -> None:
    target = tmp_path / "report"
    make(target)
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"name|Move"):
        page.write(support.content(2), target)
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_failure_on_the_way_leaves_the_earlier_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report"
    page.write(support.content(2), target)
    before = (target / "index.html").read_bytes()

    def fail(*_: object) -> str:
        raise RuntimeError("a picture that cannot be written")

    monkeypatch.setitem(page._environment().filters, "picture", fail)
    with pytest.raises(RuntimeError):
        page.write(support.content(3), target)
    assert (target / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_failing_move_brings_the_earlier_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report"
    page.write(support.content(2), target)
    rename = Path.rename

    def refuse(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise PermissionError("no")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreUnavailable, match="report cannot be written"):
        page.write(support.content(3), target)
    assert len(pages_of(target)) == 3


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".report.parts" / "99999999-1-abc" / "new"
    left.mkdir(parents=True)
    (left / "index.html").write_text("half")
    page.write(support.content(2), tmp_path / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_somebody_who_comes_in_between_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "report"

    def fill(new: Path) -> None:
        _foreign_file(target)

    with pytest.raises(UsageError, match="something else"):
        folders.place(target, fill)
    assert os.listdir(target) == ["index.html"]
