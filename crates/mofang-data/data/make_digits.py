"""Makes the two files beside this script from scikit-learn's copy of the digits (load_digits).

The UCI data have samples from 0 to 16; they are stored scaled to 0..255 so that each image is an
ordinary grey picture. Gzip without a time stamp, so that the same input gives the same bytes.

    pip install scikit-learn numpy && python make_digits.py
"""

import gzip
import pathlib
import struct

import numpy
from sklearn.datasets import load_digits

folder = pathlib.Path(__file__).parent
digits = load_digits()
images = numpy.round(digits.images / 16 * 255).astype(numpy.uint8)
labels = digits.target.astype(numpy.uint8)


def write(name, header, data):
    with open(folder / name, "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
            packed.write(header + data.tobytes())


write("digits-images-idx3-ubyte.gz", struct.pack(">4B3I", 0, 0, 8, 3, *images.shape), images)
write("digits-labels-idx1-ubyte.gz", struct.pack(">4BI", 0, 0, 8, 1, len(labels)), labels)
