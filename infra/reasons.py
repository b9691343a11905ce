"""Every reason that the manifest of a destination may hold, with its meaning and with what to do.

`python -m infra.reasons` prints docs/reasons.md.
"""

from __future__ import annotations

from enum import StrEnum

_AGAIN = "Then run the same command again."
_GIVEN_UP = "Then run `anonflow retry-failed DATASET`, which tries it once more."
_REENCODE = "Re-encode the video first (`ffmpeg -i IN -c:v libx264 -c:a aac OUT.mp4`)."
_REMUX = "Remux the video first (`ffmpeg -i IN -c copy OUT.mp4`), or re-encode it where that does not help."
_OTHER_TWIN = (
    "Convert with another `--seed` or more `--max-attempts` for other twins, or with `--on-failure redact`, which "
    "covers this person."
)
_COVER = "Convert with `--on-failure redact`, which covers this person."
_OVERWRITE = "Convert the source again with `--overwrite`."
_PULL = "Take it out with `anonflow recheck DESTINATION --pull`, then convert the source again with `--overwrite`."
_BUG = "The log names the place in the program; report it."


class Where(StrEnum):
    """Where a reason stands: in a row by its verdict, in an attempt of a row, or in what a recheck found.

    A recheck with `--pull` writes the first reason that it found into the row of a result.
    """

    FAILED = "failed"
    WITHHELD = "withheld"
    REDACTED = "redacted"
    ATTEMPT = "attempt"
    RECHECK = "recheck"


_FAILED, _DECIDED, _TRIED = (Where.FAILED,), (Where.WITHHELD,), (Where.ATTEMPT, Where.WITHHELD)
_FOUND = (Where.RECHECK,)


class Reason(StrEnum):
    """Why a row has its verdict, why a try at a twin ended as it did, or what a recheck found.

    A member is its stable short code, which never changes since manifests hold it.

    Attributes:
        where: Where it may stand.
        meaning: What it says, in words.
        remedy: What to do about it, in words.
    """

    _value_: str
    where: tuple[Where, ...]
    meaning: str
    remedy: str

    def __new__(cls, code: str, where: tuple[Where, ...], meaning: str, remedy: str) -> Reason:
        """Make a member that is its code."""
        member = str.__new__(cls, code)
        member._value_, member.where, member.meaning, member.remedy = code, where, meaning, remedy
        return member

    @classmethod
    def of(cls, code: str) -> Reason | None:
        """Look a code up.

        Args:
            code: As a manifest holds it, which may be of another version.

        Returns:
            Its member, None when this version has no such reason.
        """
        return next((one for one in cls if one.value == code), None)

    # The file itself.
    MISSING = (
        "missing",
        _FAILED,
        "The source cannot be read: it is not there, is no file, or may not be opened.",
        f"Check that the file is there and may be read. {_AGAIN}",
    )
    SOURCE_UNAVAILABLE = (
        "source_unavailable",
        _FAILED,
        "The remote place of the source does not answer or refuses.",
        f"Check its address, its credentials and the network. {_AGAIN}",
    )
    SOURCE_CHANGED = (
        "source_changed",
        _FAILED,
        "The source was changed or removed while it was converted.",
        f"Leave the file as it is while a run lasts. {_AGAIN}",
    )
    EMPTY = ("empty", _FAILED, "The file has no content.", f"Copy it again from where it came. {_AGAIN}")
    TRUNCATED = (
        "truncated",
        _FAILED,
        "The file is cut off or damaged, so that it cannot be decoded to its end.",
        f"Copy it again from where it came; where it is damaged there too, re-encode what can be read. {_AGAIN}",
    )
    TOO_LARGE = (
        "too_large",
        _FAILED,
        "The file, its frames, or all frames together are over the limit.",
        "Cut it into shorter videos or scale it down, and convert those.",
    )
    TOO_SMALL = (
        "too_small",
        _FAILED,
        "The picture is smaller than 16 pixels.",
        "Leave the file out: no face can be seen in it.",
    )
    NOT_MEDIA = (
        "not_media",
        _FAILED,
        "The file is no video in a supported container, or has a codec that this ffmpeg cannot decode.",
        "Re-encode it as H.264 in mp4 by the program that made it, or leave it out.",
    )
    NOT_PICTURE = (
        "not_picture",
        _FAILED,
        "The file is no JPEG, PNG, WebP, BMP or TIFF picture.",
        "Save it as PNG, or leave it out.",
    )
    PLAYLIST = (
        "playlist",
        _FAILED,
        "The file is a playlist that points to other files.",
        "Give the media files themselves.",
    )
    NO_VIDEO = (
        "no_video",
        _FAILED,
        "The file shows no moving picture: only sound or a cover, or its picture is switched off.",
        "Leave it out, or re-encode it with its picture switched on.",
    )
    SEVERAL_PICTURES = (
        "several_pictures",
        _FAILED,
        "The file holds several pictures: an animation, or pages.",
        "Save each picture as a file of its own.",
    )
    UNCLEAR_ALPHA = (
        "unclear_alpha",
        _FAILED,
        "It cannot be told for certain which parts of the picture are transparent.",
        "Save it as PNG first.",
    )
    SIZE_CHANGES = ("size_changes", _FAILED, "The picture changes its size within the video.", _REENCODE)
    BAD_TIMESTAMPS = (
        "bad_timestamps",
        _FAILED,
        "Frames have no presentation time, or their times do not increase.",
        _REMUX,
    )
    BAD_STRUCTURE = (
        "bad_structure",
        _FAILED,
        "The file's index or headers are damaged, or can be read in two ways.",
        _REMUX,
    )
    FRAME_MISMATCH = (
        "frame_mismatch",
        _FAILED,
        "The decoder delivered another number of frames than the file announces.",
        _REENCODE,
    )
    UNSUPPORTED_ROTATION = (
        "unsupported_rotation",
        _FAILED,
        "The picture is rotated by no multiple of 90 degrees.",
        _REENCODE,
    )
    UNSUPPORTED_HDR = (
        "unsupported_hdr",
        _FAILED,
        "The video is HDR (PQ or HLG).",
        "Convert it to standard dynamic range first.",
    )
    UNSUPPORTED_LAYERS = (
        "unsupported_layers",
        _FAILED,
        "The file has several pictures at once, or layers such as transparency or a second view.",
        "Keep one picture without layers: re-encode the video first.",
    )
    UNSUPPORTED_CROP = (
        "unsupported_crop",
        _FAILED,
        "The file crops its picture in a way that cannot be applied soundly.",
        _REENCODE,
    )
    UNSUPPORTED_EDITS = (
        "unsupported_edits",
        _FAILED,
        "The file's edit lists or chapters play its content in a way that cannot be applied soundly.",
        _REENCODE,
    )
    UNREADABLE = (
        "unreadable",
        _FOUND,
        "It cannot be told whether the source has transparent parts; the recheck says `source_not_compared` then.",
        "Check that the source can be played, and run the recheck again.",
    )

    # The machine and its stores.
    NO_SPACE = (
        "no_space",
        _FAILED,
        "There was no room left for unfinished results.",
        f"Free some, or name a larger disk by ANONFLOW_SCRATCH. {_AGAIN}",
    )
    OUT_OF_MEMORY = (
        "out_of_memory",
        _FAILED,
        "There was not enough memory for this input.",
        f"Convert fewer videos at a time (`--workers 1`) or take a larger machine. {_AGAIN}",
    )
    TOOL = (
        "tool",
        _FAILED,
        "A tool (ffmpeg, ffprobe or a decoder) could not be started, ran past its limits, or died.",
        f"Check that ffmpeg and ffprobe are installed and that the file can be played. {_AGAIN}",
    )
    STORE = (
        "store",
        _FAILED,
        "An object in the store is missing, cut off, or is not what it should be.",
        f"Check the disk or bucket behind the store. {_AGAIN}",
    )
    STORE_UNAVAILABLE = (
        "store_unavailable",
        _FAILED,
        "A store did not answer, refused, or is full.",
        f"Check its address, its credentials, the network and its room. {_AGAIN}",
    )
    WEIGHTS = (
        "weights",
        _FAILED,
        "A weight file is missing or damaged, or is not the pinned one.",
        f"Run `anonflow models verify`, then `anonflow models pull`. {_AGAIN}",
    )
    USAGE = (
        "usage",
        _FAILED,
        "A setting turned out to be wrong while the input was converted.",
        f"The row's message says which; correct it. {_AGAIN}",
    )
    DECLARATION = ("declaration", _FAILED, "A stage of the program is declared wrongly.", _BUG)
    TIME_LIMIT = (
        "time_limit",
        _FAILED,
        "The input took longer than it may, and was given up.",
        f"Allow more by `--time-limit`, or take a faster machine. {_GIVEN_UP}",
    )
    CRASHED = (
        "crashed",
        _FAILED,
        "Two processes ended in the middle of this input, perhaps for want of memory, so it was given up.",
        f"Mend the cause: often more memory, or fewer videos at a time. {_GIVEN_UP}",
    )
    HUNG = (
        "hung",
        _FAILED,
        "The process hung in the middle of this input and was ended, so it was given up.",
        f"Check that the file can be played, and re-encode it where it cannot. {_GIVEN_UP}",
    )
    UNEXPECTED = (
        "unexpected",
        (Where.FAILED, Where.RECHECK),
        "Something went wrong that was not foreseen. A recheck never pulls a result for it.",
        _BUG,
    )

    # Tries at a twin. Where the last try ends so, it is the row's reason too.
    ACCEPTED = (
        "accepted",
        (Where.ATTEMPT,),
        "The twin is far enough from the source and is used.",
        "Nothing.",
    )
    TOO_CLOSE = (
        "too_close",
        _TRIED,
        "A general face recogniser can take the twin for the source.",
        _OTHER_TWIN,
    )
    TOO_CLOSE_IN_PLACE = (
        "too_close_in_place",
        _TRIED,
        "In this footage the twin lies too near to the source beside strangers of the same kind.",
        _OTHER_TWIN,
    )
    REHEARSAL_TOO_CLOSE = (
        "rehearsal_too_close",
        _TRIED,
        "The audit's recognisers know the source in the twin on sampled frames, so the video was not rendered with it.",
        _OTHER_TWIN,
    )
    AUDIT_RECOGNISED = (
        "audit_recognised",
        (*_TRIED, Where.RECHECK),
        "The audit recognises the source in the finished result.",
        _OTHER_TWIN,
    )
    TWIN_NOT_SEEN = (
        "twin_not_seen",
        _TRIED,
        "Where the twin was painted the audit does not see its face, so nothing proves that it is shown.",
        _OTHER_TWIN,
    )
    SETTLED_OTHERWISE = (
        "settled_otherwise",
        _TRIED,
        "Other videos of the dataset took this twin first.",
        "Convert the video again; other twins are chosen then.",
    )
    TAKEN = (
        "taken",
        _TRIED,
        "The twin belongs to another person of the dataset.",
        "Convert it with `--identity-scope video` for a twin of its own.",
    )
    NO_CANDIDATE = (
        "no_candidate",
        _TRIED,
        "No synthetic person fits this face and is far enough from the people of the dataset.",
        _COVER,
    )
    NO_CONTROLS = (
        "no_controls",
        _TRIED,
        "Too few synthetic people fit this face to measure a twin by.",
        _COVER,
    )
    INDISTINCT = (
        "indistinct",
        _TRIED,
        "A network does not tell this person from strangers in this footage: too small, blurred or covered.",
        f"{_COVER} Larger or sharper footage of the person helps too.",
    )
    NOT_PAINTABLE = (
        "not_paintable",
        _TRIED,
        "The twin could not be painted into any sampled frame.",
        f"{_COVER} With a motion network, `--hard-frames mesh` helps too.",
    )
    NO_FACE_PAINTED = (
        "no_face_painted",
        _TRIED,
        "What the diffusion model painted is no clear face.",
        _OTHER_TWIN,
    )
    LIKE_ANOTHER = (
        "like_another",
        _TRIED,
        "The painted face resembles another person of the dataset.",
        _OTHER_TWIN,
    )

    # Decisions on a whole result.
    STRAY_FACE = (
        "stray_face",
        (Where.WITHHELD, Where.REDACTED, Where.RECHECK),
        "The audit found a face that was not replaced. In a redacted result it is covered.",
        "Convert with `--on-failure redact`, which covers such faces; where that was done, nothing has to be.",
    )
    AUDIT_INCOMPLETE = (
        "audit_incomplete",
        (Where.WITHHELD, Where.RECHECK),
        "The audit saw more or fewer frames than the result must have.",
        "Run the same command again; where that does not help, re-encode the source first.",
    )
    NOT_AUDITED = (
        "not_audited",
        (Where.WITHHELD,),
        "A recipe returned a result that had passed no audit.",
        _BUG,
    )
    NO_SAFE_TWIN = (
        "no_safe_twin",
        (Where.REDACTED,),
        "A person without a safe twin is covered, as `--on-failure redact` asks for.",
        "Nothing has to be done. Another `--seed` or more `--max-attempts` may find a twin.",
    )
    SMALL_TURNED_OR_UNCLEAR_FACE = (
        "small_turned_or_unclear_face",
        (Where.REDACTED,),
        "Faces that are too small, too far turned away or unclear are covered.",
        "Nothing has to be done. Larger footage of these faces lets them be replaced.",
    )
    REVIEW = (
        "review",
        _DECIDED,
        "A person rejected the result in a report.",
        "Choose redo in the report, or convert with `--overwrite`, for another twin.",
    )
    REDO = (
        "redo",
        _FAILED,
        "A person asked in a report for another try.",
        "Run the same command again: it makes the try, with other twins.",
    )

    # Findings of a recheck.
    OUTPUT_MISSING = ("output_missing", _FOUND, "The published file is gone.", _OVERWRITE)
    OUTPUT_CHANGED = (
        "output_changed",
        _FOUND,
        "The file is not the one that was published.",
        f"Find out what changed it. {_PULL}",
    )
    OUTPUT_UNREADABLE = ("output_unreadable", _FOUND, "The published file cannot be decoded.", _PULL)
    SHOWN_TRANSPARENT = (
        "shown_transparent",
        _FOUND,
        "The source has transparent parts, which the version that made the result showed.",
        _PULL,
    )
    SOURCE_NOT_COMPARED = (
        "source_not_compared",
        _FOUND,
        "The source cannot be read, or no face is found in it although the result shows some.",
        f"Check that the source is what it was. {_PULL}",
    )
    HIDDEN_UNREADABLE = ("hidden_unreadable", _FOUND, "What the file or its sound holds cannot be read.", _PULL)
    HIDDEN_STRUCTURE = (
        "hidden_structure",
        _FOUND,
        "The file's boxes are damaged, or its edit lists are not plain.",
        _PULL,
    )
    HIDDEN_STREAMS = (
        "hidden_streams",
        _FOUND,
        "The file holds other streams than one picture and its sounds.",
        _PULL,
    )
    HIDDEN_METADATA = ("hidden_metadata", _FOUND, "The file holds tags or chapters.", _PULL)
    HIDDEN_BOXES = (
        "hidden_boxes",
        _FOUND,
        "The file holds boxes that results do not have, or padding with content.",
        _PULL,
    )
    HIDDEN_BYTES = ("hidden_bytes", _FOUND, "The file holds bytes that belong to nothing shown.", _PULL)
    HIDDEN_ALPHA = ("hidden_alpha", _FOUND, "The picture has transparency that could hide something.", _PULL)
    HIDDEN_CROP = ("hidden_crop", _FOUND, "A part of the picture is cut off by players only.", _PULL)
    HIDDEN_PICTURE = ("hidden_picture", _FOUND, "The file holds frames that an edit list hides.", _PULL)
    HIDDEN_SOUND = ("hidden_sound", _FOUND, "The file holds sound that players discard.", _PULL)
    HIDDEN_CODEC_HEADER = (
        "hidden_codec_header",
        _FOUND,
        "A sound's setup is longer than any decoder needs.",
        _PULL,
    )
    HIDDEN_NOT_PNG = ("hidden_not_png", _FOUND, "The picture is no PNG file.", _PULL)
    HIDDEN_DAMAGED = ("hidden_damaged", _FOUND, "The picture is damaged.", _PULL)
    HIDDEN_CHUNKS = (
        "hidden_chunks",
        _FOUND,
        "The picture holds chunks besides its header, pixels and end.",
        _PULL,
    )
    HIDDEN_COLOUR = (
        "hidden_colour",
        _FOUND,
        "The picture holds colours under its transparent parts.",
        _PULL,
    )


PERMANENT = frozenset(
    {
        Reason.EMPTY, Reason.TRUNCATED, Reason.TOO_LARGE, Reason.TOO_SMALL, Reason.NOT_MEDIA, Reason.NOT_PICTURE,
        Reason.PLAYLIST, Reason.NO_VIDEO, Reason.SEVERAL_PICTURES, Reason.UNCLEAR_ALPHA, Reason.SIZE_CHANGES,
        Reason.BAD_TIMESTAMPS, Reason.BAD_STRUCTURE, Reason.FRAME_MISMATCH, Reason.UNSUPPORTED_ROTATION,
        Reason.UNSUPPORTED_HDR, Reason.UNSUPPORTED_LAYERS, Reason.UNSUPPORTED_CROP, Reason.UNSUPPORTED_EDITS,
        Reason.TIME_LIMIT, Reason.CRASHED, Reason.HUNG,
    }
)  # fmt: skip
"""Reasons of permanent failures, which lie in the input, or for which it was given up: the same file with the same
settings and code would fail again. All others, the store's and the machine's, are transient."""


def as_markdown() -> str:
    """Write the page docs/reasons.md.

    Returns:
        All reasons as a table, with an introduction.
    """
    lines = [
        "# Reasons",
        "This page is made from `infra/reasons.py` by `.venv/bin/python -m infra.reasons > docs/reasons.md`; a test "
        "compares the two.",
        "",
        "A row of the manifest names its reason where its verdict is `failed`, `withheld` or `redacted`. An *attempt* "
        "is a try at a",
        "twin, in the row's `attempts`; where the last one failed, its reason is the row's. A *recheck* is `anonflow "
        "recheck`, which",
        "with `--pull` writes the first reason that it found into the row. `anonflow explain PUBLIC_ID DESTINATION` "
        "says all that for",
        "one video.",
        "",
        "| reason | where | meaning | what to do |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{one.value}` | {', '.join(one.where)} | {one.meaning} | {one.remedy} |" for one in Reason]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
