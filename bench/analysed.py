"""A clip through the recipe as far as its twins, for figures about what comes next."""

from __future__ import annotations

from pathlib import Path

from flows.recipes.run import RecipeRun
from infra.media.video_info import VideoInfo
from tasks.analysis import frame_source
from tasks.analysis.analysis import Analysis
from tasks.analysis.attributes import recognise_attributes
from tasks.analysis.faces import track_faces
from tasks.analysis.frame_source import LocalFile
from tasks.analysis.identities import cluster_identities
from tasks.analysis.motion import extract_motion
from tasks.analysis.samples import sample_faces
from tasks.audit.references import embed_references
from tasks.generation.site import Site, select_frontal


def analysed(run: RecipeRun, source: Path, info: VideoInfo) -> tuple[Analysis, tuple[Site | None, ...]]:
    """Return what `flows.recipes.anonnet` knows before it makes a twin."""
    video = frame_source.of_video(LocalFile(source, run.context.digest), info, run.settings)
    scan = track_faces(run, video)
    video = video.turned(scan.turn)
    samples = sample_faces(run, video, scan.tracks)
    people = cluster_identities(run, scan.tracks, samples)
    looks = recognise_attributes(run, scan.tracks, samples, people)
    motion = extract_motion(run, video, scan.tracks, people)
    faces = Analysis(video, scan, samples, people, looks, motion, embed_references(run, samples))
    return faces, select_frontal(run, faces)
