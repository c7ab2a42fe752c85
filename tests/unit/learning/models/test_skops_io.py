"""Saving a model of scikit-learn imports no torch, which can be imported afterwards; in fresh processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = "import sys\nfrom sdl_cli.learning.models.skops_io import import_skops\n"


@pytest.mark.parametrize(
    "then",
    [
        "skops = import_skops()\nassert 'torch' not in sys.modules and skops is import_skops()\n"
        "from sklearn.svm import SVC\nassert skops.loads(skops.dumps(SVC(C=3)), trusted=[]).C == 3\n"
        "assert 'torch' not in sys.modules\n"
        "import sklearn.externals.array_api_compat.torch\nassert 'torch' in sys.modules\n",
        "import torch\nassert import_skops().dumps\n",
    ],
    ids=["without torch", "beside torch"],
)
def test_skops_is_imported(then: str) -> None:
    found = subprocess.run([sys.executable, "-c", BEGIN + then], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
