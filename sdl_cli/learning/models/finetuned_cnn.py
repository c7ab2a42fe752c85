"""A pretrained network, or several side by side, probed or fine-tuned on a few images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from torch import Tensor, nn

from sdl_cli.data.augment import policies as augmentation
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning import loop, losses, together
from sdl_cli.learning.device import place
from sdl_cli.learning.models import pretrained
from sdl_cli.learning.models.architectures import sources
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.backbone import Backbone, SideBySide, backbones_of
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.feature_scaling import SCALINGS
from sdl_cli.learning.models.network import Array, Network, OneLengthLinear
from sdl_cli.learning.models.preprocessing import Preprocessing
from sdl_cli.learning.models.probe import fit_probe
from sdl_cli.learning.models.reduction import Reduction
from sdl_cli.learning.models.settings import FinetunedCNNSettings
from sdl_cli.learning.models.stored_network import PRETRAINED
from sdl_cli.learning.stages import Stages

_MOST_OWN_PX = 1024  # of what weights see; more is set by hand


@takes(FinetunedCNNSettings, **NETWORK, reduce=None)
class _FinetunedCNN(NetworkEstimator):
    def image_size(self) -> tuple[int, str]:
        found = max(self.preprocessing(), key=lambda how: how.resize_px)  # others make theirs smaller themselves
        return found.resize_px, found.interpolation

    @property
    def _only_probes(self) -> bool:
        return bool(self.strategy == "probe")

    @property
    def _sources(self) -> tuple[tuple[str, str], ...]:
        """Each network's architecture with its weights."""
        return sources(self.architecture, self.weights)

    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        parts, sizes = [], []
        for (architecture, _), how in zip(self._sources, self.preprocessing(), strict=True):
            backbone, size = pretrained.build_backbone(architecture, how.crop_px)
            parts.append(Backbone(backbone, how, freeze_batchnorm=self.freeze_batchnorm))
            sizes.append(size)
        return parts[0] if len(parts) == 1 else SideBySide(parts), sum(sizes)

    def build_network(self, input_shape: Sequence[int], num_outputs: int) -> Network:
        net = super().build_network(input_shape, num_outputs)
        if getattr(self, "feature_scaling_", None) == "unit":  # as its probe was fitted; the scaling of others is in the weights
            net.head = OneLengthLinear(net.head.in_features, num_outputs)
        return net

    def check_tensors(self, tensors: Mapping[str, Tensor], num_outputs: int) -> None:
        try:
            super().check_tensors(tensors, num_outputs)
        except NotImplementedError:  # a few builders of torchvision compute with their weights
            size = sum(tensor.numel() for tensor in tensors.values())
            if size < sum(pretrained.num_parameters(architecture) for architecture, _ in self._sources) // 2:
                raise DataError(f"The weights do not match the stored network: {self.architecture} has more.") from None

    def get_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, values = super().get_state()
        values["fitted"]["feature_scaling"] = self.feature_scaling_
        found = [dataclasses.asdict(how) for how in self.preprocessing()]
        values["fitted"]["preprocessing"] = found[0] if len(found) == 1 else found
        values["fitted"]["pretrained"] = self.pretrained_
        return tensors, values

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        # the stored preprocessing, not that of weights that may since have moved
        stored = fitted["preprocessing"]
        found = tuple(map(Preprocessing.from_plain, stored if isinstance(stored, list) else [stored]))
        if len(found) != len(self._sources):
            raise DataError(f"The stored run has {len(self._sources)} networks, and preprocessing for {len(found)}.")
        for how in found:
            if how.crop_px != (self.image_size_px or min(how.crop_px, _MOST_OWN_PX)):
                raise DataError(f"The stored network uses {how.crop_px} px, which contradicts its settings.")
        try:
            for architecture, _ in self._sources:
                pretrained.check_architecture(architecture)
        except ConfigError as error:  # the extra is not here, or this version of it has no such network
            raise DataError(error.message, error.hint) from error
        self._stored_preprocessing = found
        self.feature_scaling_ = fitted.get("feature_scaling")  # runs of before 2026-12 have none
        if self.feature_scaling_ not in (None, *SCALINGS):
            raise DataError("The stored network is damaged: there is no such scaling of its features.")
        # an older run has no such record
        self.pretrained_ = [{key: str(one[key]) for key in PRETRAINED} for one in fitted.get("pretrained", [])]
        self._settle_head_loss()

    def _settle_head_loss(self) -> None:
        if self._only_probes:  # its head is logistic or ridge, whatever the loss says
            self.loss_ = losses.CrossEntropy() if is_classifier(self) else losses.MSE()

    def preprocessing(self) -> tuple[Preprocessing, ...]:
        """How each network has its images prepared."""
        stored: tuple[Preprocessing, ...] | None = getattr(self, "_stored_preprocessing", None)
        return stored or tuple(pretrained.preprocessing(*source, self.image_size_px) for source in self._sources)

    def frozen_features(self, X: Array, num_outputs: int) -> Array:
        """Embeddings `float64 (N, D)` of images `uint8 (N, C, H, W)` by the pretrained weights, as the probe would learn from."""
        inputs = self._as_inputs(X)
        net = self.build_network(list(X.shape[1:]), num_outputs)
        loss = self.given("loss")
        self.loss_ = loss if loss is not None and loss.name != "auto" else losses.MSE()
        self._class_weights = torch.ones(num_outputs)
        self._load_weights(net, inputs, torch.zeros(len(inputs), num_outputs))
        return self._features(net, inputs)

    def _load_weights(self, net: Network, inputs: Tensor, targets: Tensor) -> None:
        self.pretrained_ = []
        for (architecture, weights), part in zip(self._sources, backbones_of(net.body), strict=True):
            pretrained.load_weights(part.backbone, architecture, weights)
            if weights != "none":
                digest = pretrained.digest_of_tensors(part.backbone.state_dict())
                self.pretrained_.append(dict(zip(PRETRAINED, (architecture, weights, digest), strict=True)))
        place(net, self.settle_runtime(net, inputs, targets, self.strategy))

    def outputs_of_features(self, features: Array) -> Array:
        """Class probabilities `(N, K)` or numbers `(N,)` of a fitted probe for frozen features `(N, D)`."""
        [net] = self.networks_
        with torch.no_grad():
            outputs = net.head.float().cpu()(torch.from_numpy(features).float())
        return np.asarray(self._probabilities(outputs)) if is_classifier(self) else self._numbers(outputs.double())

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        self.feature_scaling_ = None  # until a head is fitted to frozen features
        net = self.fresh_network("fit", X, targets.shape[1])
        self._load_weights(net, inputs, targets)
        self.networks_ = [net]
        if self.strategy != "finetune":
            self._fit_probe(net, inputs, targets)
        self._settle_head_loss()
        if self._only_probes:
            return
        if self.strategy == "probe_then_finetune" and isinstance(self.loss_, losses.Cosine):
            loop.current_context().notice("The cosine loss starts from the probe's logistic head, whose scale it ignores.")
        head = [p for name, p in net.named_parameters() if not name.startswith("body.")]
        backbone = [p for p in net.body.parameters() if p.requires_grad]
        start = [p.detach().clone() for p in (*backbone, *head)]
        groups = [(self.backbone_rate_factor, backbone), (1.0, head)]
        yield together.Jobs([self._job(net, inputs, targets, validate, parameters=groups)])
        if self.strategy == "probe_then_finetune" and self.start_fraction:
            with torch.no_grad():
                for weight, begun in zip((*backbone, *head), start, strict=True):
                    weight.lerp_(begun, self.start_fraction)

    def _fit_probe(self, net: Network, inputs: Tensor, targets: Tensor) -> None:
        """Fit the head on frozen features, computed once per image and view."""
        policy = self.given("augment") or augmentation.NoAugment()
        if isinstance(policy, augmentation.Strong):  # a frozen feature of two mixed images has no one label
            policy = dataclasses.replace(policy, mix_probability=0.0)
        zero = self._target_zero
        # with its zero at 0, what the policy makes of a 1 and of a 0 tells what it does to every number
        scale = 1.0 if zero is None else self.target_scale_
        augment = augmentation.build(policy, None if zero is None else 0.0, scale) if policy.name != "none" else None
        num_views = self.num_views or (4 if augment is not None else 1)
        known = loop.current_context().features
        views = [known if known is not None and len(known) == len(inputs) else self._features(net, inputs)]
        y = targets.argmax(1).numpy() if zero is None else targets[:, 0].double().numpy()
        ys = [y]
        generator = torch.Generator(self.runtime_.device).manual_seed(loop.phase_seed(self.seed_, "views"))
        for _ in range(num_views - 1 if augment is not None else 0):
            found = self._features(net, inputs, augment, generator)
            views.append(found[:, :-2])
            one, none = found[:, -2], found[:, -1]
            sign = np.where(one < none, -1.0, 1.0)
            ys.append(y if zero is None else sign * y + (1 - sign) * zero + none)
        head = fit_probe(
            np.concatenate(views), np.concatenate(ys), len(views), zero is None, self.seed_, scaling=self.feature_scaling,
            reduction=self.reduction,
        )  # fmt: skip
        if head.reduction is not None:
            self.reduction_ = head.reduction
        self.probe_c_, self.feature_scaling_ = head.c, head.scaling
        if head.length is not None:
            net.head = OneLengthLinear(net.head.in_features, len(head.bias)).to(net.head.weight.device)
            net.head.length.fill_(head.length)
        with torch.no_grad():
            net.head.weight.copy_(torch.from_numpy(head.weight))
            net.head.bias.copy_(torch.from_numpy(head.bias))

    @property
    def reduction(self) -> Reduction | None:
        """What makes the frozen features of a probe fewer, unfitted: `reduce` as a `Reduction`, or None."""
        asked = self.given("reduce")
        if asked is None or asked.name == "none" or not self._only_probes:
            return None
        return Reduction(asked.name, asked.number, classify=is_classifier(self))

    def num_columns(self, X: Array, y: Any) -> int:
        """Number of frozen features D of these images `(N, C, H, W)`."""
        return self.build_body(list(X.shape[1:]))[1]

    def _features(
        self, net: Network, inputs: Tensor, augment: loop.Augment | None = None, generator: torch.Generator | None = None
    ) -> Array:
        """Embeddings `float64 (N, D)` of images, or of an augmented view, with what targets of 1 and 0 became: `(N, D + 2)`."""

        class Embed(nn.Module):
            most_rows = net.most_rows

            def forward(self, x: Tensor) -> Tensor:
                if augment is None or generator is None:
                    return net.embed(x)
                x, became = augment(x, torch.eye(2, dtype=x.dtype, device=x.device)[:1].expand(len(x), 2), generator)
                return torch.cat([net.embed(x), became], dim=1)

        net.eval()
        return np.asarray(loop.apply(Embed(), inputs, self.runtime_, batch_size=64).double())


class FinetunedCNN(ClassifierMixin, _FinetunedCNN):  # type: ignore[misc]
    """A network pretrained elsewhere, or several side by side, as a scikit-learn classifier of images `uint8 (N, C, H, W)`.

    Its arguments are those of `FinetunedCNNSettings` and of every `NetworkEstimator`, and `reduce`, settings of a reduction of a
    probe's features (folded into its head) or None. A probe is a logistic head on frozen features, whose scaling and C are chosen
    by 5-fold log loss (`probe.fit_probe`), refitted on all rows. Fine-tuning starts from it, since a random head distorts
    pretrained features (Kumar et al., ICLR 2022), and what it ends with is averaged with where it started (Wortsman et al.,
    CVPR 2022, Robust fine-tuning of zero-shot models, with alpha = 1 - start_fraction).
    """


class FinetunedCNNRegressor(RegressorMixin, _FinetunedCNN):  # type: ignore[misc]
    """The same for numbers: the probe is a ridge whose penalty is chosen by cross-validation."""
