"""The parts of bench/face_recall.py: the scenes, the pictures without faces, those who look, and the counting."""
