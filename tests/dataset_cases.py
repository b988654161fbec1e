"""Data sets in files."""

import io
import zipfile

import numpy as np


def images(n_train=12, n_test=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (n_train, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, n_train, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (n_test, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, n_test, dtype=np.uint8),
    }


def equal_parts(one, two):
    return all(
        np.array_equal(getattr(one, part).x, getattr(two, part).x)
        and np.array_equal(getattr(one, part).y, getattr(two, part).y)
        for part in ("train", "validation", "test")
    )


STEPS = [
    "sequence,label,x",
    *(f"{k},{'ab'[k % 2]},{s}" for k in range(6) for s in (1, 2)),
]


def bomb(dtype):
    """An archive that says of one of its arrays that it takes 1.5 GB."""
    shape, file = (1_500_000_000 // 784, 28, 28), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in ("y_train", "x_test", "y_test"):
            with archive.open(f"{key}.npy", "w") as member:
                np.save(member, images()[key])
        with archive.open("x_train.npy", "w") as member:
            head = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, head)
            member.write(bytes(10**6))
        size = np.dtype(dtype).itemsize * int(np.prod(shape))
        archive.getinfo("x_train.npy").file_size += size - 10**6
    return file.getvalue()
