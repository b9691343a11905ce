"""The whole chain with real networks, on a few real frames, converted once; and a recheck of the result."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from flows.manifest import face_records
from flows.manifest.rows import VideoRow
from flows.recheck import recheck
from infra.errors import WeightsError
from infra.media.frame import YuvFrame
from infra.media.probe import probe_video
from infra.media.video_info import VideoInfo
from infra.settings import OnFailure, Settings
from infra.storage.store import Store
from models.embedding.calibration import calibration
from models.weights import weight_files
from tasks.output import sound
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.rechecks import found, recheck_all
from tests.flows.support import real_chain, run


@dataclass(frozen=True)
class Converted:
    """A run over `source` into `out`, under the key in `key`. Not to be changed."""

    source: Path
    out: Path
    row: VideoRow
    key: Path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Callable[..., None]) -> Converted:
    """A few real frames with sound, by the embedded networks."""
    contracts.load("embedder", "facenet")
    folder = tmp_path_factory.mktemp("converted")
    source = folder / "Jane.mp4"
    try:
        clip = weight_files.path("demo-clip")
    except WeightsError as error:
        pytest.skip(str(error))
    # Longer than `limits.APART_FRAMES`, so that samples are held against others of another moment.
    ffmpeg("-i", clip, "-t", "0.6", "-c:v", "libx264", "-crf", "12", "-c:a", "copy", source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANONFLOW_KEY_FILE", str(folder / "key"))
        settings = Settings(cache_url=f"file://{folder}/cache", on_failure=OnFailure.REDACT)
        summary, _ = run(source, folder / "out", real_chain, settings)
    return Converted(source, folder / "out", summary.outcomes[0].row, folder / "key")


def test_a_few_real_frames_become_somebody_else(converted: Converted) -> None:
    row = converted.row
    assert row.verdict in (Verdict.PUBLISHED, Verdict.REDACTED), row.message
    result = probe_video(converted.out / row.output)
    info = probe_video(converted.source)
    assert row.frames == result.frame_count == info.frame_count
    assert np.array_equal(result.pts - result.pts[0], (info.pts - info.pts[0]) * (info.time_base / result.time_base))
    assert row.faces_replaced + row.faces_redacted >= info.frame_count and row.audio_copied
    assert all(score["recognised"] == 0 for score in row.audit)
    assert row.identities == 1 and 1 <= len(row.attempts) <= Settings().max_attempts


def test_by_the_mesh_the_audit_sees_the_twin_everywhere(converted: Converted) -> None:
    """The look that tests/flows/recipes/test_motion_backends.py shows to withhold what is no twin."""
    row = converted.row
    assert row.verdict is Verdict.PUBLISHED, row.message
    assert row.audit and all(score["to_twin"] < calibration(score["embedder"]).far_1 for score in row.audit)


def test_a_real_result_passes_a_recheck_with_and_without_its_record_and_its_source(
    converted: Converted, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANONFLOW_KEY_FILE", str(converted.key))
    source, out, row = str(converted.source), tmp_path / "out", converted.row
    shutil.copytree(converted.out, out)
    assert row.output, row.message
    store = Store(str(out), private=False)
    assert face_records.load(store, row.public_id, row.output_sha256) is not None
    assert found(recheck_all(out)) == {} and found(recheck_all(out, source=source)) == {}
    for folder in (face_records.FOLDER, recheck.FOLDER):
        store.remove_tree(folder)
    after = recheck_all(out, source=source)
    assert found(after) == {} and after.outcomes[0].source and after.again == 1


def test_nothing_is_published_when_the_audit_saw_a_frame_less_than_the_source_has(
    made: Callable[..., Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made("plain.mp4")
    contracts.load("detector", "yunet")
    whole, _ = run(source, tmp_path / "out", real_chain)
    assert whole.outcomes[0].row.verdict is Verdict.PUBLISHED
    opened = sound.open_frames

    @contextlib.contextmanager
    def lossy(path: Path, info: VideoInfo) -> Iterator[Iterator[YuvFrame]]:
        with opened(path, info) as frames:
            yield (frame for frame in frames if path.name != "finished.mp4" or frame.index != 5)

    monkeypatch.setattr(sound, "open_frames", lossy)
    settings = Settings(overwrite=True, on_failure=OnFailure.REDACT)
    row = run(source, tmp_path / "out", real_chain, settings)[0].outcomes[0].row
    assert (row.verdict, row.reason, row.output) == (Verdict.WITHHELD, "audit_incomplete", "")
    assert "11 frames" in row.message and "12" in row.message
    assert not list((tmp_path / "out" / "videos").iterdir()), "the earlier result must go too"
