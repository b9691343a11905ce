"""`anonflow recipes`: what recipes there are, with their stages, networks and papers."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from flows.cli.options import Profile
from infra.settings import Settings


def recipes(profile: Profile = "embedded") -> None:
    """List the recipes with their stages in order, and the networks that a profile has for them."""
    from flows.recipes.catalogue import RECIPES
    from models.selection import profiles

    roles = profiles.roles(Settings(profile=profile))
    console = Console()
    for one in RECIPES.values():
        table = Table(title=f"{one.name}: {one.paper} ({one.media}s)", title_justify="left")
        for column in ("stage", "section", "networks"):
            table.add_column(column, overflow="fold")
        for stage in one.stages:
            known = dict.fromkeys(name for role in stage.roles if role in roles for name in roles[role].backends)
            missing = [role for role in stage.roles if role not in roles and role != "ethnicity"]
            told = ", ".join([*known, *(f"no {role} in this profile" for role in missing)])
            table.add_row(stage.name, stage.section, told)
        console.print(table)
