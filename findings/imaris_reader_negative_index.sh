#!/usr/bin/env bash
# imaris-ims-file-reader returns an empty array for the last plane, channel or time asked for as -1.
#
# Guess before the run: its objects are indexed like numpy arrays, as its documentation shows: -1 is the last, or an error.
# Seen (imaris-ims-file-reader 0.1.8): img[0, 0, -1] has no plane in it, and its largest value cannot be taken; img[0, 0, 4]
# has the pixels. -1 is made the slice -1:0. Slices from -1 on (img[0, 0, -1:]) have the pixels.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imaris-ims-file-reader==0.1.8 h5py==3.16.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import h5py
import numpy as np
from imaris_ims_file_reader.ims import ims

print("imaris-ims-file-reader", version("imaris-ims-file-reader"))
pixels = np.arange(5 * 20 * 30, dtype=np.uint16).reshape(5, 20, 30)


def text(value):
    return np.array([letter.encode() for letter in value], "S1")


# Imaris 5.5: attributes are arrays of single characters; one level, one time, one channel.
with h5py.File("a.ims", "w") as file:
    for name, value in {
        "ImarisDataSet": "ImarisDataSet", "ImarisVersion": "5.5.0", "DataSetInfoDirectoryName": "DataSetInfo",
        "DataSetDirectoryName": "DataSet", "ThumbnailDirectoryName": "Thumbnail",
    }.items():
        file.attrs[name] = text(value)
    file.attrs["NumberOfDataSets"] = np.uint32([1])
    image = file.create_group("DataSetInfo/Image")
    for name, value in {
        "X": "30", "Y": "20", "Z": "5", "ExtMin0": "0", "ExtMin1": "0", "ExtMin2": "0", "ExtMax0": "30", "ExtMax1": "20",
        "ExtMax2": "5", "Unit": "um", "Noc": "1", "RecordingDate": "2020-01-02 03:04:05.000",
    }.items():
        image.attrs[name] = text(value)
    time = file.create_group("DataSetInfo/TimeInfo")
    for name, value in {"DatasetTimePoints": "1", "FileTimePoints": "1", "TimePoint1": "2020-01-02 03:04:05.000"}.items():
        time.attrs[name] = text(value)
    channel = file.create_group("DataSetInfo/Channel 0")
    channel.attrs["Name"], channel.attrs["Color"] = text("GFP"), text("0 1 0")
    group = file.create_group("DataSet/ResolutionLevel 0/TimePoint 0/Channel 0")
    group.create_dataset("Data", data=pixels, chunks=(5, 20, 30), compression="gzip")
    group.create_dataset("Histogram", data=np.zeros(256, np.uint64))
    for name, value in {
        "ImageSizeX": "30", "ImageSizeY": "20", "ImageSizeZ": "5", "HistogramMin": "0", "HistogramMax": "3000",
    }.items():
        group.attrs[name] = text(value)
image = ims("a.ims")
last, sliced, negative = (np.asarray(image[0, 0, z]) for z in (4, slice(-1, None), -1))
print("[0, 0, 4]:", last.shape, " [0, 0, -1:]:", sliced.shape, " [0, 0, -1]:", negative.shape)
assert np.array_equal(last.squeeze(), pixels[4]), "changed: 4"
assert np.array_equal(sliced.squeeze(), pixels[4]), "changed: -1:"
assert negative.size == 0, "changed: -1"
PYTHON
