"""Reenactment by pictures: what is drawn for which frame, what becomes of hard frames, and where drawings go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import HardFrames
from models.interfaces.capabilities import Floats, Image
from models.interfaces.twins import AT_REST, DrivingMotion, Patch, Strength, Twin
from models.landmarks import pose
from models.motion.animate import animate
from models.motion.crop import Framing
from models.motion.mesh import overlay
from models.motion.mesh import rows as rows_of
from models.motion.mesh.backend import MeshMotion
from models.motion.mesh.reenact import PoseLimits, Reenactor, turned

SIDE = 128


class Network:
    """Draws one colour per template: the template's only number is the level. Notes what it was asked."""

    name, columns, batch = "fake", 1, 3
    framing = Framing(SIDE, 2.3, -0.125)

    def __init__(self) -> None:
        self.asked: list[list[float]] = []
        self.taken_in: list[Image] = []

    def read(self, crops: Sequence[Image], meshes: Floats) -> Floats:
        assert len(crops) == len(meshes) <= self.batch and all(one.shape == (SIDE, SIDE, 3) for one in crops)
        return np.array([[float(one[SIDE // 2, SIDE // 2].mean())] for one in crops], np.float32)

    def take_in(self, picture: Image) -> Image:
        self.taken_in.append(picture)
        return picture

    def draw(self, source: Image, origin: Floats, rows: Floats) -> list[Image]:
        assert len(rows) <= self.batch
        self.asked.append([float(row[0]) for row in rows])
        return [np.full((SIDE, SIDE, 3), int(row[0]), np.uint8) for row in rows]


def mesh(yaw: float = 0.0, x: float = 160.0) -> Floats:
    angle = np.radians(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return (pose.mean_face() @ turn.T * 60 + (x, 120, 0)).astype(np.float32)


def driving(meshes: Sequence[Floats], usable: Sequence[bool] = (), presence: Sequence[float] = ()) -> DrivingMotion:
    count = len(meshes)
    good, sure = np.array(usable or [True] * count), np.float32(presence or [1.0] * count)
    template = np.arange(10, 10 * count + 10, 10, dtype=np.float32)[:, None]
    return replace(rows_of.of_meshes(np.stack(meshes), good, sure, pose.mean_face()), template=template)


def twin() -> Twin:
    picture = np.random.default_rng(3).integers(60, 200, (256, 256, 3)).astype(np.uint8)
    return Twin(
        picture, (pose.mean_face() * 100 + (128, 128, 0)).astype(np.float32), 0, AT_REST, np.zeros(4, np.float32)
    )


FRAME = np.random.default_rng(4).integers(40, 210, (240, 320, 3)).astype(np.uint8)


def shown(
    track: DrivingMotion, hard: HardFrames = HardFrames.HOLD, rows: Sequence[int] | None = None
) -> tuple[list[Patch | None], Network]:
    network = Network()
    model = Reenactor(network, hard)
    known = model.prepare(twin(), track, 0, FRAME, Strength())
    rows = range(len(track.usable)) if rows is None else rows
    return animate(model, known, track, [FRAME] * len(rows), rows, Strength()), network


def level(patch: Patch | None) -> float:
    """Grey level in the middle of a painted face."""
    assert patch is not None
    x, y = np.round(patch.points[2]).astype(int) - (patch.x, patch.y)
    return float(patch.pixels[y, x].mean())


def test_every_row_gets_its_own_drawing_in_batches_and_the_source_is_taken_in_once() -> None:
    patches, network = shown(driving([mesh()] * 5))
    assert [level(patch) for patch in patches] == [10, 20, 30, 40, 50]
    assert network.asked == [[10, 20, 30], [40, 50]] and len(network.taken_in) == 1


def test_the_source_picture_is_the_frontal_frame_with_the_twin_in_it() -> None:
    track = driving([mesh(), mesh(x=100)])
    model = Reenactor(Network())
    known = model.prepare(twin(), track, 1, FRAME, Strength())
    (patch,) = animate(MeshMotion(), twin(), track, [FRAME], [1], Strength())
    assert known.front is not None and patch is not None and known.front.template.tolist() == [20]
    wide = (known.front.picture.shape[0] - FRAME.shape[0]) // 2
    inner = known.front.picture[wide:-wide, wide:-wide]
    height, width = patch.pixels.shape[:2]
    window = inner[patch.y : patch.y + height, patch.x : patch.x + width]
    assert np.abs(window.astype(int) - patch.pixels).max() <= 3 and not np.array_equal(inner, FRAME)
    rest = np.ones(FRAME.shape[:2], bool)
    rest[patch.y : patch.y + height, patch.x : patch.x + width] = False
    assert np.array_equal(inner[rest], FRAME[rest])
    assert np.abs(known.front.mesh - mesh(x=100) - (wide, wide, 0)).max() < 0.5


def test_a_face_that_the_frontal_frame_cuts_off_is_whole_in_the_source_picture() -> None:
    low = mesh() + np.float32([0, 85, 0])
    assert low[:468, 1].max() > FRAME.shape[0] > low[:468, 1].mean()
    track = driving([low])
    known = Reenactor(Network()).prepare(twin(), track, 0, FRAME, Strength())
    assert known.front is not None
    wide = (known.front.picture.shape[0] - FRAME.shape[0]) // 2
    hull = cv2.convexHull(np.ascontiguousarray(low[:468, :2] + np.float32(wide)))
    inside = np.zeros(known.front.picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(hull).astype(np.int32), 1)
    bare = cv2.copyMakeBorder(FRAME, wide, wide, wide, wide, cv2.BORDER_REPLICATE)
    painted = (known.front.picture != bare).any(axis=2)
    assert painted[inside > 0].mean() > 0.9
    assert Reenactor(Network()).prepare(twin(), driving([mesh(x=700)]), 0, FRAME, Strength()).front is None


def test_a_drawing_with_no_numbers_is_never_shown() -> None:
    class Broken(Network):
        def draw(self, source: Image, origin: Floats, rows: Floats) -> list[Image | None]:
            return [
                None if row[0] == 20 else one for row, one in zip(rows, super().draw(source, origin, rows), strict=True)
            ]

    for hard, expected in ((HardFrames.HOLD, True), (HardFrames.REDACT, True), (HardFrames.MESH, False)):
        track, model = driving([mesh()] * 3), Reenactor(Broken(), hard)
        result = model.animate(model.prepare(twin(), track, 0, FRAME, Strength()), track, [0, 1, 2], Strength())
        assert [one is None for one in result] == [False, expected, False]


def test_the_face_is_covered_and_pixels_far_from_it_stay() -> None:
    track = driving([mesh(), mesh(yaw=20)])
    patches, _ = shown(track)
    for patch, points in zip(patches, track.meshes, strict=True):
        assert patch is not None
        height, width = patch.pixels.shape[:2]
        result = FRAME.copy()
        result[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
        inside = np.zeros(FRAME.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.round(cv2.convexHull(np.ascontiguousarray(points[:468, :2]))).astype(np.int32)], 1)
        colours = result[inside > 0]
        assert (colours == colours[0]).all()
        far = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) > 0.5 * np.ptp(points[:, 0])
        assert np.array_equal(result[far], FRAME[far])


HARD = driving(
    [mesh(), mesh(yaw=43), mesh(), mesh(), mesh()], usable=(True, True, True, True, False), presence=(1, 1, 0.6, 1, 1)
)


def test_hard_frames_are_held_left_to_the_mesh_or_redacted() -> None:
    held, network = shown(HARD, HardFrames.HOLD)
    assert [level(patch) for patch in held[:4]] == [10, 10, 10, 40] and network.asked == [[10, 40]]
    by_mesh, _ = shown(HARD, HardFrames.MESH)
    frontal = MeshMotion().animate(twin(), HARD, [1, 2], Strength())
    for patch, expected in zip(by_mesh[1:3], frontal, strict=True):
        assert patch is not None and expected is not None
        assert np.array_equal(patch.pixels, expected.paint(FRAME).pixels)
    redacted, _ = shown(HARD, HardFrames.REDACT)
    assert [patch is None for patch in redacted] == [False, True, True, False, True]
    # What is not usable is redacted whatever the policy.
    assert held[4] is None and by_mesh[4] is None


def test_a_hard_beginning_is_held_by_the_first_good_frame_and_without_any_nothing_is_drawn() -> None:
    late = replace(HARD, presence=np.float32([0, 0, 1, 1, 1]))
    patches, _ = shown(late, HardFrames.HOLD)
    assert [level(patch) for patch in patches[:4]] == [30, 30, 30, 40]
    never = replace(HARD, presence=np.zeros(5, np.float32))
    assert shown(never, HardFrames.HOLD)[0] == [None] * 5


def test_a_row_that_the_network_could_not_read_is_hard() -> None:
    unread = replace(HARD, template=np.where(np.arange(5)[:, None] == 3, np.nan, HARD.template).astype(np.float32))
    patches, network = shown(unread, HardFrames.REDACT)
    assert patches[3] is None and network.asked == [[10]]


def test_without_its_frontal_frame_a_twin_cannot_be_performed() -> None:
    model = Reenactor(Network(), HardFrames.HOLD)
    assert model.animate(twin(), HARD, [0, 1], Strength()) == [None, None]
    away = driving([mesh(x=9000)])
    assert model.prepare(twin(), away, 0, FRAME, Strength()).front is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.booleans()), min_size=1, max_size=6),
       st.sampled_from(list(HardFrames)))  # fmt: skip
def test_no_policy_ever_shows_what_is_not_usable_and_redaction_shows_nothing_hard(
    flags: list[tuple[bool, float, bool]], hard: HardFrames
) -> None:
    usable, presence, read = zip(*flags, strict=True)
    track = driving([mesh()] * len(flags), usable, presence)
    track = replace(track, template=np.where(np.array(read)[:, None], track.template, np.nan).astype(np.float32))
    model = Reenactor(Network(), hard)
    known = replace(twin(), front=model.prepare(twin(), driving([mesh()]), 0, FRAME, Strength()).front)
    result = model.animate(known, track, range(len(flags)), Strength())
    easy = model.within_limits(track)
    assert all(one is None for one, good in zip(result, usable, strict=True) if not good)
    assert all(one is not None for one, good in zip(result, easy, strict=True) if good)
    if hard is HardFrames.REDACT:
        assert [one is not None for one in result] == easy.tolist()


@pytest.mark.parametrize("yaw", [0, 20, -20, 44, 80])
def test_turns_are_measured_from_the_rotation(yaw: float) -> None:
    across, down = turned(driving([mesh(yaw=yaw)]).rotation)
    assert across[0] == pytest.approx(abs(yaw), abs=0.5) and down[0] == pytest.approx(0, abs=0.5)
    assert PoseLimits().most_yaw < 45


def test_a_drawing_that_does_not_cover_the_face_is_refused() -> None:
    drawing = np.full((SIDE, SIDE, 3), 90, np.uint8)
    narrow = np.array([[0.5, 0, 128], [0, 0.5, 88], [0, 0, 1]], np.float32)
    assert overlay.lay_over(FRAME, drawing, narrow, mesh(), mesh(), 0.1) is None
    wide = np.array([[2.5, 0, 0], [0, 2.5, -40], [0, 0, 1]], np.float32)
    assert overlay.lay_over(FRAME, drawing, wide, mesh(), mesh(), 0.1) is not None


def test_a_small_face_is_an_average_of_its_drawing() -> None:
    drawing = np.zeros((512, 512, 3), np.uint8)
    drawing[:, ::2] = 200
    small = (pose.mean_face() * 14 + (60, 60, 0)).astype(np.float32)
    to_frame = np.array([[0.125, 0, 28], [0, 0.125, 28], [0, 0, 1]], np.float32)
    patch = overlay.lay_over(np.zeros((120, 120, 3), np.uint8), drawing, to_frame, small, small, 0.1)
    assert patch is not None
    x, y = 60 - patch.x, 60 - patch.y
    assert np.abs(patch.pixels[y - 4 : y + 4, x - 4 : x + 4].astype(int) - 100).max() <= 4


def test_a_picture_that_is_drawn_as_it_is_comes_back_to_where_it_was_taken() -> None:
    class Still(Network):
        framing = Framing(512, 2.3, -0.125)

        def read(self, crops: Sequence[Image], meshes: Floats) -> Floats:
            return np.zeros((len(crops), 1), np.float32)

        def draw(self, source: Image, origin: Floats, rows: Floats) -> list[Image]:
            return [source for _ in rows]

    smooth = cv2.GaussianBlur(FRAME, (0, 0), 4)
    turn = cv2.getRotationMatrix2D((160, 120), 25, 1.0)
    tilted = np.concatenate([mesh()[:, :2] @ turn[:, :2].T + turn[:, 2], mesh()[:, 2:]], axis=1).astype(np.float32)
    for points in (mesh(), tilted, mesh(yaw=30)):
        track = driving([points])
        model = Reenactor(Still(), HardFrames.REDACT)
        plain = replace(twin(), picture=cv2.GaussianBlur(twin().picture, (0, 0), 5))
        known = model.prepare(plain, track, 0, smooth, Strength())
        (patch,) = animate(model, known, track, [smooth], [0], Strength())
        assert patch is not None and known.front is not None
        height, width = patch.pixels.shape[:2]
        wide = (known.front.picture.shape[0] - smooth.shape[0]) // 2
        inner = known.front.picture[wide:-wide, wide:-wide]
        window = inner[patch.y : patch.y + height, patch.x : patch.x + width].astype(int)
        inside = np.zeros((height, width), np.uint8)
        hull = cv2.convexHull(np.ascontiguousarray(points[:468, :2])) - (patch.x, patch.y)
        cv2.fillConvexPoly(inside, np.round(hull).astype(np.int32), 1)
        assert np.abs(patch.pixels - window)[inside > 0].mean() < 2.5


def test_a_hidden_face_is_hard() -> None:
    covered = replace(driving([mesh()] * 4), hidden=np.float32([0, 0.1, 0.4, 0.19]))
    patches, _ = shown(covered, HardFrames.REDACT)
    assert [patch is None for patch in patches] == [False, False, True, False]
