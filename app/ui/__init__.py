"""Widgets, one panel a file."""
