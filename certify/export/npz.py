"""npz: a zip archive with a .npy member for each array, the same bytes every time.

numpy's own writer dates the members by the clock.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from certify.export.arrays import Array

_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_npz(arrays: Sequence[Array]) -> bytes:
    """Return the file, members deflated.

    Args:
        arrays: their names differ.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for array in arrays:
            member = zipfile.ZipInfo(f"{array.name}.npy", _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as sink:
                sink.write(_header(array))
                for piece in array.pieces():
                    sink.write(piece)
    return data.getvalue()


def _header(array: Array) -> bytes:
    header = io.BytesIO()
    written = {
        "descr": np.lib.format.dtype_to_descr(array.dtype.newbyteorder("<")),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(header, written)
    return header.getvalue()
