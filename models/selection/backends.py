"""The tables: capability -> name -> backend, and the profiles that choose among them.

A new backend is a line here and a file of its own. Importing this module imports no runtime and no network.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.settings import IdentityScope, MotionCrop


@dataclass(frozen=True)
class Backend:
    """Where a backend lives and what it needs.

    Attributes:
        target: "module:Class", called without arguments or with keyword options.
        weights: Names in the registry.
        version: Raised by hand when the same weights give other numbers, so that cached results are not reused.
        data: Files of this package that its numbers depend on, relative to it.
        settings: Settings of a run that its class takes, by the same name.
        options: (setting, value, weight) for weights that are needed only with a setting.
        scopes: How far one person can keep one twin that this backend makes.
        embedder: The only one whose vectors an inpainter can compare with its own, "" when any will do.
        gpu: Whether it runs on a card where there is one.
    """

    target: str
    weights: tuple[str, ...] = ()
    version: int = 1
    data: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    options: tuple[tuple[str, str, str], ...] = ()
    scopes: tuple[IdentityScope, ...] = tuple(IdentityScope)
    embedder: str = ""
    gpu: bool = False


_STYLEGAN = (
    "mobilestylegan-mapping",
    "mobilestylegan-mapping-bin",
    "mobilestylegan-synthesis",
    "mobilestylegan-synthesis-bin",
)
_SAMPLER = (*_STYLEGAN, "retinaface-mobilenet", "face-landmarker", "facenet", "age", "gender", "bisenet")
_PEOPLE = ("people/people.npz", "people/groups.npz", "landmarks/mean_face.npy")
_CONTROLNET = (
    "realistic-vision",
    "vae-ft-mse",
    "controlnet-inpaint",
    "controlnet-lineart",
    "controlnet-openpose",
    "annotator-lineart",
    "annotator-openpose",
    "bisenet",
    "face-landmarker",
)
_LIVEPORTRAIT = (
    "liveportrait-appearance",
    "liveportrait-motion",
    "liveportrait-warping",
    "liveportrait-decoder",
    "liveportrait-retargeting",
)

_LIP_TABLE = "sha256:c8cda5b1757a632fdf7274e65f319ed6cf3734cce08d33a283d55a75da9dd091"
"""Digest of a file that went with an option that no user could switch on. It stays in the digest of the backend, whose
results did not change."""

BACKENDS: dict[str, dict[str, Backend]] = {
    "detector": {
        "retinaface-mobilenet": Backend(
            "models.detection.retinaface_mobilenet:RetinaFaceMobileNet", ("retinaface-mobilenet",)
        ),
        "yunet": Backend("models.detection.yunet:YuNet", ("yunet",)),
        "centerface": Backend("models.detection.centerface:CenterFace", ("centerface",)),
        "retinaface-resnet50": Backend(
            "models.detection.retinaface_resnet50:RetinaFaceResNet50",
            ("retinaface-pytorch", "retinaface-resnet50"),
            gpu=True,
        ),
    },
    "landmarker": {"mesh": Backend("models.landmarks.mesh:MeshLandmarker", ("face-landmarker",))},
    "embedder": {
        "facenet": Backend("models.embedding.facenet:FaceNet", ("facenet",)),
        "dlib-resnet": Backend("models.embedding.dlib_resnet:DlibResNet", ("dlib-resnet",)),
        "sface": Backend("models.embedding.sface:SFace", ("sface",)),
        "vgg-face": Backend("models.embedding.vgg_face:VggFace", ("vgg-face",)),
        "arcface": Backend("models.embedding.arcface:ArcFace", ("arcface",)),
    },
    "age_gender": {
        "dlib-age-gender": Backend("models.attributes.age_gender:DlibAgeGender", ("age", "gender")),
        "deepface-age-gender": Backend(
            "models.attributes.deepface_age_gender:DeepFaceAgeGender", ("deepface-age", "deepface-gender")
        ),
        "faceres": Backend("models.attributes.faceres:FaceRes", ("faceres", "faceres-bin")),
    },
    "emotion": {
        "facex": Backend("models.attributes.emotion:FacexEmotion", ("emotion",)),
        "deepface-emotion": Backend("models.attributes.deepface_emotion:DeepFaceEmotion", ("deepface-emotion",)),
    },
    "ethnicity": {
        "deepface-race": Backend("models.attributes.deepface_race:DeepFaceRace", ("deepface-race",)),
    },
    "parser": {"bisenet": Backend("models.masks.bisenet:BiSeNet", ("bisenet",), 2)},
    "quality": {"niqe": Backend("models.quality.niqe:Niqe", ("niqe",))},
    "features": {"inception": Backend("models.quality.inception:Inception", ("inception",))},
    "inpainter": {
        "controlnet": Backend(
            "models.inpainting.controlnet.backend:ControlNetInpainter",
            _CONTROLNET,
            scopes=(IdentityScope.VIDEO,),
            gpu=True,
        ),
        "mobilestylegan": Backend(
            "models.inpainting.sampled_inpainter:SampledInpainter", _SAMPLER, 14, _PEOPLE, embedder="facenet"
        ),
    },
    # Who a number is depends on all code that draws and measures people: raise this and the inpainter's with it.
    "sampler": {"linear-people": Backend("models.people.sampler:LinearSampler", _SAMPLER, 4, _PEOPLE)},
    "motion": {
        "mesh": Backend(
            "models.motion.mesh.backend:MeshMotion",
            version=8,
            data=("motion/expression.npz", "landmarks/mean_face.npy"),
        ),
        "liveportrait": Backend(
            "models.motion.liveportrait.backend:LivePortraitMotion",
            _LIVEPORTRAIT,
            data=(_LIP_TABLE, "motion/expression.npz", "landmarks/mean_face.npy"),
            settings=("hard_frames", "motion_crop"),
            options=(("motion_crop", MotionCrop.LANDMARKS, "liveportrait-landmarks"),),
            gpu=True,
        ),
        "lia": Backend(
            "models.motion.lia.backend:LiaMotion",
            ("lia-vox",),
            data=("motion/expression.npz", "landmarks/mean_face.npy"),
            settings=("hard_frames",),
            gpu=True,
        ),
    },
}


@dataclass(frozen=True)
class Role:
    """One job in a profile: the capability it uses, and the backends that do it, in order."""

    capability: str
    backends: tuple[str, ...]


# The audit roles must never share weights with the roles that make or rank twins: a network cannot be asked to find
# fault with a result that it was used to optimise. They do rule out candidates that would fail. The framing detector
# confirms the findings of an audit's search. Control strangers come from the sampler of people and are painted by the
# mesh, whatever makes and moves the twins.
_EMBEDDED = {
    "detector": Role("detector", ("retinaface-mobilenet",)),
    "confirming_detector": Role("detector", ("centerface",)),
    "audit_detector": Role("detector", ("yunet",)),
    "framing_detector": Role("detector", ("retinaface-mobilenet",)),
    "landmarker": Role("landmarker", ("mesh",)),
    "embedder": Role("embedder", ("facenet",)),
    "audit_embedders": Role("embedder", ("dlib-resnet", "sface")),
    "age_gender": Role("age_gender", ("dlib-age-gender",)),
    "emotion": Role("emotion", ("facex",)),
    "parser": Role("parser", ("bisenet",)),
    "inpainter": Role("inpainter", ("mobilestylegan",)),
    "motion": Role("motion", ("mesh",)),
    "strangers": Role("inpainter", ("mobilestylegan",)),
    "strangers_motion": Role("motion", ("mesh",)),
}
# Makes nothing: the roles that `anonflow evaluate` uses. The attackers' last has never had a part in any result.
_EVALUATION: dict[str, Role] = {
    name: _EMBEDDED[name]
    for name in (
        "detector",
        "confirming_detector",
        "landmarker",
        "embedder",
        "age_gender",
        "emotion",
    )
} | {
    "attackers": Role("embedder", ("facenet", "dlib-resnet", "sface", "arcface")),
    # Whoever chose twins by age and gender would find them kept; this network never chose any.
    "second_reader": Role("age_gender", ("faceres",)),
    "quality": Role("quality", ("niqe",)),
}
PROFILES: dict[str, dict[str, Role]] = {
    "embedded": _EMBEDDED,
    "diffusion": _EMBEDDED
    | {
        "detector": Role("detector", ("retinaface-resnet50",)),
        "embedder": Role("embedder", ("vgg-face",)),
        "audit_embedders": Role("embedder", ("dlib-resnet", "sface", "facenet")),
        "age_gender": Role("age_gender", ("deepface-age-gender",)),
        "emotion": Role("emotion", ("deepface-emotion",)),
        "ethnicity": Role("ethnicity", ("deepface-race",)),
        "inpainter": Role("inpainter", ("controlnet",)),
        "motion": Role("motion", ("liveportrait",)),
    },
    "evaluation": _EVALUATION,
    "evaluation-fid": _EVALUATION | {"features": Role("features", ("inception",))},
}
CHOOSABLE = {role: role for role in (
    "detector", "landmarker", "embedder", "age_gender", "emotion", "ethnicity", "parser", "inpainter", "motion",
)}  # fmt: skip
"""Roles whose backend a run may name, with their capability. The audit's are not among them."""
