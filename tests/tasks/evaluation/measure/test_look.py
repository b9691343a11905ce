"""One frame of both files, through stand-ins for the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from infra.media.frame import YuvFrame
from models.attributes import skin
from models.landmarks import topology
from models.motion.mesh.backend import face_of
from tasks.evaluation.measure import figures, quality
from tasks.evaluation.measure.look import SAMPLED, Looker, Row
from tasks.records import Track, Tracks
from tests.tasks import support
from tests.tasks.evaluation.measure.support import Attacker, Features, instruments

FRAMES = [support.yuv(picture, n) for n, picture in enumerate(support.noise(8))]
SAME = np.arange(8)


def looker(
    ours: Tracks,
    theirs: Tracks,
    mapping: Sequence[int] | np.ndarray = SAME,
    every: int = 1,
    attacker: Attacker | None = None,
    people: dict[int, int] | None = None,
) -> Looker:
    known = people or {track.index: track.index for track in ours.tracks}
    tools = instruments([attacker or Attacker()])
    return Looker(ours, theirs, known, np.asarray(mapping, np.int64), tools, every)


def one(rows: tuple[list[Row], tuple[float, float]]) -> Row:
    assert len(rows[0]) == 1
    return rows[0][0]


def hidden(track: Track) -> Track:
    """The track where neither detector nor mesh sees anything."""
    return replace(track, detected=np.zeros(track.length, bool), presence=np.zeros(track.length, np.float32))


def test_a_frame_beside_itself() -> None:
    found = support.tracks(support.track())
    both = looker(found, found)
    rows = both.look((FRAMES[3], FRAMES[3]))
    row = one(rows)
    assert (row.frame, row.person, row.found) == (3, 0, True) and row.side == pytest.approx(90)
    ours, theirs = row.sides
    assert theirs is not None and np.array_equal(ours.vectors[0], theirs.vectors[0])
    assert np.isfinite(ours.figures).all() and np.array_equal(ours.figures, theirs.figures)
    assert ours.aligned.shape == (96, 96, 3) and np.array_equal(ours.aligned, theirs.aligned)
    assert rows[1] == (100.0, pytest.approx(1.0)) and both.extra == 0 and both.unpaired == 0


def test_the_same_pixels_are_rated_on_both_sides() -> None:
    ours, theirs = support.track(side=110), support.track(x=168, y=126, side=80)
    both = looker(support.tracks(ours), support.tracks(theirs))
    row = one(both.look((FRAMES[0], FRAMES[1])))
    for side, frame in zip(row.sides, FRAMES, strict=False):
        assert side is not None
        shown = quality.crop(frame.to_bgr(), support.face(160, 120, 110))
        assert shown is not None and side.quality == pytest.approx(shown.mean())
    assert row.sides[0].quality != row.sides[1].quality  # type: ignore[union-attr]


def test_no_quality_where_no_face_is_seen_or_the_size_is_another_or_it_is_small() -> None:
    ours = support.tracks(support.track(side=110))
    run_plain = one(looker(ours, support.tracks(hidden(support.track(side=110)))).look((FRAMES[0], FRAMES[1])))
    small = support.yuv(np.ascontiguousarray(FRAMES[1].to_bgr()[:200, :300]))
    other = one(looker(ours, support.tracks(support.track(side=110), width=300, height=200)).look((FRAMES[0], small)))
    for row in (run_plain, other):
        assert np.isfinite(row.sides[0].quality) and np.isnan(row.sides[1].quality)  # type: ignore[union-attr]
    tiny = support.tracks(support.track(side=40))
    assert np.isnan(one(looker(tiny, tiny).look((FRAMES[0], FRAMES[0]))).sides[0].quality)


def test_features_are_of_the_same_square_on_both_sides_of_the_rows_that_are_looked_at_closely() -> None:
    ours = support.tracks(support.track(n=30, side=40), frames=30)
    tools = replace(instruments([Attacker()]), features=Features())
    both = Looker(ours, ours, {0: 0}, np.arange(30), tools, 1)
    frames = [support.yuv(picture, n) for n, picture in enumerate(support.noise(30))]
    rows = [one(both.look((frame, frame))) for frame in frames]
    looked = [row for row in rows if row.sides[0].texture is not None]
    assert len(looked) == SAMPLED
    for row in looked:
        before, after = row.sides
        assert after is not None and np.array_equal(before.texture, after.texture)  # type: ignore[arg-type]
    assert isinstance(tools.features, Features) and set(tools.features.shapes) == {(52, 52, 3)}, "also of a small face"
    other = looker(ours, support.tracks(support.track(n=30, side=20), frames=30, width=160, height=120), np.arange(30))
    small = support.yuv(support.noise(1, 160, 120)[0])
    assert one(other.look((frames[0], small))).sides[0].texture is None, "nobody asked"
    sized = Looker(ours, ours, {0: 0}, np.arange(30), tools, 1)
    row = one(sized.look((frames[0], small)))
    assert row.sides[0].texture is not None and row.sides[1].texture is None  # type: ignore[union-attr]


def test_each_number_is_of_its_own_mesh_and_picture() -> None:
    ours, theirs = support.track(), support.track(x=170, side=80)
    theirs = replace(theirs, blendshapes=np.full((8, 52), 0.5, np.float32))
    attacker = Attacker()
    row = one(looker(support.tracks(ours), support.tracks(theirs), attacker=attacker).look((FRAMES[0], FRAMES[1])))
    expected = face_of(theirs.mesh[0])
    assert attacker.faces[1].box == pytest.approx(expected.box), "where it is, not where the source was"
    assert attacker.faces[1].points == pytest.approx(topology.five_points(theirs.mesh[0]))
    for side, track, frame in zip(row.sides, (ours, theirs), FRAMES, strict=False):
        assert side is not None
        mesh = figures.Mesh(track.mesh[0], 1.0, track.blendshapes[0])
        assert side.figures == pytest.approx(figures.figures(mesh, 320, 240), abs=1e-4)
        picture = frame.to_bgr()
        assert side.looks[:3] == pytest.approx(
            [picture.mean(), 0.25, skin.measure(picture, track.mesh[0])[0]], abs=1e-3
        )
        assert side.looks[3:5].tolist() == [33, 0.75]
        assert side.looks[5:].tolist() == [0, 0, 0, 0, 0, 0, 1]
        # Both by the mesh of the original, so that its jitter is in both.
        place = figures.Mesh(ours.mesh[0], 1.0, ours.blendshapes[0])
        assert np.array_equal(side.aligned, figures.aligned([picture], place)[0])
        assert (side.shapes == track.blendshapes[0]).all()


@pytest.mark.parametrize("theirs", [(), (hidden(support.track()),), (support.track(x=40, side=50),)])
def test_where_no_face_is_seen_the_attacker_is_granted_its_place(theirs: tuple[Track, ...]) -> None:
    attacker = Attacker()
    row = one(looker(support.tracks(support.track()), support.tracks(*theirs), attacker=attacker).look(FRAMES[:2]))  # type: ignore[arg-type]
    assert not row.found and row.sides[1] is not None
    granted = attacker.faces[1]
    assert granted.box == pytest.approx(face_of(support.mesh(160, 120, 90)).box) and granted.points == pytest.approx(
        attacker.faces[0].points
    )
    assert np.isfinite(row.sides[1].vectors[0]).all()
    for unknown in (row.sides[1].figures, row.sides[1].shapes, row.sides[1].looks):
        assert np.isnan(unknown).all()
    assert row.sides[1].aligned.size, "how it flickers there is known all the same"


def test_a_frame_that_is_not_there_has_no_other_side() -> None:
    ours = support.tracks(support.track())
    rows = looker(ours, Tracks((), 0, 1, 1), np.full(8, -1)).look((FRAMES[0], None))
    row = one(rows)
    assert row.sides[1] is None and not row.found and np.isfinite(row.sides[0].vectors[0]).all()
    assert np.isnan(rows[1]).all()


@pytest.mark.parametrize("seen", [True, False])
def test_a_file_of_half_the_size_is_looked_at_in_its_own_pixels(seen: bool) -> None:
    attacker = Attacker()
    small = support.tracks(*[support.track(x=80, y=60, side=45)] * seen, width=160, height=120)
    rows = looker(support.tracks(support.track()), small, attacker=attacker).look(
        (FRAMES[0], support.yuv(support.noise(1, 160, 120)[0]))
    )
    row = one(rows)
    assert row.found == seen and row.side == pytest.approx(90)
    assert attacker.faces[1].box == pytest.approx(face_of(support.mesh(80, 60, 45)).box, abs=0.01)
    assert attacker.faces[1].points == pytest.approx(attacker.faces[0].points / 2, abs=0.01)
    assert row.sides[1] is not None and row.sides[0].aligned.size and not row.sides[1].aligned.size
    assert np.isnan(rows[1]).all(), "pictures of two sizes cannot be compared pixel by pixel"


def test_attackers_see_the_face_by_the_mesh_that_is_read_in_each_picture() -> None:
    attacker, found = Attacker(), support.tracks(support.track())
    one(looker(found, found, attacker=attacker).look((FRAMES[0], FRAMES[0])))
    expected = face_of(support.mesh(160, 120, 90))
    assert len(attacker.faces) == 2
    for face in attacker.faces:
        assert face.box == pytest.approx(expected.box, abs=0.01)
        assert face.points == pytest.approx(expected.points, abs=0.01)


@pytest.mark.parametrize("unknown", [np.nan, 1.0], ids=["no mesh", "no face in the mesh"])
def test_a_face_without_a_mesh_is_embedded_but_not_measured(unknown: float) -> None:
    track = replace(support.track(), presence=np.zeros(8, np.float32), mesh=unknown * support.track().mesh)
    row = one(looker(*[support.tracks(track)] * 2).look((FRAMES[0], FRAMES[0])))
    for side in row.sides:
        assert side is not None and np.isfinite(side.vectors[0]).all() and row.found
        assert np.isnan(side.figures).all() and np.isnan(side.shapes).all() and not side.aligned.size
        assert np.isfinite(side.looks[[0, 1, *range(3, 12)]]).all() and np.isnan(side.looks[2])


def test_faces_count_as_background_on_neither_side() -> None:
    changed = support.noise(8)[0]
    changed[0:50, 270:320] = 0
    theirs = support.tracks(support.track(), support.track(1, 0, 8, 295, 25, 50))
    _, ratios = looker(support.tracks(support.track()), theirs).look((FRAMES[0], support.yuv(changed)))
    assert ratios[0] == 100, "what changed is a face of the anonymized file"
    _, ratios = looker(*[support.tracks(support.track())] * 2).look((FRAMES[0], support.yuv(changed)))
    assert ratios[0] < 30


def test_looks_are_taken_on_some_rows_spread_over_each_person() -> None:
    a, b, c = support.track(0, 0, 40), support.track(1, 0, 3, 60, 60, 50), support.track(2, 40, 60)
    both = looker(
        support.tracks(a, b, c, frames=100), support.tracks(frames=100), np.arange(100), people={0: 7, 1: 8, 2: 7}
    )
    frames = [YuvFrame(n, n, 320, 240, FRAMES[0].data) for n in range(100)]
    rows = [row for frame in frames for row in both.look((frame, None))[0]]
    closely = {
        person: [r.frame for r in rows if r.person == person and np.isfinite(r.sides[0].looks[0])] for person in (7, 8)
    }
    assert closely[8] == [0, 1, 2] and len(closely[7]) == SAMPLED == 24
    assert closely[7][0] == 0 and closely[7][-1] == 99 and max(np.diff(closely[7])) <= 5


def test_faces_that_were_not_there_are_counted_on_frames_looked_at() -> None:
    ours = support.tracks(support.track(0, 0, 4))
    theirs = support.tracks(
        support.track(), support.track(1, 2, 5, 60, 60, 50), hidden(support.track(2, 0, 8, 280, 200, 60))
    )
    # Somebody else on frames 2 to 6, the person itself on 4 to 7.
    assert looker(ours, theirs).extra == 5 + 4
    assert looker(ours, theirs, every=2).extra == 3 + 2
    assert looker(ours, theirs, np.full(8, -1)).extra == 0
    assert looker(ours, support.tracks()).extra == 0


def test_a_face_that_was_found_twice_is_one_too_many() -> None:
    theirs = support.tracks(support.track(0), support.track(1, x=165))
    assert looker(support.tracks(support.track()), theirs).extra == 8


def test_frames_that_belong_to_none_of_the_original_are_counted() -> None:
    ours = support.tracks(support.track())
    assert looker(ours, support.tracks(frames=11)).unpaired == 3, "it goes on for longer"
    assert looker(ours, support.tracks(frames=16), np.arange(8) * 2).unpaired == 8, "twice the rate"
    assert looker(ours, support.tracks(frames=4), np.arange(8) // 2).unpaired == 0, "half the rate"
    assert looker(ours, support.tracks(frames=8), np.full(8, -1)).unpaired == 8, "at another time"
    assert looker(ours, support.tracks(), every=4).unpaired == 0, "passed over on purpose"
    assert looker(ours, Tracks((), 0, 1, 1), np.full(8, -1)).unpaired == 0
