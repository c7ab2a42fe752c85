"""timm's networks: untrained ones of ten kinds through a file and back, their preprocessing beside timm's own, and what is refused."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from sdl_cli.data.vision import import_torchvision
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models import gradcam, pretrained, timm_networks
from sdl_cli.learning.models.backbone import Backbone
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.network import Network
from sdl_cli.learning.models.storage import save_model

import_torchvision()
timm = pytest.importorskip("timm", reason="the extra timm is not installed")

SMALL: dict[str, Any] = {"precision": "float32", "memory_format": "contiguous", "num_threads": 1}
SIDES = {  # convolutions, transformers with and without windows and rotary positions, one that pools by attention, mixers
    "resnet18": 48,
    "mobilenetv3_small_050": 32,
    "efficientnet_b0": 32,
    "convnext_atto": 48,
    "vit_tiny_patch16_224": 48,
    "vit_small_patch14_dinov2": 42,
    "eva02_tiny_patch14_224": 42,
    "swin_tiny_patch4_window7_224": 64,
    "test_vit4": 48,
    "mixer_s32_224": 64,
    "poolformer_s12": 48,
}


def images(n: int = 8, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return (rng.integers(0, 120, (n, 3, side, side)) + (y * 120)[:, None, None, None]).astype(np.uint8), y


@pytest.mark.parametrize("name", SIDES)
def test_weights_of_a_file_give_timms_own_features(name: str, tmp_path: Path) -> None:
    side = SIDES[name]
    net, size = pretrained.build_backbone(f"timm/{name}", side)
    source, _ = pretrained.build_backbone(f"timm/{name}", side)
    save_file({key: value.contiguous() for key, value in source.state_dict().items()}, tmp_path / "w.safetensors")
    pretrained.load_weights(net, f"timm/{name}", str(tmp_path / "w.safetensors"))
    x = torch.rand(2, 3, side, side)
    with torch.no_grad():
        found = net.eval()(x)
        expected = source.eval().forward_head(source.forward_features(x), pre_logits=True)
    assert found.shape == (2, size) and torch.equal(found, expected)
    for key, value in source.state_dict().items():
        assert torch.equal(value, net.state_dict()[key]), key


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_a_probe_is_stored_and_read_and_needs_no_other_weights(name: str, tmp_path: Path) -> None:
    X, y = images()
    torch.save({"state_dict": timm.create_model(name).state_dict()}, tmp_path / "w.pth")  # with its classifier
    settings = {"architecture": f"timm/{name}", "weights": str(tmp_path / "w.pth"), "image_size_px": 48, **SMALL}
    model = FinetunedCNN(strategy="probe", **settings).fit(X, y)
    save_model(model, "finetuned_cnn", "classification", tmp_path, {"inputs": {}})
    (tmp_path / "w.pth").unlink()
    again = FinetunedCNN.from_state(*model.get_state())
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    [record] = again.pretrained_
    backbone, _ = pretrained.build_backbone(f"timm/{name}")
    pretrained.load_weights(backbone, f"timm/{name}", str(tmp_path))  # the folder of a run, its weights for another size
    if name == "test_convnext":  # no position embeddings: the very weights
        assert pretrained.digest_of_tensors(backbone.state_dict()) == record["digest"]


def test_position_embeddings_are_brought_to_another_size_as_timm_does(tmp_path: Path) -> None:
    whole = timm.create_model("test_vit")
    nn.init.normal_(whole.pos_embed)
    save_file(whole.state_dict(), tmp_path / "model.safetensors")
    overlay = {"state_dict": whole.state_dict()}
    expected = timm.create_model("test_vit", pretrained=True, pretrained_cfg_overlay=overlay, img_size=64, num_classes=0)
    net, _ = pretrained.build_backbone("timm/test_vit", 64)
    pretrained.load_weights(net, "timm/test_vit", str(tmp_path))  # a folder as a hub keeps it
    assert net.pos_embed.shape != whole.pos_embed.shape
    for key, value in expected.state_dict().items():
        assert torch.equal(value, net.state_dict()[key]), key


@pytest.mark.parametrize(
    "name",
    ["vit_base_patch16_siglip_224", "vit_base_patch16_clip_224"],
)
def test_towers_without_a_classifier_are_built_without_taking_memory(name: str) -> None:
    with torch.device("meta"):
        net, size = pretrained.build_backbone(f"timm/{name}")
    assert size == net.num_features and {weight.device.type for weight in net.parameters()} == {"meta"}


def test_names_of_older_files_are_converted_as_timm_does(tmp_path: Path) -> None:
    state = timm.create_model("test_convnext").state_dict()
    older = {key.replace("mlp.fc1.", "pwconv1.").replace("mlp.fc2.", "pwconv2."): value for key, value in state.items()}
    older = {key.replace("stem.", "downsample_layers.0.").replace("conv_dw.", "dwconv."): value for key, value in older.items()}
    older = {re.sub(r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1.", key): value for key, value in older.items()}
    older = {re.sub(r"^stages\.(\d)\.blocks\.", r"stages.\1.", key): value for key, value in older.items()}
    older = {key.replace("head.fc.", "head.").replace("head.norm.", "norm."): value for key, value in older.items()}
    save_file(older, tmp_path / "w.safetensors")
    net, _ = pretrained.build_backbone("timm/test_convnext")
    pretrained.load_weights(net, "timm/test_convnext", str(tmp_path / "w.safetensors"))
    assert set(older) & set(net.state_dict()) < set(net.state_dict())
    for key, value in net.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("vit_small_patch14_dinov2", (600, 600)),
        ("convnext_atto", (300, 420)),
        ("test_vit", (200, 170)),
        ("vit_base_patch16_siglip_224", (300, 300)),
        ("convnext_base.clip_laion2b_augreg_ft_in12k_in1k_384", (500, 420)),  # squashed
        ("volo_d4_448", (500, 470)),  # resized to less than the crop
        ("deepseek_vit_412m_enc", (500, 300)),  # with a border
    ],
)
def test_images_are_prepared_as_timm_prepares_them(name: str, shape: tuple[int, int]) -> None:
    if not timm.list_models(f"{name.partition('.')[0]}"):
        pytest.skip(f"this version of timm has no {name}")
    config = timm.data.resolve_data_config(pretrained_cfg=timm.models.get_pretrained_cfg(name).to_dict())
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    image = coarse.resize(shape[::-1], Image.Resampling.BICUBIC)
    expected = timm.data.create_transform(**config)(image)
    how = timm_networks.preprocessing(f"timm/{name}")
    pixels = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())[None].float() / 255
    found = Backbone(nn.Identity(), how, True)(pixels).view_as(expected)
    # Pillow rounds to 8 bits after each of two passes
    assert float((found - expected).abs().max()) <= 2.01 / 255 / min(how.std)
    assert float((found - expected).abs().mean()) <= 0.6 / 255 / min(how.std)


def test_a_size_is_honoured_or_refused() -> None:
    how = timm_networks.preprocessing("timm/convnext_atto", 112)
    assert (how.resize_px, how.crop_px) == (128, 112)
    assert timm_networks.preprocessing("timm/vit_small_patch14_dinov2").crop_px == 518
    with pytest.raises(ConfigError, match=r"timm/levit_128s does not take images of 100 px") as found:
        timm_networks.build("timm/levit_128s", 100)
    assert "224 px" in found.value.hint


@pytest.mark.parametrize(
    ("architecture", "weights", "message", "hint"),
    [
        ("timm/vit_smal_patch14_dinov2", "none", "no network called 'vit_smal", "timm/vit_small_patch14_dinov2"),
        ("timm/vit_base_patch16_224_in21k", "none", "no network called", "timm/vit_base_patch16_224.augreg_in21k?"),
        ("timm/resnet18.nobody", "default", "no weights 'nobody' of resnet18", "a1_in1k"),
        ("timm/resnet18.", "default", "no weights '' of resnet18", "a1_in1k"),
        ("timm/hf-hub:timm/resnet18", "none", "no network called", ""),
        ("timm/qwertzuiop", "none", "no network called", "For example"),
        ("hf-hub:timm/resnet18", "none", "not built by what a hub", "timm/NAME"),
        ("timm/gcvit_tiny", "default", "not on the hub as safetensors", "model.weights=FILE"),
    ],
)
def test_other_names_are_refused(architecture: str, weights: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as found:
        pretrained.check_architecture(architecture, weights)
    assert message in found.value.message and hint in found.value.hint


def test_networks_that_cannot_serve_are_refused() -> None:
    bare = next(name for name in timm.list_models("resnet*") if not timm.models.get_pretrained_cfg(name).has_weights)
    pretrained.check_architecture(f"timm/{bare}", "none")
    with pytest.raises(ConfigError, match="no pretrained weights"):
        pretrained.check_architecture(f"timm/{bare}", "default")
    tokens = timm.list_models("gemma4_vit_167m_enc")
    if tokens:
        with pytest.raises(ConfigError, match="parts of an image"):
            timm_networks.build(f"timm/{tokens[0]}", 96)
    if timm.list_models("vit_base_patch16_sapiens2"):
        with pytest.raises(ConfigError, match="1024 x 768"):
            timm_networks.preprocessing("timm/vit_base_patch16_sapiens2")
        assert timm_networks.preprocessing("timm/vit_base_patch16_sapiens2", 224).crop_px == 224


def test_other_channels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_networks, "_config", lambda _: SimpleNamespace(input_size=(4, 224, 224)))
    with pytest.raises(ConfigError, match="images of 4 channels"):
        timm_networks.check("timm/resnet18")


class TestWeights:
    def test_without_a_network_size_licence_and_command_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub

        def no_network(*args: object, **kwargs: object) -> None:
            raise ConnectionError("[Errno -2] Name or service not known")

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_network)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", no_network)
        with pytest.raises(DataError) as found:
            pretrained.weights_key("timm/test_vit.r160_in1k", "default")
        num_bytes = 4 * sum(p.numel() for p in timm.create_model("test_vit").parameters())
        assert f"timm/test_vit.r160_in1k, {max(1, round(num_bytes / 1e6))} MB, licence apache-2.0" in found.value.message
        assert "hf download timm/test_vit.r160_in1k model.safetensors" in found.value.hint

    def test_default_ones_come_from_the_hubs_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = timm.create_model("test_resnet")
        save_file(whole.state_dict(), tmp_path / "model.safetensors")
        asked = []
        monkeypatch.setattr(timm_networks.hub_weights, "fetch", lambda record: asked.append(record) or tmp_path)
        net, _ = pretrained.build_backbone("timm/test_resnet")
        pretrained.load_weights(net, "timm/test_resnet", "default")
        assert torch.equal(next(net.parameters()), next(whole.parameters()))
        assert (asked[0].repository, asked[0].files) == ("timm/test_resnet.r160_in1k", ("model.safetensors",))

    def test_folders_that_are_no_weights_for_it_are_named(self, tmp_path: Path) -> None:
        net, _ = pretrained.build_backbone("timm/test_vit")
        with pytest.raises(DataError, match="holds no weights"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path))
        (tmp_path / "pytorch_model.bin").write_bytes(b"any")
        with pytest.raises(DataError, match=r"holds no \.safetensors file"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path))
        save_file(timm.create_model("test_vit2").state_dict(), tmp_path / "model.safetensors")
        with pytest.raises(DataError, match="does not fit timm/test_vit"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path))
        (tmp_path / "config.json").write_text('{"architecture": "test_vit2"}')
        with pytest.raises(DataError, match="holds weights of test_vit2, not of test_vit"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path))
        for number in (1, 2):
            save_file({"a": torch.zeros(1)}, tmp_path / f"part{number}.safetensors")
        (tmp_path / "model.safetensors").unlink()
        with pytest.raises(DataError, match="another|holds 2 files|holds weights"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path))

    def test_part_of_the_weights_is_not_enough(self, tmp_path: Path) -> None:
        state = timm.create_model("test_vit").state_dict()
        del state["blocks.0.attn.qkv.weight"]
        save_file(state, tmp_path / "w.safetensors")
        net, _ = pretrained.build_backbone("timm/test_vit")
        with pytest.raises(DataError, match=r"1 of its \d+ tensors are missing or of another shape, the first blocks\.0\.attn"):
            pretrained.load_weights(net, "timm/test_vit", str(tmp_path / "w.safetensors"))


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError) as found:
        pretrained.check_architecture("timm/resnet18")
    assert found.value.hint == "pip install 'sdl-cli[timm]'"
    with pytest.raises(DataError, match="needs the package timm"):
        stored = {"resize_px": 48, "crop_px": 48, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"}
        FinetunedCNN("timm/resnet18").restore_fitted({"preprocessing": stored})


@pytest.mark.parametrize(
    ("name", "px", "layer"),
    [
        ("resnet18", 128, "body.backbone.layer4"),
        ("test_vit", 160, None),
        ("mixer_s32_224", 224, None),  # its last map of pixels is the way into its tokens
        ("test_mambaout", 160, None),  # channels last
    ],
)
def test_where_a_network_looked(name: str, px: int, layer: str | None) -> None:
    if not timm.list_models(name):
        pytest.skip(f"this version of timm has no {name}")
    backbone, size = pretrained.build_backbone(f"timm/{name}", px)
    how = timm_networks.preprocessing(f"timm/{name}", px)
    net = Network(Backbone(backbone, how, True), size, 2).eval()
    assert gradcam.find_layer(net, torch.rand(1, 3, how.resize_px, how.resize_px)) == layer
