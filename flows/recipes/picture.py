"""AnonNET for pictures: the same chain on a single frame, without sound."""

from __future__ import annotations

from flows.recipes.anonnet import anonnet
from flows.recipes.recipe import Passed, recipe
from flows.recipes.run import RecipeRun
from tasks.analysis.analysis import Analysis
from tasks.analysis.attributes import recognise_attributes
from tasks.analysis.faces import track_faces
from tasks.analysis.frame_source import FrameSource
from tasks.analysis.identities import cluster_identities
from tasks.analysis.motion import extract_motion
from tasks.analysis.samples import sample_faces
from tasks.audit.preaudit import preaudit
from tasks.audit.references import embed_references
from tasks.audit.result import audit
from tasks.generation.controls import measure_controls
from tasks.generation.inpaint import inpaint
from tasks.generation.site import select_frontal
from tasks.generation.verify import verify_anonymity
from tasks.output.reassemble import reassemble


@recipe("picture", "AnonNET, section 4: its image tables", media="picture", counts=anonnet)
def picture(run: RecipeRun, video: FrameSource) -> Passed:
    """Bring one picture to an audited result.

    Args:
        run: Runs the stages.
        video: The picture, as a video of one frame.

    Returns:
        The result with its verdict.

    Raises:
        Withheld: In any doubt.
    """
    scan = track_faces(run, video)  # 3.3 face detection
    video, tracks = video.turned(scan.turn), scan.tracks
    samples = sample_faces(run, video, tracks)
    references = run.beside(embed_references, samples)
    people = cluster_identities(run, tracks, samples)  # 3.1 (1) identity clustering
    looks = recognise_attributes(run, tracks, samples, people)  # 3.3 attribute recognition
    motion = extract_motion(run, video, tracks, people)  # 3.5 (6) what the twins will do
    faces = Analysis(video, scan, samples, people, looks, motion, references.result())
    fronts = select_frontal(run, faces)  # 3.2 (2) frontal selection
    for attempt in run.attempts(faces, fronts):  # 3.5 (5) the only retry loop
        if person := attempt.person:
            controls = attempt.controls or measure_controls(run, faces, attempt.site, person)
            if attempt.rejects(controls):
                continue
            twin = inpaint(run, faces, attempt.site, person, controls, attempt.request)  # 3.4 inpainting
            verified = verify_anonymity(run, attempt.site, controls, twin, attempt.request)  # 3.5 (5) verification
            if attempt.rejects(verified, twin):
                continue
            if attempt.rejects(preaudit(run, attempt.site, controls, twin, attempt.check), twin):
                continue
        if attempt.incomplete:
            continue
        result = reassemble(run, faces, attempt.plan)  # 3.5 (6) motion transfer, (7) reassembly
        if attempt.rejects(audit(run, result, faces, attempt.plan, attempt.known), result):  # 3.5 (5)
            continue
        return Passed(result, *attempt.policy.verdict(result.painted))
    raise AssertionError("Attempts end by a result or by an error.")
