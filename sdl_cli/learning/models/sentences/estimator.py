"""A pretrained sentence network, probed or fine-tuned on a few texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from torch import Tensor, nn

from sdl_cli.errors import DataError
from sdl_cli.learning import device, loop, losses, together
from sdl_cli.learning.device import Runtime, place
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.class_targets import check_classes
from sdl_cli.learning.models.estimator import NetworkEstimator, Validate
from sdl_cli.learning.models.network import Array, Network
from sdl_cli.learning.models.probe import fit_probe
from sdl_cli.learning.models.sentences import network
from sdl_cli.learning.models.sentences.embedded import Embedded, Embedder, loaded, remarks
from sdl_cli.learning.models.sentences.recipe import Recipe
from sdl_cli.learning.models.sentences.settings import FinetunedTextSettings
from sdl_cli.learning.models.sentences.weights import Weights, locate, look_through, of_digest
from sdl_cli.learning.models.sentences.words import Words
from sdl_cli.learning.models.stored_network import PRETRAINED, State
from sdl_cli.learning.stages import Stages

_MOST_SIZE = 1 << 20  # numbers of an embedding
_TIMED_TEXTS = 16


@takes(FinetunedTextSettings, **NETWORK)
class _FinetunedText(NetworkEstimator):
    @property
    def _only_probes(self) -> bool:
        return bool(self.strategy != "finetune")

    @property
    def _capture(self) -> Any:
        return "nothing"  # the longest text of a batch decides how many word pieces go through

    def embeddings(self, X: Any, predicting: bool = False) -> Embedded:
        """Embeddings of texts `(N,)` by the frozen weights, computed where they are not kept yet."""
        weights: Weights = getattr(self, "weights_", None) or look_through(locate(self.weights))
        runtime = getattr(self, "runtime_", None) or self._resolved(weights)
        return Embedder(weights, runtime, self.max_tokens).embed([str(text) for text in X], predicting)

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        if not any(str(text).strip() for text in X):
            raise DataError("All training texts are empty.", "Is dataset.text the column with the texts?")
        self.weights_ = look_through(locate(self.weights))
        self.recipe_, self.tokenizer_ = self.weights_.recipe, self.weights_.tokenizer
        self.pretrained_ = [_record(self.recipe_.architecture, self.weights, self.weights_.digest)]
        self.networks_, self.notes_ = [], []
        self._settle(self._resolved(self.weights_))
        if self._only_probes:  # its head is logistic or ridge, whatever the loss says
            self.loss_ = losses.CrossEntropy() if is_classifier(self) else losses.MSE()
        found = self.embeddings(X)
        self.notes_ += remarks(X.tolist(), found, self._most_pieces)
        classify = is_classifier(self)
        y = targets.argmax(1).numpy() if classify else targets[:, 0].double().numpy()
        self.head_ = self._fit_head(found.rows.astype(np.float64), y, targets.shape[1])
        self.words_ = None
        if self.strategy == "probe_with_words" and not (classify and len(self.classes_) < 2):
            self.words_ = Words.fit(X, self.classes_[y] if classify else y, classify, self.seed_)
        if self._only_probes:
            surroundings = loop.current_context()
            # whatever is fitted to be measured alone keeps nothing: in a comparison it has no folder, in a curve nobody watches
            if surroundings.folder is not None and surroundings.on_epoch is not None:
                self.notes_.append(
                    f"The run keeps the head alone: whoever predicts with it needs the same weights ({self.weights}, digest "
                    f"{self.weights_.digest[:16]}...)."
                )
            return
        net = self._network_from_head(targets.shape[1])
        self.networks_ = [net]
        yield from self._fine_tune(net, inputs, targets, validate)

    def _fit_head(self, features: Array, y: Array, num_outputs: int) -> tuple[Array, Array]:
        """Weights `(K, D)` and offsets `(K,)` of the probe; of a single class, which needs no features, zeros."""
        if is_classifier(self) and num_outputs < 2:
            return np.zeros((1, features.shape[1])), np.zeros(1)
        # not in units of their own: some weights have a number that hardly differs from text to text, where rounding would decide
        weight, bias, self.probe_c_ = fit_probe(features, y, 1, is_classifier(self), self.seed_, tempered=True, scaling="shrink")
        return weight, bias

    def _network_from_head(self, num_outputs: int) -> Network:
        """The pretrained layers under the probe's head: a random one distorts them (Kumar et al., ICLR 2022)."""
        body, _ = loaded(self.weights_, self.max_tokens)
        net = self.fresh_network("fit", np.empty(0), num_outputs)
        net.body.load_state_dict(body.state_dict())
        with torch.no_grad():
            net.head.weight.copy_(torch.from_numpy(self.head_[0]))
            net.head.bias.copy_(torch.from_numpy(self.head_[1]))
        place(net, self.runtime_)
        return net

    def _fine_tune(self, net: Network, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        head = [p for name, p in net.named_parameters() if not name.startswith("body.")]
        backbone = list(net.body.parameters())
        start = [p.detach().clone() for p in (*backbone, *head)] if self.start_fraction else []
        groups = [(self.backbone_rate_factor, backbone), (1.0, head)]
        yield together.Jobs([self._job(net, inputs, targets, validate, parameters=groups)])
        with torch.no_grad():
            for weight, begun in zip((*backbone, *head) if start else (), start, strict=True):
                weight.lerp_(begun, self.start_fraction)

    def _resolved(self, weights: Weights) -> Runtime:
        """The runtime of this fit: the context's, or resolved from the settings and, in the precision, timed on a few texts."""
        surroundings = loop.current_context()
        if surroundings.runtime is not None:
            return surroundings.runtime
        # a number to predict has more digits than bfloat16 keeps, a class has not
        precision = self.precision if is_classifier(self) or self.precision != "auto" else "float32"
        runtime = device.resolve(self.device, precision, self.memory_format, self.num_threads)
        if runtime.precision != "auto":  # nothing is left to time
            runtime = runtime.filled(runtime.precision, "contiguous", runtime.reason)
        key = hashlib.sha256(f"{weights.digest}|{self.max_tokens}".encode()).hexdigest()

        def seconds(candidate: Runtime) -> float:
            body, pieces = loaded(weights, self.max_tokens)
            ids = pieces.of(["A text of some ten words, as long as a question is."] * _TIMED_TEXTS)[0]
            body.to(candidate.device)
            return device.time_steps(lambda: network.passed(body, pieces, ids, candidate), candidate)

        return device.settle(runtime, key, seconds)

    def _settle(self, runtime: Runtime) -> None:
        self.runtime_ = runtime
        surroundings = loop.current_context()
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(runtime)

    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        body = network.SentenceBody(self.recipe_)
        return body, body.embedding_size

    def _check(self, X: Any, y: Any = None, fitting: bool = False) -> tuple[Array, Any]:
        texts = np.asarray(X, dtype=object)
        if texts.ndim != 1 or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"texts must be (N,) of str, not {texts.shape}")
        if fitting:
            y = column_or_1d(y, warn=True)
            check_consistent_length(texts, y)
            if is_classifier(self):
                check_classes(y)
        return texts, y

    def _as_inputs(self, X: Array) -> Tensor:
        if self._only_probes:
            return torch.empty(len(X), 0)  # its texts go through the frozen network
        pieces = self._pieces()
        return pieces.as_rows(pieces.of(list(X))[0])

    def _pieces(self) -> network.Pieces:
        if not hasattr(self, "recipe_"):
            weights = look_through(locate(self.weights))
            self.recipe_, self.tokenizer_ = weights.recipe, weights.tokenizer
        return network.Pieces(self.recipe_, self.tokenizer_, self.max_tokens)

    def _outputs(self, X: Any) -> list[Tensor]:
        check_is_fitted(self, "networks_")
        texts = self._check(X)[0]
        if not self._only_probes:
            pieces = self._pieces()
            ids, cut = pieces.of(list(texts))
            self._say_cut(cut)
            return [network.passed(net, pieces, ids, self.runtime_) for net in self.networks_]
        if not hasattr(self, "weights_"):
            self.weights_ = of_digest(self.weights, self.digest_)
        found = self.embeddings(texts, predicting=True)
        self._say_cut(found.cut)
        weight, bias = self.head_
        if len(found.rows) and found.rows.shape[1] != weight.shape[1]:
            raise DataError("The stored head is damaged: it takes other embeddings than its weights give.")
        return [torch.from_numpy(found.rows.astype(np.float64) @ weight.T + bias)] if len(texts) else [torch.empty(0, len(bias))]

    def _say_cut(self, cut: Array) -> None:
        if cut.any():  # the same sentence for every part of a long stream, which is said once
            loop.current_context().notice(
                f"Some texts to predict are longer than the {self._most_pieces:,} word pieces that are read: the rest is cut."
            )

    @property
    def _most_pieces(self) -> int:
        recipe = self.recipe_ if hasattr(self, "recipe_") else self.weights_.recipe
        return int(min(self.max_tokens or recipe.max_tokens, recipe.max_tokens))

    @available_if(is_classifier)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`."""
        found = super().predict_proba(X)
        if self.words_ is None:
            return np.asarray(found)
        return np.asarray((found + self.words_.probabilities(X)) / 2)

    def predict(self, X: Any) -> Array:
        """The most probable class `(N,)`, or the number for a regressor."""
        found = np.asarray(super().predict(X))
        if is_classifier(self) or self.words_ is None:
            return found
        return (found + self.words_.numbers(X) * self.target_scale_ + self.target_mean_) / 2

    def get_state(self) -> State:
        """Tensors and JSON-ready values for `from_state`: of a probe, its head and the digest of its weights; otherwise all."""
        tensors, values = super().get_state()
        fitted = values["fitted"]
        fitted["pretrained"] = self.pretrained_
        if not self._only_probes:
            tensors["file.tokenizer"] = torch.from_numpy(np.frombuffer(self.tokenizer_, np.uint8).copy())
            fitted["recipe"] = self.recipe_.to_plain()
            return tensors, values
        fitted["digest"] = self.weights_.digest if hasattr(self, "weights_") else self.digest_
        head = dict(zip(("probe.weight", "probe.bias"), self.head_, strict=True))
        tensors |= {name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in head.items()}
        if self.words_ is not None:
            arrays, fitted["words"] = self.words_.get_state()
            tensors |= {f"words.{name}": torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}
        return tensors, values

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], values: dict[str, Any]) -> Any:
        """Rebuild a fitted estimator. Raises DataError if tensors and values do not belong together."""
        own = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0].isdigit()}
        beside = {name: tensor for name, tensor in tensors.items() if name not in own}
        return super().from_state(own, values | {"fitted": values["fitted"] | {"beside": beside}})

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        beside: dict[str, Tensor] = fitted["beside"]
        self.words_, self.notes_ = None, []
        # runs of before do not say it
        self.pretrained_ = [_record(*(str(one[key]) for key in PRETRAINED)) for one in fitted.get("pretrained", [])]
        if not self._only_probes:
            self.recipe_ = Recipe.from_plain(fitted["recipe"])
            self.tokenizer_ = beside["file.tokenizer"].numpy().tobytes()
            if fitted["num_networks"] != 1:
                raise DataError("The stored sentence network is damaged: there is not one.")
            self._pieces()
            return
        num_outputs = len(self.classes_) if is_classifier(self) else 1
        weight, bias = (beside[f"probe.{name}"].numpy() for name in ("weight", "bias"))
        sound = weight.ndim == 2 and bias.shape == (num_outputs,) == weight.shape[:1] and 0 < weight.shape[1] <= _MOST_SIZE
        if not sound or weight.dtype != np.float64 or bias.dtype != np.float64 or fitted["num_networks"] != 0:
            raise DataError("The stored head is damaged: its parts do not match.")
        self.head_, self.digest_ = (weight, bias), str(fitted["digest"])
        if not (len(self.digest_) == 64 and set(self.digest_) <= set("0123456789abcdef")):
            raise DataError("The stored head names no weights.")
        self.loss_ = losses.CrossEntropy() if is_classifier(self) else losses.MSE()
        if "words" in fitted:
            arrays = {name.removeprefix("words."): each.numpy() for name, each in beside.items() if name.startswith("words.")}
            self.words_ = Words.from_state(arrays, fitted["words"], num_outputs)

    def check_tensors(self, tensors: Mapping[str, Tensor], num_outputs: int) -> None:
        """Raise DataError unless tensors are those of the network that the recipe describes; until then it takes no memory."""
        with torch.device("meta"):
            wanted = self.build_network([], num_outputs).state_dict()
        strange = [name for name, each in wanted.items() if name not in tensors or tensors[name].shape != each.shape]
        strange += sorted(set(tensors) - set(wanted))
        if strange:
            raise DataError(f"The weights do not match the stored network: {strange[0]} is missing or has another shape.")


def _record(architecture: str, weights: str, digest: str) -> dict[str, str]:
    return dict(zip(PRETRAINED, (architecture, weights, digest), strict=True))


class FinetunedText(ClassifierMixin, _FinetunedText):  # type: ignore[misc]
    """A pretrained sentence network as a scikit-learn classifier of texts `(N,)` of str.

    Its arguments are those of `FinetunedTextSettings` and of every `NetworkEstimator`. A probe is a logistic head on frozen
    embeddings (Reimers and Gurevych, Sentence-BERT, EMNLP 2019), its C chosen by 5-fold log loss and refitted on all rows.
    Fine-tuning starts from it, since a random head distorts pretrained features (Kumar et al., ICLR 2022).

    Learned state: `head_` (weights `(K, D)` and offsets), `words_` (the model of TF-IDF features, or None), `weights_` (the
    folder that was used), `pretrained_` (its architecture, name and digest), `networks_` (fine-tuned, or none), `classes_`,
    `runtime_`.
    """


class FinetunedTextRegressor(RegressorMixin, _FinetunedText):  # type: ignore[misc]
    """The same for numbers: the probe is a ridge whose penalty is chosen by cross-validation."""
