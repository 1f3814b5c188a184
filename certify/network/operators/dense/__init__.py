"""All outputs from all inputs."""
