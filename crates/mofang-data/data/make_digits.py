"""Makes the two files beside this script from scikit-learn's copy of the digits.

The UCI data have samples from 0 to 16; they are stored scaled to 0..255 so that each image is an
ordinary grey picture. Gzip without a time stamp, so that the same input gives the same bytes.

    python make_digits.py digits.csv

`digits.csv` has 64 columns of samples, row by row of the image, and the digit last. It is made by
`sklearn.datasets.load_digits(as_frame=True).frame.to_csv("digits.csv", index=False)`.
"""

import csv
import gzip
import pathlib
import struct
import sys

folder = pathlib.Path(__file__).parent
with open(sys.argv[1], newline="") as file:
    rows = list(csv.reader(file))[1:]
images = bytes(round(float(sample) / 16 * 255) for row in rows for sample in row[:-1])
labels = bytes(int(float(row[-1])) for row in rows)


def write(name, header, data):
    with open(folder / name, "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
            packed.write(header + data)


write("digits-images-idx3-ubyte.gz", struct.pack(">4B3I", 0, 0, 8, 3, len(rows), 8, 8), images)
write("digits-labels-idx1-ubyte.gz", struct.pack(">4BI", 0, 0, 8, 1, len(rows)), labels)
