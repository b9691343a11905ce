"""The text that stands for a backend in digests, so that moving or renaming its class never invalidates a result.

A line is never changed or removed. A backend without one is called "capability:name".
"""

from __future__ import annotations

_EARLIER = {
    "detector:retinaface-mobilenet": "models.detection.retinaface_mobilenet:RetinaFaceMobileNet",
    "detector:yunet": "models.detection.yunet:YuNet",
    "detector:centerface": "models.detection.centerface:CenterFace",
    "detector:retinaface-resnet50": "models.detection.retinaface_resnet50:RetinaFaceResNet50",
    "landmarker:mesh": "models.landmarks.mesh:MeshLandmarker",
    "embedder:facenet": "models.embedding.facenet:FaceNet",
    "embedder:dlib-resnet": "models.embedding.dlib_resnet:DlibResNet",
    "embedder:sface": "models.embedding.sface:SFace",
    "embedder:vgg-face": "models.embedding.vgg_face:VggFace",
    "embedder:arcface": "models.embedding.arcface:ArcFace",
    "age_gender:dlib-age-gender": "models.attributes.age_gender:DlibAgeGender",
    "age_gender:deepface-age-gender": "models.attributes.deepface_age_gender:DeepFaceAgeGender",
    "emotion:facex": "models.attributes.emotion:FacexEmotion",
    "emotion:deepface-emotion": "models.attributes.deepface_emotion:DeepFaceEmotion",
    "ethnicity:deepface-race": "models.attributes.deepface_race:DeepFaceRace",
    "parser:bisenet": "models.masks.bisenet:BiSeNet",
    "quality:niqe": "models.quality.niqe:Niqe",
    "features:inception": "models.quality.inception:Inception",
    "inpainter:controlnet": "models.inpainting.controlnet.backend:ControlNetInpainter",
    "inpainter:mobilestylegan": "models.inpainting.catalogue_inpainter:CatalogueInpainter",
    "motion:mesh": "models.motion.mesh:MeshMotion",
    "motion:liveportrait": "models.motion.liveportrait.backend:LivePortraitMotion",
    "motion:lia": "models.motion.lia.backend:LiaMotion",
}


def identifier(capability: str, name: str) -> str:
    """Return the text that stands for a backend in cache keys and fingerprints.

    Args:
        capability: What the backend can do, as in `models.selection.backends.BACKENDS`.
        name: Its name there.

    Returns:
        A text that stays the same wherever the code lies.
    """
    key = f"{capability}:{name}"
    return _EARLIER.get(key, key)
