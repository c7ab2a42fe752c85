"""torchvision is imported without torch's compiler, which can be imported afterwards; in fresh processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = "import sys\nfrom sdl_cli.data.vision import import_torchvision\n"


@pytest.mark.parametrize(
    "then",
    [
        "tv = import_torchvision()\nassert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
        "assert not hasattr(tv.ops, 'missing') and tv is import_torchvision()\n"
        "import torch\nassert tv.models.squeezenet1_1(num_classes=3)(torch.zeros(1, 3, 64, 64)).shape == (1, 3)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "boxes = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]])\n"
        "assert tv.ops.roi_align(torch.zeros(1, 3, 8, 8), boxes, 2).shape == (1, 3, 2, 2)\n"
        "assert torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(1)) == 2\n"
        "assert hasattr(sys.modules['torch._dynamo'], 'config')\n",
        "import torch._dynamo\ntv = import_torchvision()\nassert sys.modules['torch._dynamo'] is torch._dynamo and tv.models\n",
        # another version asks for what the stand-in has not
        "from sdl_cli.data import vision\nvision._is_compile_supported = None\nfind = vision._stand_ins\n"
        "def fewer():\n    found = find()\n    vars(found[vision._UTILS]).clear()\n    return found\n"
        "vision._stand_ins = fewer\ntv = import_torchvision()\n"
        "assert 'sympy' in sys.modules and tv.ops.roi_align and tv.models.resnet18\n",
    ],
    ids=["without", "with", "another version"],
)
def test_torchvision_is_imported(then: str) -> None:
    found = subprocess.run([sys.executable, "-c", BEGIN + then], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
