"""Synthetic people: the generator, what is measured of its people, and how one of a wanted kind is drawn."""
