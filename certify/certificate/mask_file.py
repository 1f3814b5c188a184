"""A file of masks: npz with 0/1 arrays `layers.<index>.weights`, one for each matrix, the same bytes every time.

numpy's own writer dates the members by the clock.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from certify.base.mask import Mask

_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_masks(masks: Sequence[Mask]) -> bytes:
    """Return the file that holds these masks, as uint8[rows, columns] each."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for index, mask in enumerate(masks):
            member = zipfile.ZipInfo(f"layers.{index}.weights.npy", _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, _npy(mask))
    return data.getvalue()


def _npy(mask: Mask) -> bytes:
    kept = np.zeros(mask.shape, dtype=np.uint8)
    kept[mask.rows(), mask.columns] = 1
    data = io.BytesIO()
    np.lib.format.write_array(data, kept, version=(1, 0), allow_pickle=False)
    return data.getvalue()
