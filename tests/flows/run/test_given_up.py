"""What kills, blocks or starves the conversion of one video: that video fails with a reason, and the others go on."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.recipes.clock import Clock
from flows.recipes.context import Context, StageResult
from flows.run import input_run, recording, sources, watchdog
from flows.run.cancelled import Cancelled
from flows.run.watchdog import Watchdog
from infra.errors import MediaError, StoreUnavailable
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tests.flows.support import Collector, grey_chain, run

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.flows.support import grey_chain, run
def killed(source, info, context):
    if info.width == 176:
        os.kill(os.getpid(), signal.SIGKILL)
    return grey_chain(source, info, context)
run(Path(sys.argv[1]), Path(sys.argv[2]), killed)
"""


@pytest.fixture
def films(made: Callable[..., Path], tmp_path: Path) -> Path:
    place = tmp_path / "Jane"
    place.mkdir()
    (place / "a.mp4").write_bytes(made("plain.mp4").read_bytes())
    (place / "b.mp4").write_bytes(made("other.mp4", size="176x144").read_bytes())
    return place


def reasons(out: Path, films: Path, chain: Callable[..., StageResult] = grey_chain, **settings: float) -> list[str]:
    summary, _ = run(films, out, chain, Settings(**settings))  # type: ignore[arg-type]
    return [f"{o.row.verdict.value} {o.row.reason}".strip() for o in summary.outcomes]


def identifying() -> list[str]:
    return Store(Settings().cache_url).list_tree("identifying")


def test_two_crashes_give_a_video_up_until_it_is_retried(films: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(input_run.CRASHES):
        done = subprocess.run([sys.executable, "-c", KILLED, str(films), str(out)], cwd=ROOT, timeout=120)
        assert done.returncode == -signal.SIGKILL
    assert identifying(), "what the killed process had made is there"
    summary, _ = run(films, out)
    assert [o.row.reason for o in summary.outcomes] == ["", "crashed"]
    assert identifying() == []
    assert reasons(out, films) == ["published", "failed crashed"], "also not tried by the next run"
    with Leases(Store(Settings().cache_url)) as leases:
        leases.forget(summary.outcomes[1].row.public_id)
    assert reasons(out, films, overwrite=True) == ["published", "published"]


def test_one_crash_is_forgiven(films: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert subprocess.run([sys.executable, "-c", KILLED, str(films), str(out)], cwd=ROOT, timeout=120).returncode < 0
    assert reasons(out, films) == ["published", "published"]
    assert Store(Settings().cache_url).list_tree("safe/leases") == []


def test_what_takes_too_long_ends_at_its_next_step_and_is_not_tried_again(
    films: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.settings._ALWAYS_ALLOWED_S", 0.5)

    def slow(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 176:
            for _ in range(100):
                time.sleep(0.1)
                context.stage("faces", lambda advance: advance(1))
        return grey_chain(source, info, context)

    out = tmp_path / "out"
    began = time.monotonic()
    assert reasons(out, films, slow, time_limit=0.1)[1] == "failed time_limit"
    assert time.monotonic() - began < 9
    assert reasons(out, films, time_limit=0.1)[1] == "failed time_limit"
    with Leases(Store(Settings().cache_url)) as leases:
        for name in {path.split("/")[2] for path in Store(Settings().cache_url).list_tree("safe/leases")}:
            leases.forget(name)
    assert reasons(out, films, overwrite=True) == ["published", "published"]


def test_a_video_that_hangs_is_marked_and_the_process_ends(home: Path) -> None:
    store, ended = Store(Settings().cache_url), threading.Event()
    statuses: list[int] = []

    def end(status: int) -> None:
        statuses.append(status)
        ended.set()

    with Leases(store) as leases, Watchdog(leases, 0.1, end) as dog:
        quick, hung = Clock(1, "quick", Collector()), Clock(2, "hung", Collector())
        hung.allowed_s = 0.0
        with dog.watching("quick", quick), dog.watching("hung", hung):
            assert ended.wait(10)
        assert statuses == [watchdog.EXIT_STATUS]
        assert leases.poisoned("hung") == watchdog.HUNG and leases.poisoned("quick") == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device: /data/Jane/a.mp4"), "no_space"),
        (StoreUnavailable("The store does not answer."), "store_unavailable"),
        (OSError(errno.EIO, "Input/output error: /data/Jane/a.mp4"), "unexpected"),
    ],
)
def test_want_of_room_is_told_and_costs_one_video(
    error: Exception, reason: str, films: Path, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def starved(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 176:
            raise error
        return grey_chain(source, info, context)

    out = tmp_path / "out"
    assert reasons(out, films, starved) == ["published", f"failed {reason}"]
    assert "Jane" not in caplog.text + (out / "manifest.jsonl").read_text()
    assert reasons(out, films) == ["published", "published"]


def test_a_full_scratch_disk_costs_the_copy_of_a_remote_source_only(
    films: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{tmp_path.name}/a.mp4", (films / "a.mp4").read_bytes())
    real = sources.download

    def full(url: str, destination: Path) -> None:
        destination.write_bytes(b"the beginning")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sources, "download", full)
    summary, _ = run(f"memory://{tmp_path.name}", tmp_path / "out")
    assert [o.row.reason for o in summary.outcomes] == ["no_space"]
    monkeypatch.setattr(sources, "download", real)
    summary, _ = run(f"memory://{tmp_path.name}", tmp_path / "out")
    assert [o.row.verdict.value for o in summary.outcomes] == ["published"]


def test_a_source_deleted_while_it_is_converted_is_never_published(films: Path, home: Path, tmp_path: Path) -> None:
    def deleting(source: Path, info: VideoInfo, context: Context) -> StageResult:
        if info.width == 176:
            source.unlink()
        return grey_chain(source, info, context)

    out = tmp_path / "out"
    first = reasons(out, films, deleting)
    assert first[0] == "published" and first[1].startswith("failed ")
    assert len(list((out / "videos").iterdir())) == 1
    assert reasons(out, films) == ["published"]


def test_a_source_replaced_while_it_is_converted_is_never_published(films: Path, home: Path, tmp_path: Path) -> None:
    """Faces were looked for in the old frames; the new ones would be published with them."""

    def replacing(source: Path, info: VideoInfo, context: Context) -> StageResult:
        result = grey_chain(source, info, context)
        if info.width == 176:
            source.write_bytes((films / "a.mp4").read_bytes())
        return result

    out = tmp_path / "out"
    assert reasons(out, films, replacing) == ["published", "failed source_changed"]
    assert len(list((out / "videos").iterdir())) == 1
    assert reasons(out, films) == ["published", "published"]


def test_a_taken_over_video_is_left_to_the_other(films: Path, home: Path, tmp_path: Path) -> None:
    """The lease is lost in the middle; whoever has it now brings the video to its verdict."""
    (films / "b.mp4").unlink()
    store, tries = Store(Settings().cache_url), []

    def overtaken(source: Path, info: VideoInfo, context: Context) -> StageResult:
        tries.append(context.public_id)
        if len(tries) == 1:
            lease = f"safe/leases/{context.public_id}/000001"
            store.write_named(lease, b'{"machine": "another"}')
            until = time.monotonic() + 20
            while time.monotonic() < until:
                time.sleep(0.02)
                context.stage("faces", lambda advance: advance(1))
            raise AssertionError("the loss was not noticed")
        return grey_chain(source, info, context)

    real = Leases.__init__

    def quick(leases: Leases, place: Store, about: str = "") -> None:
        real(leases, place, 0.4, about)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leases, "__init__", quick)
        summary, _ = run(films, tmp_path / "out", overtaken)
    assert len(tries) == 2 and [o.row.verdict.value for o in summary.outcomes] == ["published"]
    assert list((tmp_path / "out" / "videos").iterdir())


def test_cancelling_forgets_no_crash_and_counts_none(films: Path, home: Path, tmp_path: Path) -> None:
    def stopped(source: Path, info: VideoInfo, context: Context) -> StageResult:
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(Cancelled):
            run(films, tmp_path / "out", stopped)
    assert reasons(tmp_path / "out", films) == ["published", "published"]


def test_own_errors_keep_their_codes() -> None:
    assert recording.failure_code(MediaError("truncated", "x")) == "truncated"
    assert recording.failure_code(StoreUnavailable("x")) == "store_unavailable"


FAKE = """#!{python}
import os, subprocess, sys, time
real, kind, once = {real!r}, {kind!r}, {once!r}
if "rawvideo" not in sys.argv or not os.path.exists(once):
    os.execv(real, [real, *sys.argv[1:]])
os.remove(once)
child = subprocess.Popen([real, *sys.argv[1:]], stdout=subprocess.PIPE)
os.write(1, child.stdout.read(50000))
child.kill()
if kind == "dies":
    os.kill(os.getpid(), 9)
time.sleep(120)
"""


@pytest.mark.parametrize("kind", ["dies", "hangs"])
def test_a_decoder_that_dies_or_hangs_costs_one_video(
    kind: str, films: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ffmpeg is replaced by one that fails in the middle of one stream, once."""
    real, once, folder = shutil.which("ffmpeg"), tmp_path / "once", tmp_path / "bin"
    folder.mkdir()
    once.touch()
    fake = folder / "ffmpeg"
    fake.write_text(FAKE.format(python=sys.executable, real=real, kind=kind, once=str(once)))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr("infra.media.decode._SILENCE_S", 2.0)
    out = tmp_path / "out"
    first = reasons(out, films)
    assert not once.exists() and sorted(first) == ["failed tool", "published"]
    assert len(list((out / "videos").iterdir())) == 1
    assert reasons(out, films) == ["published", "published"]
    assert identifying() == []


@pytest.mark.parametrize("damage", [b"", b"cut", None])
def test_damaged_intermediates_are_made_again(damage: bytes | None, films: Path, home: Path, tmp_path: Path) -> None:
    """A run is stopped, its cache is damaged in every object, and the next run makes what the first would have made."""

    def stopped(source: Path, info: VideoInfo, context: Context) -> StageResult:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        run(films, tmp_path / "out", stopped)
    store = home / "anonflow" / "store" / "identifying"
    objects = [path for path in store.rglob("*") if path.is_file() and "objects" in path.parts]
    assert objects
    for path in objects:
        path.write_bytes(path.read_bytes()[::-1] if damage is None else damage)
    assert reasons(tmp_path / "out", films) == ["published", "published"]
    assert identifying() == []


def test_a_scratch_disk_that_is_really_full(films: Path, home: Path, tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here; it takes root's rights")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANONFLOW_SCRATCH", str(disk))
            (disk / "others").write_bytes(b"x" * 200_000)
            starved = reasons(tmp_path / "out", films)
            assert starved == ["failed no_space"] * 2
            assert not list((tmp_path / "out" / "videos").glob("*"))
            (disk / "others").unlink()
            assert reasons(tmp_path / "out", films) == ["published", "published"]
            assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
