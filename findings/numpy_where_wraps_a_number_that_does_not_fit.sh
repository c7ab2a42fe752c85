#!/usr/bin/env bash
# numpy.where silently stores -9999 in a uint16 array as 55537; every other way of writing it raises.
# Seen with NumPy 2.4.6, on Python 3.11 for Linux.
#
# Since NumPy 2, a Python number takes the type of the array it meets, and one that does not fit raises OverflowError:
# array + -9999, np.full, assignment. np.where(mask, -9999, array) does not raise: the number wraps around, and the
# result has the array's type. Marking missing pixels of a 16-bit image this way gives them a bright value.
#
# Output seen:
#   np.where: [55537, 2, 3] uint16
#   array + -9999: OverflowError
#   assignment: OverflowError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6
./venv/bin/python - <<'PYTHON'
import numpy as np

array = np.array([1, 2, 3], np.uint16)
found = np.where(array == 1, -9999, array)
print(f"np.where: {found.tolist()} {found.dtype}")
assert found.tolist() == [55537, 2, 3] and found.dtype == np.uint16


def raised(attempt) -> str:
    try:
        attempt()
    except Exception as error:
        return type(error).__name__
    return "nothing"


added, assigned = raised(lambda: array + -9999), raised(lambda: array.__setitem__(0, -9999))
print(f"array + -9999: {added}")
print(f"assignment: {assigned}")
assert added == assigned == "OverflowError"
PYTHON
echo "still so: numpy_where_wraps_a_number_that_does_not_fit"
