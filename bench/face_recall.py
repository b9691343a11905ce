"""How many faces the audit and the pipeline see, by size, angle, light and cover, and what they take for faces.

    python bench/face_recall.py [--only recall|false] [--finders NAME ...] [--crops FOLDER] [--json FILE]

ANONFLOW_SHARED, or a folder shared/ beside the repository, names the test stills and clips. The first table comes from
heads pasted into frames without faces, where the places of all faces are known; the second from pictures and frames
without faces, and from what lies beside the faces in others. --crops keeps a picture of each false detection: beside
faces, a person must look whether it is one. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.recall import counting, report  # noqa: E402
from bench.recall.finders import finders  # noqa: E402
from bench.recall.scenes import SIZES  # noqa: E402

_USUAL = ("audit-video", "audit-between", "audit-still", "pipeline-video")
"""All but "pipeline-still", which takes as long as they do together."""
_ALL = (*_USUAL, "pipeline-still")


def main() -> None:
    """Measure, print the tables, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["recall", "false"], help="Measure one of the tables.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="Of the pasted faces, pixels.")
    parser.add_argument("--frames", type=int, nargs=2, default=(3, 2), help="Of eight faces, per cell: bright, other.")
    parser.add_argument("--workers", type=int, default=2, help="Threads.")
    parser.add_argument("--crops", type=Path, metavar="FOLDER", help="Keep a picture of each false detection here.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Also write the figures here.")
    parser.add_argument(
        "--finders", nargs="+", metavar="NAME", default=_USUAL, help=f"Whose recall: {', '.join(_ALL)}."
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.finders) - set(_ALL)):
        parser.error(f"unknown finders: {', '.join(unknown)}")
    shared = Path(os.environ.get("ANONFLOW_SHARED", str(ROOT.parent / "shared")))
    if not (shared / "clips").is_dir():
        raise SystemExit("no stills and clips found; set ANONFLOW_SHARED to the folder that holds them")
    looking, began = finders(), time.monotonic()
    figures: dict[str, Any] = {}
    if options.only != "false":
        chosen = {name: looking[name] for name in options.finders}
        figures["recall"] = counting.recall(chosen, shared, options.sizes, tuple(options.frames), options.workers)
    if options.only != "recall":
        some = looking["audit-video"], looking["audit-still"]
        figures["false"] = counting.false_detections(*some, shared, options.crops, options.workers)
    figures["seconds"] = round(time.monotonic() - began, 1)
    print(report.markdown(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
