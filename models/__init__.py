"""Networks, one capability a folder."""

import os

# onnxruntime asks once, when it is loaded, whether it may send its maker what it runs; nothing here may.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
