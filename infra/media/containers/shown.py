"""What a viewer shows of a file: the layers over a background, the part within its crop, the time within its edits.

ffmpeg alone drops transparency in some cases and keeps its colours in others, ignores clean apertures and Matroska's
cropping, and does not apply edit lists to fragments. Everything that decodes a source's frames goes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from infra.errors import MediaError
from infra.media.commands import ALPHA_DECODERS
from infra.media.containers.boxes import NO_CROP, Crop, Edit, Movie, MovieTrack, read_movie
from infra.media.containers.ebml import Matroska, MatroskaTrack, read_matroska
from infra.media.containers.headers import stream_info
from infra.media.video_info import StreamInfo
from infra.reasons import Reason

_ALPHA_FORMATS = ("yuva", "argb", "rgba", "abgr", "bgra", "gbrap", "ya8", "ya16", "pal8", "ayuv", "vuya")
COARSEST_CLOCK = Fraction(1, 500)
"""Seconds by which the clock of an edit list rounds at most."""


_LONGEST_DELAY = Fraction(1, 10)


@dataclass(frozen=True)
class Presentation:
    """What a player presents of a file.

    Attributes:
        crop: pixels cut off a coded picture.
        stretch: factor on the pixel aspect that the crop brings along.
        streams: the file's streams, with what is presented of each.
        edits: seconds after the first sample of the picture in which it is presented (begin, end), None without an edit
            list.
    """

    crop: Crop
    stretch: Fraction
    streams: tuple[StreamInfo, ...]
    edits: tuple[Fraction, Fraction] | None


def has_alpha(picture: Mapping[str, Any], container: str, formats: Iterable[str] = ()) -> bool:
    """Say whether a picture stream carries transparency. Palettes count: they may.

    Args:
        picture: the stream as ffprobe describes it.
        container: ffmpeg's name of the format.
        formats: pixel formats of the frames, which may differ from the header's.

    Returns:
        True when the picture may be transparent.
    """
    if container == "avi" and picture.get("codec_name") == "rawvideo":
        # The fourth byte of an uncompressed AVI's pixels means nothing, and is mostly 0.
        return False
    tags = {name.lower(): str(value) for name, value in picture.get("tags", {}).items()}
    layered = picture.get("codec_name") in ALPHA_DECODERS and tags.get("alpha_mode", "0") != "0"
    return layered or any(name.startswith(_ALPHA_FORMATS) for name in [str(picture.get("pix_fmt", "")), *formats])


def presentation(path: Path, description: Mapping[str, Any], picture: Mapping[str, Any]) -> Presentation:
    """Work out what a player presents of a file's streams.

    Args:
        path: the file.
        description: ffprobe's, with `streams` and `format`.
        picture: the stream that is to be shown.

    Returns:
        What is presented.

    Raises:
        MediaError: bad_structure (own reading and ffprobe's disagree), no_video (the picture is switched off),
            unsupported_layers (several pictures at once), unsupported_edits (rates, ordered chapters),
            unsupported_crop.
    """
    name = str(description.get("format", {}).get("format_name", ""))
    streams = tuple(stream_info(entry) for entry in description["streams"])
    if "mp4" in name.split(","):
        return _of_movie(read_movie(path), description["streams"], streams, picture)
    if "matroska" in name.split(","):
        return _of_matroska(read_matroska(path), streams, picture)
    return Presentation(NO_CROP, Fraction(1), streams, None)


def check_within_edits(times: Sequence[Fraction], edits: tuple[Fraction, Fraction] | None) -> None:
    """Refuse a picture of which frames lie outside its edit list: a player does not show them.

    Args:
        times: first and last presentation time in seconds.
        edits: seconds in which the picture is presented (begin, end), None without an edit list.

    Raises:
        MediaError: a frame lies outside (`unsupported_edits`).
    """
    if edits is not None and (min(times) < edits[0] - COARSEST_CLOCK or max(times) > edits[1] + COARSEST_CLOCK):
        raise MediaError(
            Reason.UNSUPPORTED_EDITS,
            "The file holds frames that its edit list hides; remux the video without fragments.",
        )


def _of_movie(
    movie: Movie, entries: Sequence[Mapping[str, Any]], streams: tuple[StreamInfo, ...], picture: Mapping[str, Any]
) -> Presentation:
    tracks = {track.number: track for track in movie.tracks}
    if len(tracks) != len(movie.tracks):
        raise _disagree()
    by_index = {int(entry["index"]): tracks.get(int(str(entry.get("id", "0")), 0)) for entry in entries}
    shown = by_index[int(picture["index"])]
    if shown is None:
        raise _disagree()
    if not shown.enabled:
        raise MediaError(Reason.NO_VIDEO, "The picture is switched off in the file; a player shows nothing.")
    covers = {stream.index for stream in streams if stream.cover}
    several = [t for i, t in by_index.items() if t is not None and t.kind == "vide" and t.enabled and i not in covers]
    if len(several) > 1:
        raise MediaError(Reason.UNSUPPORTED_LAYERS, "The file shows several pictures at once; keep one of them.")
    _check_edits(shown.edits)
    if shown.crop != NO_CROP and _is_turned(picture):
        raise MediaError(Reason.UNSUPPORTED_CROP, "The picture is both cropped and rotated; re-encode it first.")
    described = tuple(_sound(stream, by_index[stream.index], movie.fragmented) for stream in streams)
    return Presentation(shown.crop, Fraction(1), described, _window(shown.edits))


def _sound(stream: StreamInfo, track: MovieTrack | None, fragmented: bool) -> StreamInfo:
    if stream.kind != "audio":
        return stream
    if track is None:
        raise _disagree()
    played = [edit for edit in track.edits if edit.media_time >= 0]
    # Players offer the members of an alternate group for choice; another track that is off is as if it were not there.
    offered = track.enabled or track.group != 0
    if offered:
        _check_edits(track.edits)
    # ffmpeg plays the last packet of each piece to its end, which is beyond the piece.
    if offered and len(played) > 1:
        raise MediaError(Reason.UNSUPPORTED_EDITS, "The sound is put together from pieces; re-encode the video first.")
    total = sum((edit.duration for edit in played), Fraction(0))
    # ffmpeg begins where the edit list says, but not in fragments; it never ends within a packet.
    hidden = Fraction(played[0].media_time, track.timescale) if fragmented and played else Fraction(0)
    return replace(stream, enabled=offered, hidden=hidden, length=total)


def _check_edits(edits: Sequence[Edit]) -> None:
    if any(edit.rate != 1 for edit in edits):
        raise MediaError(Reason.UNSUPPORTED_EDITS, "An edit list changes the speed; re-encode the video first.")
    # After a later pause ffmpeg begins at the wrong sample.
    if any(edit.media_time < 0 for edit in edits[1:]):
        raise MediaError(Reason.UNSUPPORTED_EDITS, "An edit list pauses in the middle; re-encode the video first.")


def _window(edits: Sequence[Edit]) -> tuple[Fraction, Fraction] | None:
    if not any(edit.media_time >= 0 for edit in edits):
        return None
    if edits[-1].duration == 0:
        # In fragmented files the last edit goes on to the end.
        return Fraction(0), Fraction(10**12)
    return Fraction(0), sum((edit.duration for edit in edits), Fraction(0))


def _of_matroska(matroska: Matroska, streams: tuple[StreamInfo, ...], picture: Mapping[str, Any]) -> Presentation:
    if matroska.ordered:
        raise MediaError(Reason.UNSUPPORTED_EDITS, "The file's chapters say what is played; re-encode the video first.")
    kinds = {"video", "audio"}
    mine = [track for track in matroska.tracks if track.kind in kinds]
    theirs = [stream for stream in streams if stream.kind in kinds and not stream.cover]
    if [track.kind for track in mine] != [stream.kind for stream in theirs]:
        raise _disagree()
    tracks = {stream.index: track for stream, track in zip(theirs, mine, strict=True)}
    shown = tracks[int(picture["index"])]
    if not shown.enabled:
        raise MediaError(Reason.NO_VIDEO, "The picture is switched off in the file; a player shows nothing.")
    width, height = int(picture.get("width", 0)), int(picture.get("height", 0))
    left, top, right, bottom = shown.crop
    if left + right >= width or top + bottom >= height:
        raise MediaError(Reason.UNSUPPORTED_CROP, "The file crops the whole picture away; re-encode it first.")
    if shown.crop != NO_CROP and _is_turned(picture):
        raise MediaError(Reason.UNSUPPORTED_CROP, "The picture is both cropped and rotated; re-encode it first.")
    stretch = Fraction(1)
    if shown.display:
        # The display size is that of the cropped picture; ffprobe divides by the whole one.
        stretch = Fraction(width * (height - top - bottom), height * (width - left - right))
    described = tuple(_delayed(stream, tracks.get(stream.index)) for stream in streams)
    return Presentation(shown.crop, stretch, described, None)


def _delayed(stream: StreamInfo, track: MatroskaTrack | None) -> StreamInfo:
    if track is None or stream.kind != "audio":
        return stream
    # ffmpeg discards what an Opus header says, which is the same as long as it is short, and nothing of other codecs.
    if stream.codec == "opus" and track.enabled and track.delay > _LONGEST_DELAY:
        raise MediaError(Reason.UNSUPPORTED_EDITS, "The beginning of the sound is hidden; re-encode the video first.")
    return replace(stream, enabled=track.enabled, hidden=Fraction(0) if stream.codec == "opus" else track.delay)


def _is_turned(picture: Mapping[str, Any]) -> bool:
    # A mirrored picture has a matrix whose angle says nothing, so any matrix counts.
    return any("rotation" in entry or "displaymatrix" in entry for entry in picture.get("side_data_list", []))


def _disagree() -> MediaError:
    return MediaError(Reason.BAD_STRUCTURE, "The file's headers can be read in two ways; remux the video first.")
