"""One result in many forms: what a command found, as text for people and as JSON for programs."""
