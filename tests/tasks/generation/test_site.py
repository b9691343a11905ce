"""Where twins are painted: on which samples, and what is shown around a face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.interfaces.twins import Strength
from models.masks.bisenet import LABELS
from tasks.analysis.motion import DrivingMotions
from tasks.analysis.samples import Samples
from tasks.generation import site
from tasks.generation.site import Site
from tasks.records import Tracks
from tests.tasks import support


def site_for(
    found: Tracks, drivings: DrivingMotions, motion: support.Painter | None = None, tied: bool = False
) -> Site | None:
    """The first identity's site."""
    crop = support.samples(found, (0,)).samples[0].crop
    rows = [(track, row) for track in found.tracks for row in (0, 4) if row < track.length]
    cut = tuple(support.sample(track, row, crop, tied or row == 0) for track, row in rows)
    identity = support.people(found).identities[0]
    return site.site_of(identity, found, Samples(cut), drivings, motion or support.Painter(), support.Parser())


def test_a_face_that_can_never_be_painted_has_no_site() -> None:
    found = support.tracks(support.track())
    (driving,) = support.drivings(found, support.people(found)).drivings
    assert site_for(found, DrivingMotions((driving,))) is not None
    assert site_for(found, DrivingMotions((replace(driving, usable=np.zeros(8, bool)),))) is None


def test_samples_that_the_motion_model_could_not_read_are_none() -> None:
    found = support.tracks(support.track())
    (driving,) = support.drivings(found, support.people(found)).drivings
    read = np.zeros((8, 3), np.float32)
    read[4:] = np.nan
    made = site_for(found, DrivingMotions((replace(driving, template=read),)))
    assert made is not None and [sample.row for sample in made.samples] == [0]


def test_bare_skin_is_skin_and_not_glasses() -> None:
    labels = np.ones((64, 64), np.uint8)
    labels[:, 32:] = LABELS.index("glasses")
    mask = site.bare_skin(labels, support.Parser())
    assert mask.shape == (64, 64) and mask.dtype == np.uint8
    assert (mask[8:-8, 8:24] == 255).all() and not mask[:, 32:].any()


def test_nobody_else_is_in_the_picture_that_a_motion_model_gets_to_know() -> None:
    """Two faces that touch: what is shown around one face must not be the other's."""
    near, far = support.track(0, n=4, x=120, side=80), support.track(1, first=1, n=3, x=190, side=70)
    found = support.tracks(near, far, frames=4)
    crop = np.full((support.HEIGHT, support.WIDTH, 3), 40, np.uint8)
    x0, y0, x1, y1 = far.boxes[1].astype(int)
    crop[y0:y1, x0:x1] = (0, 0, 255)
    seen = site.without_others(support.sample(near, 2, crop), found)
    assert (seen[..., 2] != 255).all() and (crop[..., 2] == 255).any()
    assert (seen[100:140, 90:110] == 40).all(), "the own face stays"
    # On a frame where the other is not, nothing is taken away; nor elsewhere in a crop that is a part of the frame.
    assert np.array_equal(site.without_others(support.sample(near, 0, crop), found), crop)
    part = np.ascontiguousarray(crop[40:200, 60:260])
    assert (site.without_others(replace(support.sample(near, 2, part), x=60, y=40), found)[..., 2] != 255).all()


def test_the_motion_model_is_introduced_on_a_picture_without_the_others() -> None:
    pictures: list[np.ndarray] = []

    class Curious(support.Painter):
        def prepare(self, some, driving, row, frame, strength):  # type: ignore[no-untyped-def]
            pictures.append(frame)
            return some

    found = support.tracks(support.track(0, x=120, side=80), support.track(1, x=230, side=70))
    painter = Curious()
    made = site_for(found, support.drivings(found, support.people(found)), painter)
    assert made is not None
    made.fit(support.twin(), painter, Strength())
    assert len(pictures) == 1 and (pictures[0][100:140, 215:245] == 128).all()
    assert not (pictures[0][100:140, 100:140] == 128).all()


def test_a_clear_frontal_frame_is_taken_where_there_is_one() -> None:
    near = support.track(0, n=8, x=120, side=80)
    for beside, hidden, expected in ((True, 0.0, 4), (False, 0.4, 4), (False, 0.0, 0), (True, 0.4, 0)):
        # The other is there on the first frames only; when both frames are bad there is no choice.
        other = support.track(1, n=8 if beside and hidden else 2, x=230, side=70)
        found = support.tracks(near, other) if beside else support.tracks(near)
        some = support.drivings(found, support.people(found)).drivings
        shares = np.full(8, 0.0, np.float32)
        shares[:2] = hidden
        template = np.zeros((8, 1), np.float32)
        drivings = DrivingMotions((replace(some[0], hidden=shares, template=template), *some[1:]))
        made = site_for(found, drivings, support.Painter(columns=1), tied=True)
        assert made is not None and made.front.row == expected, (beside, hidden)
