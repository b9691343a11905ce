"""Compare an implementation with the stored reference arrays (our own helper).

    from check import Golden
    g = Golden("liveportrait/modules")          # or "lia/golden"
    g.compare("W_out", my_full_output)          # numpy or torch; takes the stored slice itself
    g.report()

Weights for the implementation: rule.state_dict(module, manifest_entries).
"""

import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))

# absolute tolerances for float32 CPU: about ten times the spread seen between
# one/two threads, another summation order, and float64
TOL = {
    "liveportrait/modules": {
        "F_": 5e-4,
        "M_": 5e-5,
        "W_occ": 2e-5,
        "W_def": 5e-5,
        "W_mask": 2e-5,
        "W_": 1e-3,
        "G_": 2e-5,
        "chain_W": 4e-3,
        "chain_G": 1e-3,
        "S_": 1e-6,
    },
    "lia/golden": {"img_": 8e-4, "feat": 5e-5, "": 2e-5},
}


def _tol(name, key):
    best = ("", 1e-4)
    for pre, t in TOL.get(name, {}).items():
        if key.startswith(pre) and len(pre) >= len(best[0]):
            best = (pre, t)
    return best[1]


def _slice(spec):
    out = []
    for part in spec.strip("[]").split(","):
        out.append(0 if part == "0" else slice(None) if part == ":" else slice(None, None, int(part[2:])))
    return tuple(out)


class Golden:
    def __init__(self, name):
        self.name = name
        self.arrays = np.load(os.path.join(HERE, name + ".npz"))
        with open(os.path.join(HERE, name + ".json")) as f:
            self.meta = json.load(f)["arrays"]
        self.rows = []

    def compare(self, key, value, tol=None):
        if hasattr(value, "detach"):
            value = value.detach().cpu().float().numpy()
        full = self.meta[key]["full"]
        assert list(value.shape) == full["shape"], (key, value.shape, full["shape"])
        part = value[_slice(self.meta[key]["slice"])] if "slice" in self.meta[key] else value
        ref = self.arrays[key]
        err = float(np.abs(part.astype(np.float64) - ref.astype(np.float64)).max())
        l2 = float(np.sqrt((value.astype(np.float64) ** 2).sum()))
        tol = _tol(self.name, key) if tol is None else tol
        ok = err <= tol and abs(l2 - full["l2"]) <= 1e-4 * full["l2"] + 1e-9
        self.rows.append((key, err, tol, ok))
        return ok, err

    def report(self):
        for key, err, tol, ok in self.rows:
            print(f"{'ok' if ok else 'BAD':<4} {key:<20} max abs {err:.3g} (tolerance {tol:.0e})")
        return all(r[3] for r in self.rows)
