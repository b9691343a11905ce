"""Options that several commands share. Importing this loads no network and no runtime."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.settings import HardFrames, IdentityScope, MotionCrop, OnFailure
from models import profiles

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, a folder, or a CSV/Parquet table with a uri column.")
]
Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="A folder or fsspec address for the results.")]
Profile = Annotated[str, typer.Option(help="Table of networks to use.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Convert again what the manifest already lists.")]
Failure = Annotated[OnFailure, typer.Option(help="What to do with a face that cannot be replaced safely.")]
Scope = Annotated[IdentityScope, typer.Option(help="How far one person keeps one twin.")]
Crop = Annotated[MotionCrop, typer.Option(help="What LivePortrait's crops are fitted to.")]
Hard = Annotated[HardFrames, typer.Option(help="What to do where a motion network does not bear a frame.")]
CacheUrl = Annotated[str, typer.Option("--cache", help="Where intermediate objects live (fsspec address).")]

_PANEL = "Networks, instead of what the profile says"


def _role(capability: str, what: str) -> typer.models.OptionInfo:
    names = "|".join(profiles.BACKENDS.get(capability, {}))
    option: typer.models.OptionInfo = typer.Option(metavar=names, help=what, rich_help_panel=_PANEL)
    return option


Detector = Annotated[str, _role("detector", "What finds faces.")]
Landmarker = Annotated[str, _role("landmarker", "What places the face mesh.")]
Embedder = Annotated[str, _role("embedder", "What clusters identities and verifies twins.")]
AgeGender = Annotated[str, _role("age_gender", "What estimates age and gender.")]
Emotion = Annotated[str, _role("emotion", "What estimates the emotion.")]
Ethnicity = Annotated[str, _role("ethnicity", "What estimates the ethnicity.")]
Parser = Annotated[str, _role("parser", "What labels the pixels of a face.")]
Inpainter = Annotated[str, _role("inpainter", "What makes the twin.")]
Motion = Annotated[str, _role("motion", "What moves the twin.")]


def chosen(**named: str) -> tuple[tuple[str, str], ...]:
    """(role, backend) pairs of those options that were given."""
    return tuple((role, backend) for role, backend in named.items() if backend)
