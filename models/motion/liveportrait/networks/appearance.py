"""F, the appearance feature extractor: a picture of a person becomes a volume of features that can be warped.

Own implementation of LivePortrait's first network (Guo et al. 2024, arXiv:2407.03168; code and weights MIT) from its
published behaviour.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from models.motion.liveportrait.networks.blocks import ConvNorm2d, Residual3d, absorb
from models.motion.liveportrait.sizes import Sizes

_RESIDUALS = 6


class AppearanceExtractor(nn.Module):
    """(n, 3, 256, 256) RGB in [0, 1] -> (n, 32, 16, 64, 64): channels, depth, rows, columns."""

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        s = sizes or Sizes()
        self._volume = (s.volume, s.depth)
        self.first = ConvNorm2d(3, s.base)
        self.down_blocks = nn.Sequential(*(ConvNorm2d(s.base * 2**i, s.base * 2 ** (i + 1)) for i in range(2)))
        self.second = nn.Conv2d(s.base * 4, s.volume * s.depth, 1)
        self.resblocks_3d = nn.ModuleDict({f"3dr{i}": Residual3d(s.volume) for i in range(_RESIDUALS)})

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the feature volumes of pictures.

        Args:
            pictures: (n, 3, 256, 256) RGB in [0, 1].

        Returns:
            (n, 32, 16, 64, 64).
        """
        x = functional.relu(self.first(pictures), inplace=True)
        for block in self.down_blocks:
            x = functional.avg_pool2d(functional.relu(block(x), inplace=True), 2)
        x = self.second(x)
        x = x.reshape(x.shape[0], *self._volume, *x.shape[2:])
        for block in self.resblocks_3d.values():
            x = block(x)
        return x

    def fold(self) -> None:
        """Fold batch normalisations into convolutions where one follows the other."""
        for module in self.modules():
            if isinstance(module, ConvNorm2d):
                module.norm = absorb(module.conv, module.norm)
            elif isinstance(module, Residual3d):
                module.norm2 = absorb(module.conv1, module.norm2)
