"""All recipes. A new one is a file of its own and a line here."""

from __future__ import annotations

from flows.recipes import anonnet, picture

__all__ = ["anonnet", "picture"]
