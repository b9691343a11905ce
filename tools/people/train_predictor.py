"""Fits the network that predicts what a latent's picture would measure (`models.people.predictor`)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.interfaces.capabilities import Floats
from models.people.predictor import Predictor

HIDDEN = (640, 640)
EPOCHS, BATCH, RATE, DECAY = 60, 128, 1e-3, 0.05
DROPPED = 0.2
EMBEDDINGS = 6.0
"""Weight of the error of embeddings (1 - cosine) beside the mean squared error of the values."""


@dataclass(frozen=True)
class Fitted:
    """A network, and how well it predicts those who were left out.

    Attributes:
        predictor: Fitted to those who were not left out.
        values: (V,) correlations over people who were left out.
        embedding: Mean cosine between predicted and measured embeddings of these.
    """

    predictor: Predictor
    values: NDArray[np.float64]
    embedding: float


def fit(latents: Floats, values: Floats, embeddings: Floats, seed: int, out: NDArray[np.bool_]) -> Fitted:
    """Fit the network.

    Args:
        latents: (n, 512).
        values: (n, V).
        embeddings: (n, 512) unit vectors.
        seed: Of the weights and of the order.
        out: (n,) people to leave out, by whom it is judged.

    Returns:
        The network, fitted to those who are not left out.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean, scale = latents[~out].mean(axis=0), latents[~out].std(axis=0) + 1e-6
    level, unit = values[~out].mean(axis=0), values[~out].std(axis=0) + 1e-6
    sides = (latents.shape[1], *HIDDEN, values.shape[1] + embeddings.shape[1])
    layers: list[nn.Module] = []
    for k, (a, b) in enumerate(itertools.pairwise(sides)):
        if k:
            layers += [nn.LeakyReLU(0.1), nn.Dropout(DROPPED)]
        layers.append(nn.Linear(a, b))
    network = nn.Sequential(*layers)
    x = torch.tensor((latents - mean) / scale)
    y, e = torch.tensor((values - level) / unit), torch.tensor(embeddings)
    learn = np.flatnonzero(~out)
    best = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    pace = torch.optim.lr_scheduler.OneCycleLR(best, 2 * RATE, EPOCHS * (len(learn) // BATCH))
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = rng.permutation(learn)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            given = network(x[rows])
            count = values.shape[1]
            off = nn.functional.smooth_l1_loss(given[:, :count], y[rows])
            apart = 1 - nn.functional.cosine_similarity(given[:, count:], e[rows]).mean()
            best.zero_grad()
            torch.autograd.backward(off + EMBEDDINGS * apart)
            best.step()
            pace.step()
    dense = [layer for layer in network if isinstance(layer, nn.Linear)]
    predictor = Predictor(
        mean,
        scale,
        tuple(layer.weight.detach().numpy().T.copy() for layer in dense),
        tuple(layer.bias.detach().numpy().copy() for layer in dense),
        level,
        unit,
    )
    seen, vectors = predictor.predict(latents[out])
    known = values[out]
    correlations = [np.corrcoef(seen[:, k], known[:, k])[0, 1] for k in range(values.shape[1])]
    return Fitted(predictor, np.array(correlations), float((vectors * embeddings[out]).sum(axis=1).mean()))
