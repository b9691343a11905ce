"""How far a result agrees with its source in everything but the person, over all frames of both.

Usage: python bench/agreement.py SOURCE RESULT [--json FILE]

Time, sound, motion and background should agree; the faces should not. Faces of the two videos are matched by place,
so several people work. Distances are cosine distances of each face of the result to all sampled faces of the source,
whoever they belong to. A face that the result hides under one flat colour is counted as redacted and not compared.
Not measured: looks. A person must still watch the result.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.agree import faces, report, streams  # noqa: E402
from infra.errors import AnonflowError  # noqa: E402
from infra.media.decode import open_frames  # noqa: E402
from infra.media.probe import probe_video  # noqa: E402


def compare(source: Path, result: Path) -> dict[str, Any]:
    """All figures for a source and its result. Raises MediaError or ToolError when one of them cannot be read."""
    infos = probe_video(source), probe_video(result)
    found = streams.times(*infos) | {"sound": streams.sound(source, result, infos)}
    if not found["times_equal"] or not found["size_equal"]:
        return found
    known = faces.references(source, infos[0])
    tally = faces.Tally()
    with open_frames(source, infos[0]) as ours, open_frames(result, infos[1]) as theirs:
        for before, after in zip(ours, theirs, strict=True):
            faces.compare_frame(before, after, known, tally)
    return found | report.summary(tally)


def main() -> int:
    """Compare, print, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    try:
        found = compare(arguments.source, arguments.result)
    except AnonflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(report.table(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
