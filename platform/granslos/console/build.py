"""Builds the console (placeholder until its sources land)."""
