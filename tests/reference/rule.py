"""Deterministic values for weights and inputs, from names and shapes only.

Written for this project (no third-party code).  Purpose: fill a network with
reproducible, non-degenerate values so that two independent implementations of
the same architecture can be compared without any released checkpoint.

How it works
------------
stream(tag, n)   n float64 numbers in [0, 1): numpy RandomState(crc32(tag)).
                 random_sample() is MT19937 / 53 bit; its bit stream is frozen by
                 numpy's compatibility policy and uses no transcendental function,
                 so every platform gets the same bits.
z(tag, shape)    sqrt(3) * (2u - 1): uniform, mean 0, variance 1.

tag for a weight = "<module>:<state_dict key>", e.g.
    "motion_extractor:detector.fc_t.bias"
    "stitching:mlp.0.weight"          (key WITHOUT any "module." prefix)
    "lia:dec.conv1.conv.weight"       (module name is always "lia" for LIA)

Everything is computed in float64 and cast to float32 once at the end.

Rules for a key (first match wins)
----------------------------------
 1. ends with num_batches_tracked            -> int64 zero
 2. ends with running_mean                   -> 0.1 z
 3. ends with running_var                    -> 0.5 + u
 4. ends with weight_u or weight_v           -> z / ||z||_2   (norm summed with math.fsum)
 5. ends with weight_orig (spectral norm)    -> sqrt(2/fan_in) z + outer(u, v) reshaped,
                                                u, v = rule 4 for the sibling keys
                                                (so sigma = u^T W v is close to 1)
 6. module "lia" only
      ends with .kernel                      -> outer([1,3,3,1],[1,3,3,1])/64, times 4 when the key
                                                contains "dec." (those blurs follow an up-sampling by 2)
      ends with modulation.bias              -> 1 + 0.1 z
      ends with noise.weight                 -> 0.1 z   (unused at inference)
      any other key with >= 2 dims whose
      name ends in "weight" or is dec.input.input -> z
 6b. modules "safa_generator" / "safa_kp_detector": the anti-alias kernels (…down.weight,
      …down_motion.weight) and fuse_weight get their fixed analytic values; jacobian.bias is
      0.05 z + (1,0,0,1) repeated.
 7. ends with grn.gamma                      -> 0.3 z ;  grn.beta -> 0.05 z
 8. 1-D "weight" (norm scale)                -> 1 + 0.1 z
 9. ends with bias                           -> 0.05 z
10. >= 2-D "weight"                          -> sqrt(2/fan_in) z, fan_in = prod(shape[1:])
Last step: a few output layers are rescaled (value * HEAD_GAIN + HEAD_SHIFT, see
the two tables below) so that poses, key points and pixels stay in a useful,
unsaturated range.
"""

import math
import zlib

import numpy as np

# module -> key -> factor / offset applied after the rules below
HEAD_GAIN = {
    "motion_extractor": {
        "detector.fc_kp.weight": 0.2,
        "detector.fc_exp.weight": 0.02,
        "detector.fc_exp.bias": 0.2,
        "detector.fc_t.weight": 0.05,
        "detector.fc_scale.weight": 0.05,
        "detector.fc_pitch.weight": 1.5,
        "detector.fc_yaw.weight": 1.5,
        "detector.fc_roll.weight": 1.5,
    },
    "spade_generator": {"conv_img.0.weight": 0.1},
    "stitching": {"mlp.6.weight": 0.05, "mlp.6.bias": 0.2},
    "lip": {"mlp.6.weight": 0.05, "mlp.6.bias": 0.2},
    "eye": {"mlp.10.weight": 0.05, "mlp.10.bias": 0.2},
    "safa_kp_detector": {"kp.weight": 0.15, "jacobian.weight": 0.05},
    "safa_generator": {"final.weight": 0.2},
    "lia": {f"dec.to_flows.{i}.conv.weight": 0.15 for i in range(6)},
}
HEAD_SHIFT = {"motion_extractor": {"detector.fc_scale.bias": 1.3}}


def stream(tag, n):
    return np.random.RandomState(zlib.crc32(tag.encode("utf-8")) & 0xFFFFFFFF).random_sample(int(n))


def z(tag, shape):
    n = int(np.prod(shape)) if len(shape) else 1
    return (math.sqrt(3.0) * (2.0 * stream(tag, n) - 1.0)).reshape(shape)


def _unit(tag, n):
    v = z(tag, (n,))
    return v / math.sqrt(math.fsum(float(a) * float(a) for a in v))


def _value(module, key, shape):
    tag = module + ":" + key
    shape = tuple(int(s) for s in shape)
    last = key.rsplit(".", 1)[-1]
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if last == "running_mean":
        return 0.1 * z(tag, shape)
    if last == "running_var":
        return 0.5 + stream(tag, np.prod(shape)).reshape(shape)
    if last in ("weight_u", "weight_v"):
        return _unit(tag, shape[0])
    if last == "weight_orig":
        stem = tag[: -len("orig")]
        u = _unit(stem + "u", shape[0])
        v = _unit(stem + "v", fan_in)
        return math.sqrt(2.0 / fan_in) * z(tag, shape) + np.outer(u, v).reshape(shape)
    if module == "lia":
        if last == "kernel":
            k = np.array([1.0, 3.0, 3.0, 1.0])
            return np.outer(k, k) / 64.0 * (4.0 if key.startswith("dec.") else 1.0)
        if key.endswith("modulation.bias"):
            return 1.0 + 0.1 * z(tag, shape)
        if key.endswith("noise.weight"):
            return 0.1 * z(tag, shape)
        if (last == "weight" and len(shape) >= 2) or key == "dec.input.input":
            return z(tag, shape)
    if module.startswith("safa_"):
        if key.endswith("fuse_weight"):
            return np.eye(3).reshape(shape)
        if key in ("down.weight", "dense_motion_network.down.weight", "dense_motion_network.down_motion.weight"):
            t = np.arange(13) - 6.0  # anti-alias blur: 13 taps, sigma 1.5
            k1 = np.exp(-t * t / (2 * 1.5**2))
            k2 = np.outer(k1, k1)
            return np.broadcast_to(k2 / k2.sum(), shape).copy()
        if key == "jacobian.bias":
            return 0.05 * z(tag, shape) + np.tile([1.0, 0.0, 0.0, 1.0], shape[0] // 4)
    if key.endswith("grn.gamma"):
        return 0.3 * z(tag, shape)
    if key.endswith("grn.beta"):
        return 0.05 * z(tag, shape)
    if last == "weight" and len(shape) == 1:
        return 1.0 + 0.1 * z(tag, shape)
    if last == "bias":
        return 0.05 * z(tag, shape)
    if last == "weight":
        return math.sqrt(2.0 / fan_in) * z(tag, shape)
    raise KeyError(f"no rule for {module} {key} {shape}")


def weight(module, key, shape):
    """numpy array (float32, or int64 for counters) for one state_dict entry."""
    v = _value(module, key, shape)
    if v.dtype == np.int64:
        return v
    v = v * HEAD_GAIN.get(module, {}).get(key, 1.0) + HEAD_SHIFT.get(module, {}).get(key, 0.0)
    return v.astype(np.float32)


def state_dict(module, entries):
    """entries: iterable of (key, shape, ...) -> dict key -> numpy array."""
    return {e[0]: weight(module, e[0], e[1]) for e in entries}


# ---------------------------------------------------------------- inputs
def uniform(tag, shape, lo=0.0, hi=1.0):
    n = int(np.prod(shape))
    return (lo + (hi - lo) * stream("input:" + tag, n)).reshape(shape).astype(np.float32)


def image01(tag, size=256):
    """(1, 3, size, size) float32 in [0, 1): 16x16 blocks (weight 0.75) + pixel noise (0.25)."""
    b = stream("input:" + tag + ":blocks", 3 * 16 * 16).reshape(3, 16, 16)
    b = b.repeat(size // 16, axis=1).repeat(size // 16, axis=2)
    p = stream("input:" + tag + ":pixels", 3 * size * size).reshape(3, size, size)
    return (0.75 * b + 0.25 * p)[None].astype(np.float32)


def image_u8(tag, height, width):
    """(height, width, 3) uint8 RGB, same idea: 16-pixel blocks + noise."""
    hb, wb = -(-height // 16), -(-width // 16)
    b = stream("input:" + tag + ":blocks", hb * wb * 3).reshape(hb, wb, 3)
    b = b.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    p = stream("input:" + tag + ":pixels", height * width * 3).reshape(height, width, 3)
    return np.floor(255.0 * (0.75 * b + 0.25 * p)).astype(np.uint8)


def landmarks(tag, count, cx, cy, half, tilt=0.0):
    """(count, 2) float32 points, uniform in a square of half-size `half` around (cx, cy),
    sheared by `tilt` (x += tilt * (y - cy)) so that the eye->lip axis is not vertical."""
    p = 2.0 * stream("input:" + tag, count * 2).reshape(count, 2) - 1.0
    x = cx + half * p[:, 0]
    y = cy + half * p[:, 1]
    return np.stack([x + tilt * (y - cy), y], 1).astype(np.float32)
