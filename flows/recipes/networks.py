"""The networks of a run's profile, by role."""

from __future__ import annotations

from typing import Any

from infra.settings import Settings
from models.selection import profiles


class ProfileNetworks:
    """Loads the networks of a profile; see `tasks.stage.Networks`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def load(self, role: str, **options: Any) -> Any:
        """Return the one network that does a role; see `load_all`.

        Args:
            role: The role.
            **options: Handed to the backend.

        Returns:
            The network.
        """
        return self.load_all(role, **options)[0]

    def load_all(self, role: str, **options: Any) -> list[Any]:
        """Return the networks that do a role in the profile, in order.

        Args:
            role: Of the profile.
            **options: Of the backend's class.

        Returns:
            The networks.
        """
        return profiles.load_role(self.settings, role, **options)

    def has(self, role: str) -> bool:
        """Return whether the profile has networks for a role.

        Args:
            role: Of a profile.

        Returns:
            Whether it has.
        """
        return role in profiles.roles(self.settings)
