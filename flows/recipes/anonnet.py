"""AnonNET, the system of the paper; comments name its sections.

The video is read once for its scenes and faces. What does not depend on a twin is found before any twin is made. Then
each person gets a synthetic twin, which is verified in the person's own frames, painted into every frame with the
person's motion, and audited there. What fails is tried again, and what cannot pass is covered or withheld.
"""

from __future__ import annotations

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
from tasks.output.sound import join_sound


@recipe("anonnet", "AnonNET, see docs/decisions.md for where it differs", media="video")
def anonnet(run: RecipeRun, video: FrameSource) -> Passed:
    """Bring one video to an audited result.

    Args:
        run: Runs the stages.
        video: The video.

    Returns:
        The result with its verdict.

    Raises:
        Withheld: In any doubt.
    """
    scan = track_faces(run, video)  # 3.2 (1) scene detection, 3.3 face detection
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
        result = join_sound(run, video, result)
        if attempt.rejects(audit(run, result, faces, attempt.plan, attempt.known), result):  # 3.5 (5), every frame
            continue
        return Passed(result, *attempt.policy.verdict(result.painted))
    raise AssertionError("Attempts end by a result or by an error.")
