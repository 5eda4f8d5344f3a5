"""Corpora, protocols and statistics around fusion: everything a number needs to be believed."""
