"""Builds what `models.people` ships: a survey of the generator, and the maps and cells fitted to it."""
