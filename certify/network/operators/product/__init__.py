"""Products of activations."""
