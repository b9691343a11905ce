"""The network of the Fréchet inception distance (Heusel et al. 2017), by the package torch-fidelity.

Weights: registry entry "inception" (Inception v3 by Google, ImageNet, converted out of TensorFlow's graph of 2015).
torch-fidelity repeats how that graph scales a picture, on which the distance depends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from infra.errors import WeightsError
from models.interfaces.capabilities import Floats, Image
from models.runtime import checkpoint, torchvision_ops
from models.weights import weight_files

torchvision_ops.prepare()
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3  # noqa: E402


class Inception:
    """Features, 2048 dimensions: the last layer before the classes.

    Not guaranteed: a meaning of the features of a single picture; they are for comparing distributions.
    """

    name = "inception"
    dimension = 2048

    def __init__(self) -> None:
        path = weight_files.path("inception")
        # torch-fidelity reads with a loader that runs whatever a pickle asks for; this one refuses such a file first.
        checkpoint.read(path)
        try:
            self._network = FeatureExtractorInceptionV3("inception", ["2048"], str(path))
        except RuntimeError as error:
            raise WeightsError(f"{path.name} is not the Inception network of the Fréchet distance.") from error

    def describe(self, images: Sequence[Image]) -> Floats:
        """Return one feature vector per image.

        Args:
            images: (H, W, 3) uint8 BGR images of any size.

        Returns:
            (N, 2048) float32.

        Raises:
            ValueError: An image has no pixels.
        """
        rows = np.zeros((len(images), self.dimension), np.float32)
        for index, image in enumerate(images):
            if not image.size:
                raise ValueError("An image without pixels has no features.")
            rgb = torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)))
            with torch.inference_mode():
                rows[index] = self._network(rgb[None])[0][0].numpy()
        return rows
