"""What a person will look like, predicted from the latent without making the picture.

A small network fitted to the survey (`tools.people.train_predictor`). It only spares the making of pictures that would
be refused: who may serve is measured on the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.people.meter import VALUES

EMBEDDING = 512
_LEAK = 0.1


@dataclass(frozen=True)
class Predictor:
    """A network of dense layers: latents to VALUES and embeddings.

    Attributes:
        mean: (512,) subtracted from latents.
        scale: (512,) by which they are divided then.
        weights: Of each layer, (inputs, outputs).
        biases: Of each layer, (outputs,).
        level: (V,) added to the values.
        unit: (V,) by which they are multiplied before.
    """

    mean: Floats
    scale: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    level: Floats
    unit: Floats

    def predict(self, latents: Floats) -> tuple[Floats, Floats]:
        """Return what pictures of latents would measure.

        Args:
            latents: (n, 512).

        Returns:
            ((n, V) values in the order of VALUES, (n, 512) unit vectors of FaceNet).
        """
        seen: NDArray[np.float32] = (latents - self.mean) / self.scale
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            seen = seen @ weight + bias
            if layer + 1 < len(self.weights):
                seen = np.where(seen > 0, seen, _LEAK * seen)
        count = len(VALUES)
        vectors = seen[:, count:]
        norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return (seen[:, :count] * self.unit + self.level).astype(np.float32), (vectors / norms).astype(np.float32)
