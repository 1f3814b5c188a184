"""The random base network: its generator, its law, any weight from its coordinates, and what pruning keeps."""
