"""The parts of bench/agreement.py: one measured quantity per function."""
