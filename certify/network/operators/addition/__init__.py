"""Sums of tensors."""
