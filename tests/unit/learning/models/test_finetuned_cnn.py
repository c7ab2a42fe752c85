"""The pretrained network: its head and features for every architecture, its weights from four places, its preprocessing."""

from __future__ import annotations

import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms import v2

from sdl_cli.data.augment.policies import FlipCrop, Strong
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.losses import Cosine
from sdl_cli.learning.models import pretrained
from sdl_cli.learning.models.feature_scaling import SCALINGS, at_length
from sdl_cli.learning.models.finetuned_cnn import Backbone, FinetunedCNN, FinetunedCNNRegressor
from sdl_cli.learning.models.network import OneLengthLinear
from sdl_cli.learning.models.pretrained import Preprocessing, build_backbone, head_name
from sdl_cli.learning.models.probe import GRID, fit_probe
from sdl_cli.learning.models.settings import MODELS, FinetunedCNNSettings
from sdl_cli.settings.experiment import PCA, Training
from sdl_cli.settings.parse import parse_group

QUICK = Training(epochs=2)
SMALL = {"weights": "none", "image_size_px": 32, "training": QUICK, "precision": "float32", "memory_format": "contiguous"}
ARCHITECTURES = pretrained.architectures()


def photos(n: int = 24, channels: int = 3, side: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise, darker or brighter."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.integers(0, 120, (n, channels, side, side)) + (y * 120)[:, None, None, None]
    return X.astype(np.uint8), y


def test_torchvision_lists_the_architectures_this_was_written_for() -> None:
    assert len(ARCHITECTURES) >= 80


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gives_features_and_takes_a_new_head(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weight is touched and only shapes are computed, so that the largest of them cost neither memory nor time."""
    for name in [n for n in dir(nn.init) if n.endswith("_") and not n.startswith("_")]:
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
    side = pretrained.preprocessing(architecture, "none").crop_px
    backbone, size = build_backbone(architecture, side)
    backbone.eval().to("meta")
    with torch.device("meta"), torch.no_grad():
        features = backbone(torch.rand(2, 3, side, side)).flatten(1)
        assert features.shape == (2, size)
        assert nn.Linear(size, 7)(features).shape == (2, 7)


@pytest.mark.parametrize(
    "architecture", ["squeezenet1_1", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0"]
)
def test_features_and_the_original_head_give_the_original_scores(architecture: str) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.get_model(architecture, weights=None).eval()
    backbone, size = build_backbone(architecture)
    backbone.load_state_dict({k: v for k, v in whole.state_dict().items() if k in backbone.state_dict()})
    x = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        features, expected = backbone.eval()(x).flatten(1), whole(x)
        head = whole.get_submodule(head_name(whole))
        if isinstance(head, nn.Linear):
            assert torch.allclose(head(features), expected, atol=1e-4)
        else:  # SqueezeNet: a convolution before the ReLU and the pooling, so its features are what that convolution sees, pooled
            assert torch.allclose(features, whole.features(x).mean((2, 3)), atol=1e-5)
    assert features.shape == (2, size)


def test_a_wrong_architecture_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"model\.architecture") as caught:
        pretrained.check_architecture("resnet19")
    assert FinetunedCNNSettings.architecture in pretrained.architectures(), "the default is not looked up"
    assert "resnet18" in caught.value.hint


class TestPreprocessing:
    def test_it_is_exactly_that_of_the_weights(self) -> None:
        for architecture in ("squeezenet1_1", "efficientnet_b0", "resnet50", "swin_t"):
            weights = torchvision.models.get_model_weights(architecture).DEFAULT
            how = pretrained.preprocessing(architecture, "none")
            image = torch.randint(0, 256, (1, 3, how.resize_px + 40, how.resize_px + 90), dtype=torch.uint8)
            body = Backbone(nn.Identity(), how, freeze_batchnorm=True)
            # torchvision resizes in uint8 and rounds there; the float path differs by that rounding alone
            expected = weights.transforms()(image)
            assert torch.allclose(body(image.float() / 255).view_as(expected), expected, atol=0.5 / 255 / min(how.std) + 0.005)

    def test_images_of_the_right_size_are_only_cropped_and_normalised(self) -> None:
        how = Preprocessing(256, 224)
        image = torch.rand(1, 3, 256, 256)
        expected = v2.Normalize(how.mean, how.std)(v2.CenterCrop(224)(image))
        assert torch.equal(Backbone(nn.Identity(), how, True)(image).view_as(expected), expected)

    def test_grey_becomes_three_channels(self) -> None:
        how = Preprocessing(32, 32, (0.0,) * 3, (1.0,) * 3)
        grey = torch.rand(2, 1, 32, 32)
        assert torch.equal(Backbone(nn.Identity(), how, True)(grey).view(2, 3, 32, 32), grey.expand(2, 3, 32, 32))

    def test_a_smaller_size_keeps_the_ratio(self) -> None:
        how = pretrained.preprocessing("squeezenet1_1", "none", 112)
        assert (how.resize_px, how.crop_px) == (128, 112)

    def test_stored_values_are_bounded(self) -> None:
        good = {"resize_px": 256, "crop_px": 224, "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear"}
        assert Preprocessing.from_plain(good).crop_px == 224
        for bad in ({"crop_px": 600}, {"resize_px": 10**9}, {"std": [0.0, 1, 1]}, {"interpolation": "evil"}):
            with pytest.raises(DataError):
                Preprocessing.from_plain({**good, **bad})


class TestWeights:
    def test_from_pth_and_safetensors(self, tmp_path: Path) -> None:
        source = torchvision.models.resnet18(weights=None)
        torch.save({"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}}, tmp_path / "w.pth")
        save_file(source.state_dict(), tmp_path / "w.safetensors")
        for name in ("w.pth", "w.safetensors"):
            backbone, _ = build_backbone("resnet18")
            pretrained.load_weights(backbone, "resnet18", str(tmp_path / name))
            assert torch.equal(backbone.conv1.weight, source.conv1.weight)
            assert torch.equal(backbone.layer4[1].bn2.running_var, source.layer4[1].bn2.running_var)

    def test_from_an_earlier_run_with_its_preprocessing(self, tmp_path: Path) -> None:
        from sdl_cli.learning.models.storage import save_model

        X, y = photos()
        source = FinetunedCNN("resnet18", strategy="finetune", **SMALL).fit(X, y)
        save_model(source, "finetuned_cnn", "classification", tmp_path, {})
        backbone, _ = build_backbone("resnet18")
        pretrained.load_weights(backbone, "resnet18", str(tmp_path))
        for name, value in source.networks_[0].body.backbone.state_dict().items():
            assert torch.equal(value, backbone.state_dict()[name]), name
        assert pretrained.preprocessing("resnet18", str(tmp_path)).crop_px == 32
        with pytest.raises(DataError, match="trained with resnet18"):
            pretrained.load_weights(build_backbone("squeezenet1_1")[0], "squeezenet1_1", str(tmp_path))

    def test_what_does_not_fit_is_said(self, tmp_path: Path) -> None:
        torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "w.pth")
        backbone, _ = build_backbone("squeezenet1_1")
        with pytest.raises(DataError, match="does not fit squeezenet1_1"):
            pretrained.load_weights(backbone, "squeezenet1_1", str(tmp_path / "w.pth"))

    def test_a_pickled_model_is_refused(self, tmp_path: Path) -> None:
        torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
        with pytest.raises(DataError, match="cannot be read as a state dict"):
            pretrained.read_state_dict(tmp_path / "model.pth")

    @pytest.mark.parametrize("content", [b"", b"garbage" * 100])
    def test_damaged_files_are_named(self, tmp_path: Path, content: bytes) -> None:
        for name in ("w.pth", "w.safetensors"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=name):
                pretrained.read_state_dict(tmp_path / name)
        with pytest.raises(DataError, match="no file"):
            pretrained.read_state_dict(tmp_path / "missing.pth")

    def test_without_network_it_says_where_the_file_belongs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))

        def no_network(*args: object, **kwargs: object) -> None:
            raise urllib.error.URLError("no network")

        monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
        backbone, _ = build_backbone("resnet18")
        with pytest.raises(DataError) as caught:
            pretrained.load_weights(backbone, "resnet18", "default")
        assert (
            "resnet18" in caught.value.message
            and "resnet18-f37072fd.pth" in caught.value.hint
            and str(tmp_path) in caught.value.hint
        )

    @pytest.mark.data
    def test_torchvisions_own_path_loads_the_shared_weights(self, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TORCH_HOME", str(shared_data / "torch_home"))
        backbone, size = build_backbone("squeezenet1_1")
        pretrained.load_weights(backbone, "squeezenet1_1", "default")
        assert size == 512
        stored = torch.load(shared_data / "torch_home/hub/checkpoints/squeezenet1_1-b8a52dc0.pth", weights_only=True)
        for name, value in backbone.state_dict().items():
            assert torch.equal(value, stored[name].float()), name


class TestBatchNorm:
    @pytest.mark.parametrize("freeze", [True, False])
    def test_frozen_statistics_stay_and_others_move(self, freeze: bool) -> None:
        X, y = photos()
        model = FinetunedCNN("resnet18", strategy="finetune", freeze_batchnorm=freeze, **SMALL).fit(X, y)
        backbone = model.networks_[0].body.backbone
        moved = not torch.equal(backbone.bn1.running_mean, torch.zeros(64))
        assert moved is not freeze
        model.networks_[0].train()
        assert backbone.bn1.training is not freeze and backbone.layer1.training

    def test_frozen_batchnorm_still_learns_its_scale(self) -> None:
        X, y = photos()
        model = FinetunedCNN("resnet18", strategy="finetune", **SMALL).fit(X, y)
        assert not torch.equal(model.networks_[0].body.backbone.bn1.weight.detach(), torch.ones(64))


class TestProbe:
    def test_the_backbone_is_left_as_it_was(self) -> None:
        X, y = photos()
        torch.manual_seed(0)
        model = FinetunedCNN(strategy="probe", **SMALL)
        fitted = model.fit(X, y)
        again = FinetunedCNN(strategy="probe", **SMALL).fit(X, 1 - y)
        for a, b in zip(fitted.networks_[0].body.parameters(), again.networks_[0].body.parameters(), strict=True):
            assert torch.equal(a, b)
        assert not fitted.needs_validation

    def test_features_are_computed_once_per_image_and_view(self, monkeypatch: pytest.MonkeyPatch) -> None:
        X, y = photos()
        seen = []
        original = Backbone.forward
        monkeypatch.setattr(Backbone, "forward", lambda self, x: (seen.append(len(x)), original(self, x))[1])
        FinetunedCNN(strategy="probe", **SMALL).fit(X, y)
        assert sum(seen) == 24
        seen.clear()
        FinetunedCNN(strategy="probe", augment=FlipCrop(), num_views=3, **SMALL).fit(X, y)
        assert sum(seen) == 72

    @pytest.mark.parametrize("policy", [FlipCrop, Strong])
    def test_views_that_are_mirrored_have_their_numbers_negated(self, policy: type, monkeypatch: pytest.MonkeyPatch) -> None:
        from sdl_cli.learning.models import finetuned_cnn

        X, _ = photos(24)
        y = np.linspace(3.0, 50.0, 24)
        seen = {}
        monkeypatch.setattr(
            finetuned_cnn,
            "fit_probe",
            lambda features, numbers, *rest, **more: (seen.update(y=numbers), fit_probe(features, numbers, *rest, **more))[1],
        )
        for flip_target in ("negate", "keep"):
            augment = policy(flip_target=flip_target, shift_target=0.0)
            model = FinetunedCNNRegressor(strategy="probe", augment=augment, num_views=3, **SMALL).fit(X, y)
            views = (seen["y"] * model.target_scale_ + model.target_mean_).reshape(3, 24)
            assert np.allclose(np.abs(views), y, atol=1e-5)
            assert (views[0] > 0).all()  # the images themselves
            assert 0.2 < (views[1:] < 0).mean() < 0.8 if flip_target == "negate" else (views > 0).all()

    def test_its_head_is_the_logistic_regression_with_the_smallest_c_within_one_standard_error(self) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.preprocessing import StandardScaler

        rng = np.random.default_rng(0)
        y = np.arange(90) % 3
        features = rng.normal(size=(90, 6)) * [1, 10, 100, 1, 1, 1] + y[:, None]
        weight, bias, chosen = fit_probe(features, y, 1, True, seed=0)
        scaler = StandardScaler().fit(features)
        z = scaler.transform(features)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        rows = {}
        for c in GRID:
            probs = cross_val_predict(LogisticRegression(C=c, max_iter=1000), z, y, cv=folds, method="predict_proba")
            rows[c] = -np.log(probs[np.arange(90), y])
        best = min(rows.values(), key=np.mean)
        limit = best.mean() + best.std(ddof=1) / np.sqrt(90)
        assert chosen == min(c for c in GRID if rows[c].mean() <= limit)
        reference = LogisticRegression(C=chosen, max_iter=1000).fit(z, y)
        logits = features @ weight.T + bias
        probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        assert np.allclose(probs, reference.predict_proba(z), atol=1e-3)

    def test_two_classes_give_the_logistic_probability(self) -> None:
        from sklearn.linear_model import LogisticRegression

        rng = np.random.default_rng(0)
        y = np.arange(40) % 2
        features = rng.normal(size=(40, 3)) + y[:, None]
        weight, bias, chosen = fit_probe(features, y, 1, True, seed=0)
        z = (features - features.mean(0)) / features.std(0)
        expected = LogisticRegression(C=chosen).fit(z, y).predict_proba(z)[:, 1]
        logits = features @ weight.T + bias
        assert np.allclose(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), expected, atol=1e-3)

    def test_views_of_an_image_stay_in_one_fold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from sdl_cli.learning.models import probe

        pairs = probe._folds(np.tile(np.arange(20) % 2, 3), 3, True, 0)
        assert len(pairs) == 5
        for a, b in pairs:
            assert set(a % 20).isdisjoint(b) and len(a) == 48 and b.max() < 20

    def test_one_image_of_a_class_still_gives_a_head(self) -> None:
        X, y = photos(5)
        y[:] = [0, 0, 0, 0, 1]
        assert FinetunedCNN(strategy="probe", **SMALL).fit(X, y).predict_proba(X).shape == (5, 2)

    def test_numbers_get_a_ridge(self) -> None:
        X, y = photos(40)
        model = FinetunedCNNRegressor(strategy="probe", **SMALL).fit(X, X.mean((1, 2, 3)))
        assert np.corrcoef(model.predict(X), X.mean((1, 2, 3)))[0, 1] > 0.9


@pytest.mark.parametrize("strategy", ["probe", "finetune", "probe_then_finetune"])
def test_every_strategy_learns_grey_images_too(strategy: str) -> None:
    X, y = photos(40, channels=1)
    model = FinetunedCNN("resnet18", strategy=strategy, augment=Strong(), **(SMALL | {"training": Training(epochs=6)})).fit(X, y)
    assert (model.predict(X) == y).mean() >= 0.9


def test_finetuning_moves_the_backbone_slower_than_the_head() -> None:
    X, y = photos()
    torch.manual_seed(0)
    model = FinetunedCNN("squeezenet1_1", strategy="finetune", backbone_rate_factor=0.0, **SMALL).fit(X, y)
    torch.manual_seed(0)
    again = FinetunedCNN("squeezenet1_1", strategy="probe", **SMALL).fit(X, y)
    for a, b in zip(model.networks_[0].body.parameters(), again.networks_[0].body.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_final_weights_are_half_the_probes_and_half_the_finetuned_ones() -> None:
    X, y = photos()

    def fit(strategy: str, start: float) -> dict[str, torch.Tensor]:
        return FinetunedCNN(strategy=strategy, start_fraction=start, **SMALL).fit(X, y).networks_[0].state_dict()

    probe, whole, mixed = fit("probe", 0.5), fit("probe_then_finetune", 0.0), fit("probe_then_finetune", 0.25)
    for key in probe:
        assert torch.allclose(mixed[key], 0.25 * probe[key] + 0.75 * whole[key], atol=1e-6), key
    assert not torch.equal(whole["head.weight"], probe["head.weight"])


@pytest.mark.parametrize("loss", [Cosine(), Cosine(xent_weight=0.1)])
def test_a_probe_predicts_the_same_once_stored_whatever_its_loss(loss: Cosine) -> None:
    X, y = photos()
    model = FinetunedCNN("resnet18", strategy="probe", loss=loss, **SMALL).fit(X, y)
    again = FinetunedCNN.from_state(*model.get_state())
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("flip_target", ["keep", "negate"])
def test_the_numbers_of_a_probes_views_follow_how_they_were_moved(flip_target, monkeypatch):
    from sdl_cli.data.augment.policies import FlipCrop
    from sdl_cli.learning.models import finetuned_cnn
    from sdl_cli.learning.models.finetuned_cnn import FinetunedCNNRegressor

    images = np.random.default_rng(0).integers(0, 255, (12, 3, 32, 32)).astype(np.uint8)
    y, given = 100 + 7.0 * np.arange(12), []
    real = finetuned_cnn.fit_probe
    monkeypatch.setattr(
        finetuned_cnn, "fit_probe", lambda features, y, *more, **named: given.append(y) or real(features, y, *more, **named)
    )
    own = {"weights": "none", "strategy": "probe", "image_size_px": 32, "precision": "float32", "num_views": 4}
    policy = FlipCrop(pad_fraction=0.125, flip_target=flip_target, shift_target=0.25)
    probe = FinetunedCNNRegressor(augment=policy, **own).fit(images, y)
    told = (given[0] * probe.target_scale_ + probe.target_mean_).reshape(4, 12)
    np.testing.assert_allclose(told[0], y)
    mirrored = told[1:] < 0
    assert mirrored.any() == (flip_target == "negate")
    moved = (told[1:] - np.where(mirrored, -y, y)) / 0.25
    np.testing.assert_allclose(moved, moved.round(), atol=1e-3)
    assert np.abs(moved).max() <= 4.001 and len(np.unique(moved.round())) > 5


@pytest.mark.parametrize("scaling", ["auto", *SCALINGS])
@pytest.mark.parametrize("estimator", [FinetunedCNN, FinetunedCNNRegressor])
def test_every_scaling_predicts_the_same_from_features_and_once_stored(estimator: type, scaling: str) -> None:
    X, y = photos(30)
    model = estimator(strategy="probe", feature_scaling=scaling, **SMALL).fit(X, y)
    assert scaling in ("auto", model.feature_scaling_)
    assert isinstance(model.networks_[0].head, OneLengthLinear) == (model.feature_scaling_ == "unit")
    predict = "predict_proba" if estimator is FinetunedCNN else "predict"
    expected = getattr(model, predict)(X)
    again = estimator.from_state(*model.get_state())
    np.testing.assert_array_equal(getattr(again, predict)(X), expected)
    features = model._features(model.networks_[0], torch.from_numpy(X))
    np.testing.assert_allclose(model.outputs_of_features(features), expected, atol=1e-4)


def test_a_run_stored_before_there_was_a_choice_predicts_as_it_did() -> None:
    X, y = photos(30)
    model = FinetunedCNN(strategy="probe", feature_scaling="standardize", **SMALL).fit(X, y)
    tensors, values = model.get_state()
    del values["params"]["feature_scaling"], values["fitted"]["feature_scaling"]
    np.testing.assert_array_equal(FinetunedCNN.from_state(tensors, values).predict_proba(X), model.predict_proba(X))
    stored = {"name": "finetuned_cnn", "strategy": "probe"}
    assert parse_group("model", MODELS, stored).feature_scaling == "standardize", "a resumed run goes on as it began"
    assert parse_group("model", MODELS, stored | {"strategy": "finetune"}).feature_scaling == "auto", (
        "it has no head to scale for"
    )


@pytest.mark.parametrize("damage", ["name", "length", "other"])
def test_a_stored_scaling_that_does_not_match_is_refused(damage: str) -> None:
    X, y = photos()
    tensors, values = FinetunedCNN(strategy="probe", feature_scaling="unit", **SMALL).fit(X, y).get_state()
    if damage == "name":
        values["fitted"]["feature_scaling"] = ["unit"]
    elif damage == "length":
        del tensors["0.head.length"]
    else:
        values["fitted"]["feature_scaling"] = "common"
    with pytest.raises(DataError, match=r"damaged|head\.length"):
        FinetunedCNN.from_state(tensors, values)


def test_a_reduction_is_folded_into_a_head_on_rows_of_one_length() -> None:
    X, y = photos(30)
    reduce = PCA(num_components=3)
    model = FinetunedCNN(strategy="probe", feature_scaling="unit", reduce=reduce, **SMALL).fit(X, y)
    net = model.networks_[0]
    features = model._features(net, torch.from_numpy(X))
    reduced = model.reduction_.transform(at_length(features, float(net.head.length)))
    # a linear head on three components
    design = np.concatenate([reduced, np.ones((30, 1))], axis=1)
    logits = (
        features / np.linalg.norm(features, axis=1, keepdims=True) * float(net.head.length)
    ) @ net.head.weight.detach().T.numpy()
    assert np.linalg.lstsq(design, logits, rcond=None)[1] == pytest.approx(0, abs=1e-6)


def test_finetuning_starts_from_the_outputs_of_a_probe_on_rows_of_one_length() -> None:
    X, y = photos()
    settings = SMALL | {"training": Training(epochs=1, learning_rate=1e-9, weight_decay=0.0), "feature_scaling": "unit"}
    probe, tuned = (FinetunedCNN(strategy=s, **settings).fit(X, y) for s in ("probe", "probe_then_finetune"))
    np.testing.assert_allclose(tuned.predict_proba(X), probe.predict_proba(X), atol=1e-5)
    assert tuned.networks_[0].head.length == probe.networks_[0].head.length
    moved = FinetunedCNN(strategy="probe_then_finetune", **SMALL | {"feature_scaling": "unit"}).fit(X, y)
    assert not torch.equal(moved.networks_[0].head.weight, probe.networks_[0].head.weight)
    again = FinetunedCNN.from_state(*moved.get_state())
    np.testing.assert_allclose(again.predict_proba(X), moved.predict_proba(X), atol=1e-6)
    moved.set_params(strategy="finetune").fit(X, y)
    assert moved.feature_scaling_ is None and type(moved.networks_[0].head) is nn.Linear
