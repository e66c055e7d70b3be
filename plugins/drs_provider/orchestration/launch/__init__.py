"""Launching servers so that nothing is launched twice, whoever asks for it: what exists, what is missing, the start."""
