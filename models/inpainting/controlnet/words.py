"""Prompts as embeddings: weighted words, and prompts of any length (compel), padded so that they fit in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from compel import Compel
from torch import Tensor


class Words:
    """Encodes prompts with a pipeline's tokenizer and text encoder.

    A bracket with a number behind it weighs its words; nothing is cut off after 77 tokens. The texts are identifying
    and are not kept.
    """

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self._compel = Compel(tokenizer=tokenizer, text_encoder=encoder, truncate_long_prompts=False)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str], negatives: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(n, tokens, width) of the prompts and of the negative prompts, all padded to the longest."""
        texts = [*prompts, *negatives]
        known = {text: self._compel.build_conditioning_tensor(text) for text in dict.fromkeys(texts)}
        padded = self._compel.pad_conditioning_tensors_to_same_length(list(known.values()))
        rows = dict(zip(known, padded, strict=True))
        everything = torch.cat([rows[text] for text in texts])
        return everything[: len(prompts)], everything[len(prompts) :]
