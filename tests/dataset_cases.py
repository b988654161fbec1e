"""Data sets in files."""

import gzip
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


def idx_bytes(array):
    """A file of MNIST as it was first published."""
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return head + array.tobytes()


IDX = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def write_idx(folder, ending=""):
    """The four files of `images`; compressed if their ending is ``.gz``."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in images().items():
        content = idx_bytes(array)
        content = gzip.compress(content) if ending else content
        (folder / f"{IDX[key]}{ending}").write_bytes(content)


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


TS = """# two channels
@problemName Steps
@univariate false
@equalLength false
@classLabel true Walk Run
@data
1,2,3:?,-10,?:Walk
4,?:0.0,.5:Run
?,1e-1,1E-3 : 7,NaN,8:Walk
% the last one
5:6:Run
"""
TIMES = """@problemName Times
@timeStamps True
@univariate true
@classLabel true 1 2
@data
(2007-01-01 00:00:00,241.75),(2007-01-01 00:01:00,-2),(2007-01-01 00:02:00,3):1
(0.5,4),(1,4.5) , (1.5,5):2
"""
ARFF = """% of Weka
@RELATION waves
@attribute 'at t 1' numeric
@attribute att2 real
@attribute att3 INTEGER
@attribute 'the class' {no,yes}
@data
1,2,3,no
-1, ?,2,yes
.5,1e-3,?,no
?,4,5,no
"""
RELATIONAL = r"""@relation moves
@attribute relationalAtt relational
@attribute t1 numeric
@attribute t2 numeric
@end relationalAtt
@attribute activity {'Standing still',Running}
@data
'1,2,3\n4,5,6','Standing still'
"7,8,?\n9,?,?",Running
"""
