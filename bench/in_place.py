"""Power and false alarms of the limits in place, beside one threshold for strangers in general.

Usage: python bench/in_place.py CLIP... [--crowd FILE] [--json FILE]

For every person of the clips: control strangers as the product makes them, further strangers of the kind who play the
candidates, and leaks that are planted in place: source pixels blended into painted strangers, half a face unpainted,
the source's own texture moved by the mesh, and uncovered frames; with --crowd the nearest to the source of those in the
file (see crowd.py). ArcFace, which takes no part in the product, is measured beside the others. "With what is asked" is
the whole rule: also refused is whose score a general matcher takes for the source, where it tells strangers apart. The
old rule compares the smallest of all single pairs with the distance at 1 % false accepts; "same at equal alarms" is
that rule with the threshold at which it refuses as many strangers as the limits in place do. A second table has the
strangers by what their source looks like.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


from bench.analysed import analysed  # noqa: E402
from bench.crowd import nearest  # noqa: E402
from flows.recipes.context import Context, StageResult  # noqa: E402
from flows.recipes.run import RecipeRun  # noqa: E402
from flows.run.convert import convert  # noqa: E402
from flows.run.sources import VIDEO_SUFFIXES, find  # noqa: E402
from infra.errors import Withheld  # noqa: E402
from infra.media.video_info import VideoInfo  # noqa: E402
from infra.settings import Settings  # noqa: E402
from models.embedding.calibration import calibration  # noqa: E402
from models.interfaces.capabilities import Embedder, Face, FaceAttributes, Floats, Image  # noqa: E402
from models.interfaces.twins import AT_REST, Twin  # noqa: E402
from models.selection import profiles  # noqa: E402
from tasks.analysis import framing  # noqa: E402
from tasks.analysis.analysis import Analysis  # noqa: E402
from tasks.analysis.identities import Identity  # noqa: E402
from tasks.analysis.samples import Sample  # noqa: E402
from tasks.generation import controls, limits  # noqa: E402
from tasks.generation.limits import InPlace  # noqa: E402
from tasks.generation.painting import Shown, Trial, show, spread  # noqa: E402
from tasks.generation.site import Site  # noqa: E402
from tasks.generation.strength import strength_of  # noqa: E402

Flags = NDArray[np.bool_]
NETWORKS = ("facenet", "dlib-resnet", "sface", "arcface")
OWN = ("facenet", "dlib-resnet", "sface")
"""The product's networks."""
SHARES = (0.75, 0.5, 0.25)
STRANGER, HALF, TEXTURE = "a stranger", "half the face unpainted", "the source's own texture"
UNCOVERED, CROWD = "an uncovered frame", "the nearest of a crowd"
SEED = 0
CANDIDATES = 4
LEAST_FACE = 64.0


@dataclass
class Counts:
    """What was refused, by what was shown and network: by the limits in place, and by what is asked of the score.

    frames: whether each single frame was within its limit. bands: of each stranger's source, what it looks like.
    """

    refused: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    asked: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    bands: list[tuple[str, ...]] = field(default_factory=list)
    frames: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    smallest: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, what: str, network: str, found: InPlace, distances: Floats, pairs: Floats) -> None:
        """Note one face. pairs: its distances to every single sample, as a share of the general threshold."""
        scored = float(limits.score(distances))
        self.refused.setdefault((what, network), []).append(found.refuses(scored))
        short = not scored >= found.asked(calibration(network).far_1)
        self.asked.setdefault((what, network), []).append(short)
        self.frames.setdefault((what, network), []).extend((distances <= found.limit).tolist())
        self.smallest.setdefault((what, network), []).append(float(pairs.min()))


@dataclass(frozen=True)
class Mixed(Trial):
    """A twin of which a share, or one half, is the source's own pixels."""

    mixed: float = 0.0
    half: bool = False

    def paint(self, animated: Any) -> tuple[Image, Face] | None:
        """As painted, with the source showing."""
        painted = super().paint(animated)
        if painted is None:
            return None
        image, face = painted
        crop = animated[0].crop
        if self.half:
            image = image.copy()
            middle = int((face.box[0] + face.box[2]) / 2)
            image[:, middle:] = crop[:, middle:]
            return image, face
        blend = self.mixed * crop.astype(np.float32) + (1 - self.mixed) * image
        return np.round(blend).astype(np.uint8), face


def bands_of(appearance: FaceAttributes, own: Sequence[Sample]) -> tuple[str, ...]:
    """What a person looks like, and how they are seen, coarsely."""

    def band(value: float, bounds: tuple[float, float], names: tuple[str, str, str]) -> str:
        return names[int(np.searchsorted(bounds, value))]

    tilt = float(np.median([abs(np.degrees(framing.roll(s.face))) for s in own]))
    size = float(np.median([s.face.size for s in own]))
    return (
        band(appearance.age, (30, 50), ("under 30 years", "30 to 50 years", "over 50 years")),
        "women" if appearance.female >= 0.5 else "men",
        band(appearance.skin_ita, (10, 41), ("dark skin", "brown and tan skin", "light skin")),
        band(tilt, (6, 15), ("upright", "tilted by 6 to 15 degrees", "tilted by more")),
        band(size, (96, 192), ("faces under 96 pixels", "96 to 192 pixels", "over 192 pixels")),
    )


def measure(
    site: Site, identity: Identity, own: Sequence[Sample], analysis: Analysis, counts: Counts, crowd: Path | None
) -> None:
    """Measure one person. crowd: see `bench.crowd`."""
    embedders: list[Embedder] = [profiles.load("embedder", name) for name in NETWORKS]
    landmarker, motion = profiles.load("landmarker", "mesh"), profiles.load("motion", "mesh")
    crops, faces = [s.crop for s in own], [s.face for s in own]
    sources = [limits.source_of(e.embed(crops, faces), own) for e in embedders]
    appearance, strength = analysis.appearance(identity), strength_of(1)
    generator = profiles.load("inpainter", "mobilestylegan")
    tools = controls.Tools(generator, motion, landmarker, tuple(embedders))
    known = controls.run(site, identity, appearance, sources, tools, SEED)
    job = controls.job_of(site, identity, appearance, NETWORKS[0], SEED)
    everybody = generator.strangers(job, controls.COUNT + CANDIDATES)
    some = spread(site.samples)

    def look(what: str, trial: Trial, candidate: int) -> None:
        seen: Shown = show(trial, some, landmarker, embedders)
        for k, (name, vectors) in enumerate(zip(NETWORKS, seen.vectors, strict=True)):
            distances = sources[k].distances(vectors, seen.samples)
            pairs = (1.0 - vectors @ sources[k].vectors.T) / calibration(name).far_1
            counts.add(what, name, known.of(k, candidate), distances, pairs)

    if crowd is not None:
        double, _ = nearest(crowd, identity.embeddings)
        look(CROWD, Trial(site.fit(double, motion, strength), site.drivings, motion, strength), -1)
    bands = bands_of(appearance, own)
    for number, twin in enumerate(everybody):
        trial = Trial(site.fit(twin, motion, strength), site.drivings, motion, strength)
        look(STRANGER, trial, twin.candidate)
        counts.bands.append(bands)
        if number < CANDIDATES:
            for share in SHARES:
                look(f"{share:.0%} source", Mixed(*_parts(trial), share), twin.candidate)
            look(HALF, Mixed(*_parts(trial), half=True), twin.candidate)
    himself = Twin(site.front.crop, site.mesh, -1, AT_REST, np.zeros(1, np.float32))
    look(TEXTURE, Trial(site.fit(himself, motion, strength), site.drivings, motion, strength), -1)
    for k, name in enumerate(NETWORKS):
        for distance in sources[k].genuine(own):
            alone = np.array([distance], np.float32)
            counts.add(UNCOVERED, name, known.measured[k], alone, alone / calibration(name).far_1)


def _parts(trial: Trial) -> tuple[Any, ...]:
    return trial.twin, trial.drivings, trial.motion, trial.strength


def people_of(clip: Path, counts: Counts, crowd: Path | None = None) -> int:
    """Measure everybody of a clip whose face is large enough; returns their number."""
    measured = 0

    def chain(source: Path, info: VideoInfo, context: Context) -> StageResult:
        nonlocal measured
        faces, fronts = analysed(RecipeRun(context, info.frame_count), source, info)
        for identity, site in zip(faces.people, fronts, strict=True):
            own = [s for s in faces.samples.samples if s.track in identity.tracks]
            if site is not None and max(s.face.size for s in own) >= LEAST_FACE:
                measure(site, identity, own, faces, counts, crowd)
                measured += 1
        raise Withheld("measured", "Only measured.")

    class Silent:
        def stage(self, *_: Any) -> None: ...
        def finished(self, *_: Any) -> None: ...
        def unchanged(self, *_: Any) -> None: ...

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache_url=f"file://{folder}/store")
        jobs = find(str(clip), VIDEO_SUFFIXES, f"{folder}/out")
        convert(jobs, f"{folder}/out", settings, Silent(), None, chain)
    return measured


def rate(values: Sequence[bool] | Flags) -> float:
    """Share of what is true."""
    return float(np.mean(values))


def _any(found: dict[tuple[str, str], list[bool]], what: str) -> Flags:
    """Which cases any of the product's networks refuses."""
    return np.asarray(np.any([found[what, name] for name in OWN], axis=0))


def _smallest(counts: Counts, what: str) -> NDArray[np.float64]:
    return np.asarray(np.min([counts.smallest[what, name] for name in OWN], axis=0))


def table(counts: Counts) -> list[str]:
    """The figures as lines of Markdown."""
    kinds = [STRANGER, *(f"{share:.0%} source" for share in SHARES), HALF, TEXTURE, CROWD, UNCOVERED]
    kinds = [what for what in kinds if (what, OWN[0]) in counts.refused]
    refused = {what: _any(counts.refused, what) for what in kinds}
    # The old rule's threshold, as a share of itself, at which it would refuse as many strangers.
    equal = float(np.quantile(_smallest(counts, STRANGER), rate(refused[STRANGER])))
    lines = [
        "| shown | cases | any network | with what is asked | FaceNet | dlib | SFace | ArcFace | old rule "
        "| same at equal alarms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for what in kinds:
        smallest = _smallest(counts, what)
        shares = [rate(refused[what]), rate(refused[what] | _any(counts.asked, what))]
        shares += [rate(counts.refused[what, name]) for name in NETWORKS]
        shares += [rate(smallest < 1), rate(smallest < equal)]
        lines.append(f"| {what} | {len(smallest)} | " + " | ".join(f"{value:.1%}" for value in shares) + " |")
    return lines


def false_alarms(counts: Counts) -> list[str]:
    """Strangers who are refused, by what their source looks like, as lines of Markdown."""
    lines = ["| sources | strangers | any network | with what is asked | old rule |", "|---|---|---|---|---|"]
    refused, old = _any(counts.refused, STRANGER), _smallest(counts, STRANGER) < 1
    asked = refused | _any(counts.asked, STRANGER)
    for name in sorted({name for bands in counts.bands for name in bands}):
        own = np.array([name in bands for bands in counts.bands])
        shares = " | ".join(f"{rate(some[own]):.1%}" for some in (refused, asked, old))
        lines.append(f"| {name} | {int(own.sum())} | {shares} |")
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--crowd", type=Path, help="people made by bench/crowd.py")
    parser.add_argument("--json", type=Path, help="also write every count there")
    arguments = parser.parse_args()
    counts, people = Counts(), 0
    for clip in arguments.clips:
        people += people_of(clip, counts, arguments.crowd)
        print(f"{clip.name}: {people} people so far", file=sys.stderr)
    print("\n".join([*table(counts), "", *false_alarms(counts)]))
    if arguments.json:
        found = {f"{what}|{name}": values for (what, name), values in counts.refused.items()}
        arguments.json.write_text(json.dumps({"people": people, "refused": found}), encoding="utf-8")


if __name__ == "__main__":
    main()
