"""The published JSON Schema of `certify.network/1`: for editors, other languages and converters.

The reader (`certify.network.reader`) does not use it: it also checks what JSON Schema cannot say, which the
schema's own comment lists. A test holds the two against each other.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def network_schema() -> dict[str, Any]:
    """Return the schema, in JSON Schema 2020-12."""
    text = resources.files("certify.network").joinpath("network.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
