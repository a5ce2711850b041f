#!/usr/bin/env bash
# An HDF5 file with a user block of 512 bytes and an array that was never written.
#
# Guess before the run: h5py's get_offset returns None for an array without storage, whether or not the file has a user block.
# Behaviour: h5py 3.16 (HDF5 2.0) returns None without a user block, and 511 with one: the address "undefined" (all bits set) and
# the 512 bytes in front of the file were added. 511 lies in the user block; a reader that takes it shows its bytes as pixels.
# get_space_status, and the number of stored bytes, show that there is no storage.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "h5py==3.16.0" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import h5py

print("h5py", h5py.version.version, "HDF5", h5py.version.hdf5_version)
offsets = {}
for user_block in (0, 512):
    with h5py.File("a.h5", "w", userblock_size=user_block) as file:
        file.create_dataset("never written", (4, 5), "u2")
    with h5py.File("a.h5") as file:
        dataset = file["never written"].id
        offsets[user_block] = dataset.get_offset()
        assert dataset.get_space_status() == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED
        assert dataset.get_storage_size() == 0
print("offset of an array without storage, by the size of the user block:", offsets)
assert offsets == {0: None, 512: 511}, "the behaviour changed"
PYTHON
