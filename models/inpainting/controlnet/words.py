"""Prompts as embeddings: weighted words, and prompts of any length (compel)."""

from __future__ import annotations

import threading
from typing import Any

import torch
from compel import Compel
from torch import Tensor


class Words:
    """Encodes prompts with a pipeline's tokenizer and text encoder; safe for several threads.

    A bracket with a number behind it weighs its words; nothing is cut off after 77 tokens. The texts are identifying
    and are not kept.
    """

    def __init__(self, tokenizer: Any, encoder: Any) -> None:
        self._compel = Compel(tokenizer=tokenizer, text_encoder=encoder, truncate_long_prompts=False)
        # A tokenizer is changed while it works.
        self._lock = threading.Lock()

    @torch.inference_mode()
    def encode(self, prompt: str, negative: str) -> tuple[Tensor, Tensor]:
        """Return the embeddings of a prompt and of a negative prompt.

        Args:
            prompt: The prompt.
            negative: The negative prompt.

        Returns:
            (tokens, width) of each, padded to the longer of the two.
        """
        with self._lock:
            both = [self._compel.build_conditioning_tensor(text) for text in (prompt, negative)]
            wanted, unwanted = self._compel.pad_conditioning_tensors_to_same_length(both)
        return wanted[0], unwanted[0]
