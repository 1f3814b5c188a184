"""Softmax from a table."""
