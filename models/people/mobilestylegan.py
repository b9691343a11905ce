"""MobileStyleGAN: the generator behind the embedded profile's twins.

Weights: registry entries "mobilestylegan-*" (declared Apache-2.0; distilled from a StyleGAN2 trained on FFHQ, whose
terms are non-commercial: commercial use unclear). People it makes do not exist; that none resembles a person of the
training data is not guaranteed.
"""

from __future__ import annotations

import numpy as np

from models.interfaces.capabilities import Floats, Image
from models.runtime.openvino_runtime import Network, Precision
from models.weights import weight_files

DIMENSION = 512


class MobileStyleGAN:
    """Latents to pictures."""

    name = "mobilestylegan"

    def __init__(self, precision: Precision = "f32") -> None:
        self._mapping = Network(weight_files.path("mobilestylegan-mapping"))
        self._synthesis = Network(weight_files.path("mobilestylegan-synthesis"), precision=precision)

    def latent(self, noise: Floats) -> Floats:
        """Return the style vector w of a noise vector.

        Args:
            noise: (512,) standard normal vector.

        Returns:
            (512,) float32.
        """
        return np.ravel(self._mapping.run(noise.reshape(1, DIMENSION).astype(np.float32))[0]).astype(np.float32)

    def picture(self, latent: Floats) -> Image:
        """Return the picture of a style vector.

        Args:
            latent: (512,) style vector w.

        Returns:
            (1024, 1024, 3) uint8 BGR.
        """
        raw = self._synthesis.run(latent.reshape(1, DIMENSION).astype(np.float32))[0][0]
        values = np.clip(raw.transpose(1, 2, 0) * 127.5 + 128.0, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(values[..., ::-1])
