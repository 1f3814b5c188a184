"""Reading what `torch.save` wrote, without PyTorch: nested dicts of tensors, in the zip or the legacy container."""

from __future__ import annotations

from certify.network.arrays.pytorch.archive import is_pytorch_archive, read_pytorch_archive
from certify.network.arrays.pytorch.legacy import is_legacy, read_legacy

__all__ = ["is_legacy", "is_pytorch_archive", "read_legacy", "read_pytorch_archive"]
