"""Control strangers: what is measured of an identity in its own footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from infra.errors import Withheld
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Embedder, Face, FaceAttributes, Image
from models.interfaces.twins import AT_REST, Strangers, Strength, Twin, TwinJob
from tasks.analysis import motion, samples
from tasks.analysis.identities import Identity, pool
from tasks.analysis.samples import Samples
from tasks.analysis.settings import MotionLimits
from tasks.generation import controls, limits
from tasks.generation.controls import Controls
from tasks.generation.painting import Trial, show
from tasks.generation.site import Site, site_of
from tasks.records import Tracks
from tests.contracts import support as contracts
from tests.tasks import support

LOOKS = FaceAttributes(age=38, female=0.05, skin_ita=40, beard=0.2)


class Crowd:
    """Gives so many people, whatever the job, and notes it."""

    name = "crowd"

    def __init__(self, most: int = 99) -> None:
        self.most, self.jobs = most, list[TwinJob]()

    def strangers(self, job: TwinJob, count: int) -> list[Twin]:
        self.jobs.append(job)
        return [support.twin(40 + n) for n in range(min(count, self.most))]


class Painter(support.Painter):
    """Paints only some of the people it is asked for: those whose number is not among the shy."""

    def __init__(self, shy: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.shy = shy

    def animate(self, twin, driving, rows, strength):  # type: ignore[no-untyped-def]
        shown = super().animate(twin, driving, rows, strength)
        return [None] * len(shown) if twin.candidate in self.shy else shown


def measured(
    far: Callable[[Image, Face], float],
    crowd: Crowd | None = None,
    shy: tuple[int, ...] = (),
    rows: tuple[int, ...] = (),
) -> Controls:
    found = support.tracks(support.track(n=80), frames=80)
    identity = support.people(found).identities[0]
    cut = support.samples(found, rows or tuple(range(0, 80, 8)))
    painter, embedder = Painter(shy), support.Embedder(far)
    site = site_of(identity, found, cut, support.drivings(found, support.people(found)), painter, support.Parser())
    assert site is not None
    own = limits.source_of(np.repeat(np.eye(4, dtype=np.float32)[:1], len(cut.samples), axis=0), cut.samples)
    embedder.name = "facenet"
    return controls.run(
        site, identity, LOOKS, [own, own],
        controls.Tools(crowd or Crowd(), painter, support.Landmarker(), (embedder, embedder)), 5,
    )  # fmt: skip


def test_everybody_is_painted_into_the_same_samples_and_measured_by_every_embedder() -> None:
    assert isinstance(Crowd(), Strangers)
    found = measured(lambda *_: 0.7)
    assert found.made_by == "crowd" and found.candidates == tuple(range(40, 48))
    assert [one.strangers.shape for one in found.measured] == [(8, 6), (8, 6)]
    assert found.measured[0].strangers == pytest.approx(0.7, abs=1e-5) and found.measured[0].genuine.shape == (10,)
    assert found.false_matches == 0.0 and measured(lambda *_: 0.3).false_matches == 1.0, "0.6 is the general threshold"


def test_who_is_matched_by_nobody_may_serve_as_a_twin() -> None:
    """The distance is .66 for everybody, and .56 in one sample of the third; the general threshold is .595."""
    asked = {"calls": 0}

    def far(image: Image, face: Face) -> float:
        asked["calls"] += 1
        return 0.56 if (asked["calls"] - 1) // 2 == 2 * 6 + 3 else 0.66

    found = measured(far)
    everybody, general = tuple(range(40, 48)), calibration("facenet").far_1
    others = tuple(n for n in everybody if n != 42)
    assert found.general == (general, general)
    assert [list(some) for some in found.nearest] == [pytest.approx([0.66, 0.66, 0.56, *[0.66] * 5], abs=1e-4)] * 2
    assert found.suitable(True, 0.05) == others and found.suitable(False, 0.05) == everybody, "one pair, not the score"
    assert found.suitable(True, 0.66 / general - 0.99) == found.suitable(False, 0.66 / general - 0.99) == ()
    # Where even a typical stranger is taken for the source, as far as the others of them is far enough.
    dark = np.repeat(np.float32([0.3, 0.35, 0.4, 0.4, 0.4, 0.44, 0.46, 0.5])[:, None], 6, axis=1)
    dim = replace(found, measured=(replace(found.measured[0], strangers=dark), found.measured[1]))
    assert dim.suitable(False, 0.05) == (45, 46, 47) and dim.suitable(True, 0.05) == others
    # By whichever network, and beside the others.
    lost = replace(found, nearest=(found.nearest[0], np.where(np.arange(8) == 5, np.nan, 0.9).astype(np.float32)))
    assert lost.suitable(True, 0.05) == tuple(n for n in others if n != 45)
    strange = found.measured[1].strangers.copy()
    strange[3:] = 1.4
    near = replace(found, measured=(found.measured[0], replace(found.measured[1], strangers=strange)))
    assert near.suitable(False, 0.05) == tuple(range(43, 48)), "outliers on the source's side are none"


def test_they_are_drawn_without_a_look_at_anybody_else() -> None:
    crowd = Crowd()
    measured(lambda *_: 0.7, crowd)
    (job,) = crowd.jobs
    assert job.taken == () and len(job.others) == 0 and job.appearance == LOOKS and job.seed == 5


@pytest.mark.parametrize(("most", "shy"), [(7, ()), (8, (43,)), (0, ())])
def test_fewer_than_wanted_measure_nothing(most: int, shy: tuple[int, ...]) -> None:
    with pytest.raises(Withheld) as raised:
        measured(lambda *_: 0.7, Crowd(most), shy)
    assert raised.value.reason == controls.TOO_FEW


def test_of_a_single_sample_the_mirrored_one_tells_how_far_the_source_is_from_itself() -> None:
    seen: list[Face] = []

    def far(image: Image, face: Face) -> float:
        seen.append(face)
        # What was painted is one colour; the sample itself is noise.
        x, y = ((face.box[:2] + face.box[2:]) / 2).astype(int)
        return 0.7 if (image[y - 3 : y + 3, x - 3 : x + 3] == (20, 90, 170)).all() else 0.15

    found = measured(far, rows=(0,))
    assert found.measured[0].genuine == pytest.approx([0.15], abs=1e-5)
    assert found.measured[0].strangers.shape == (8, 1) and found.measured[0].separable


# -- with the real networks, on a photograph --------------------------------------------------------------------------

NETWORKS = ("facenet", "dlib-resnet", "sface")


@pytest.fixture(scope="module")
def place() -> tuple[Site, Identity, list[Embedder], Controls]:
    """A man's photograph, and what is measured of him there."""
    picture = contracts.still("people/009_C")
    picture = np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
    face = contracts.face("people/009_C")
    landmarker, painter = contracts.load("landmarker", "mesh"), contracts.load("motion", "mesh")
    mesh = landmarker.locate([picture], [face])[0]
    track = replace(
        support.track(n=1), boxes=face.box[None], points=face.points[None], mesh=mesh.points[None],
        blendshapes=mesh.blendshapes[None],
    )  # fmt: skip
    found: Tracks = support.tracks(track, frames=1, width=picture.shape[1], height=picture.shape[0])
    cut: Samples = samples.run(support.opener([picture]), found, landmarker)
    embedders = [contracts.load("embedder", name) for name in NETWORKS]
    vectors = [embedder.embed([cut.samples[0].crop], [cut.samples[0].face]) for embedder in embedders]
    identity = Identity(0, (0,), vectors[0], pool(vectors[0]))
    people = replace(support.people(found), identities=(identity,))
    drivings = motion.run(found, people, MotionLimits(least_frames=1))
    site = site_of(identity, found, cut, drivings, painter, contracts.load("parser", "bisenet"))
    assert site is not None
    sources = [limits.source_of(some, cut.samples) for some in vectors]
    strangers = contracts.load("inpainter", "mobilestylegan")
    return site, identity, embedders, controls.run(
        site, identity, LOOKS, sources, controls.Tools(strangers, painter, landmarker, tuple(embedders)), 5
    )  # fmt: skip


def score_of(twin: Twin, place: tuple[Site, Identity, list[Embedder], Controls], mixed: float = 0.0) -> list[bool]:
    """By which networks a twin is refused. mixed: share of the source's own pixels in what is looked at."""
    site, _, embedders, found = place
    painter = contracts.load("motion", "mesh")
    trial = Trial(site.fit(twin, painter, Strength()), site.drivings, painter, Strength())

    class Mixed(Trial):
        def paint(self, animated):  # type: ignore[no-untyped-def]
            image, face = super().paint(animated)
            blend = mixed * animated[0].crop.astype(np.float32) + (1 - mixed) * image
            return np.round(blend).astype(np.uint8), face

    trial = Mixed(trial.twin, trial.drivings, trial.motion, trial.strength)
    shown = show(trial, site.samples, contracts.load("landmarker", "mesh"), embedders)
    return [
        found.of(k, twin.candidate).refuses(float(limits.score(found.sources[k].distances(vectors, shown.samples))))
        for k, vectors in enumerate(shown.vectors)
    ]


@pytest.mark.slow
def test_the_sources_own_texture_and_half_of_it_are_refused_and_strangers_of_the_kind_are_not(
    place: tuple[Site, Identity, list[Embedder], Controls],
) -> None:
    site, _, _, found = place
    assert all(one.separable for one in found.measured)
    himself = Twin(site.front.crop, site.mesh, -1, AT_REST, np.zeros(512, np.float32))
    assert score_of(himself, place) == [True] * 3
    job = TwinJob(
        site.surroundings, site.mesh, LOOKS, np.zeros((0, 512), np.float32), np.zeros((0, 512), np.float32), "facenet",
        (), 1, 1,
    )  # fmt: skip
    refused = 0
    for stranger in contracts.load("inpainter", "mobilestylegan").strangers(job, 4):
        refused += any(score_of(stranger, place))
        assert any(score_of(stranger, place, mixed=0.5))
        assert score_of(stranger, place, mixed=0.75) == [True] * 3
    assert refused <= 1


def test_where_strangers_are_as_near_as_the_source_itself_nothing_can_be_measured() -> None:
    found = measured(lambda *_: 0.7)
    assert found.doubt == ""
    alike = limits.InPlace(np.full(4, 0.3, np.float32), np.full((8, 3), 0.25, np.float32))
    assert replace(found, measured=(found.measured[0], alike)).doubt == controls.INDISTINCT
    assert replace(found, failure=controls.TOO_FEW).doubt == controls.TOO_FEW
