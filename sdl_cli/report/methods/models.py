"""One sentence or two on each model, loss, augmentation and training, as they stand in a run's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sdl_cli.phrases import counted, listed
from sdl_cli.report.methods.references import cite
from sdl_cli.report.methods.training import name_of, training_sentences

Values = Mapping[str, Any]
# what each setting is where it is null: those of `deep_net` by the shape of the data
_NETS = {("image", "resnet"): (9, 24), ("image", "plain"): (4, 32), ("series", "resnet"): (10, 32), ("series", "plain"): (3, 64)}


def model_sentences(config: Values, modality: str, task: str, is_mixed: bool = False, has_dates: bool = False) -> list[str]:
    """What the model is, how its inputs were prepared, and how it was trained.

    Arguments:
        config: complete settings of a run. modality: image, table, text or series, or empty if that is not known.
        task: classification or regression.
        is_mixed: a table of more than plain numbers. has_dates: dates among them.
    """
    model = config["model"]
    say = _MODELS.get(str(model["name"]))
    what = say(model, modality, task) if say else f"The model was {name_of(model['name'])}, which is no part of sdl itself."
    prepared, unlabelled = _prepared(config, modality, task, is_mixed, has_dates), _unlabelled(config)
    return [*filter(None, [prepared, what, unlabelled]), *training_sentences(config, modality, task)]


def _unlabelled(config: Values) -> str:
    """How a network learned from rows without targets; empty where it had none."""
    model = config["model"]
    if not config["dataset"].get("unlabeled") or model["name"] != "deep_net" or not model.get("unlabeled_weight"):
        return ""
    sure = f"{100 * model['unlabeled_threshold']:g} %"
    told = "Rows without targets were learned with the network's own class where its probability was at least"
    return f"{told} {sure}{cite('fixmatch')}."


def short_model(model: Values, modality: str) -> str:
    """The works that a model rests on, for the list of methods that a comparison has."""
    kind, name = str(model.get("kind", "")), str(model["name"])
    keys = {
        "baseline": _KINDS.get(kind, ("", ()))[1],
        "deep_net": ("resnet",) if modality in ("image", "series") else ("olson",),
        "autoencoder": ("sdae",),
        "adversarial": ("dada",),
        "rocket": ("minirocket",),
        "finetuned_text": ("sbert",),
        "tabular_foundation": (kind,) if kind in ("tabicl", "tabpfn") else (),
    }.get(name, ())
    return cite(*keys) if keys else ""


def _prepared(config: Values, modality: str, task: str, is_mixed: bool, has_dates: bool) -> str:
    """How inputs became numbers, learned from training rows alone; empty where the model reads them as they are."""
    model, told = config["model"], ""
    name = str(model["name"])
    on_images = modality == "image" and name in ("baseline", "sklearn")
    if modality == "text" and name != "finetuned_text":
        statistic = "chi-squared" if task == "classification" else "F"
        told = (
            f"Texts became TF-IDF features{cite('tfidf')} of words, pairs of words and pieces of 2 to 5 characters, of which the "
            f"up to 4,000 that depend most on the target ({statistic} statistic) were kept."
        )
        if config["augment"]["name"] == "text":
            told += f" Changed copies of the training texts{cite('eda')} were added, {config['augment']['num_copies']} of each."
    elif on_images:
        told = f"Images were reduced by area means to at most {model['max_px']} pixels a side, and their pixels taken as columns."
    elif modality == "series" and name not in ("rocket", "deep_net"):
        told = "Series became a table of summary features."
    elif is_mixed:
        told = "Dates became days since 1970, year, month, day, weekday and, where it was written, hour. " if has_dates else ""
        told += (
            "Numbers were centred by their median and divided by their interquartile range, missing ones were replaced by the "
            "median and marked by a further column, and categories became columns of 0 and 1."
        )
    reduce = config.get("reduce") or {"name": "none"}
    if reduce["name"] == "pca":
        told += f" Inputs were reduced to their first {reduce.get('num_components')} principal components."
    elif reduce["name"] == "select":
        told += f" Of the inputs, the {reduce.get('num_features')} columns with the largest F statistic were kept."
    return f"{told.strip()} All of this was learned from training rows only." if told else ""


def _baseline(model: Values, modality: str, task: str) -> str:
    kind = str(model["kind"])
    what, keys = _KINDS.get(kind, (name_of(kind), ()))
    details = {
        "forest": f"{model['num_trees']} trees",
        "extra_trees": f"{model['num_trees']} trees",
        "logistic": f"C = {model['c']:g}",
        "svm": f"C = {model['c']:g}",
        "ridge": f"penalty {model['alpha']:g}",
    }
    told = f"The model was {what}{cite(*keys) if keys else ''} of scikit-learn{cite('sklearn')}"
    told += f" ({details[kind]})" if kind in details else ""
    if kind in ("logistic", "svm", "ridge") and modality != "text":
        told += ", on standardised features"
    if kind == "svm" and task == "classification":
        told += f", with probabilities by Platt's method{cite('platt')}"
    return told + "."


def _deep_net(model: Values, modality: str, task: str) -> str:
    architecture = str(model["architecture"])
    if architecture == "auto" and modality:
        architecture = "resnet" if modality in ("image", "series") else "mlp"
    members = int(model["num_members"])
    ends = f"; {members} networks from different random weights were averaged" if members > 1 else ""
    begins = "trained from random weights"
    if model.get("start_from"):
        begins = "its layers but the last trained from those of an earlier run"
    if architecture == "mlp":
        drop = 0.15 if model["dropout"] is None else model["dropout"]
        return (
            f"The model was a fully connected network of {model['depth'] or 10} hidden layers with {model['width'] or 100} ELU "
            f"units each and dropout {drop:g}{cite('olson')}, {begins}{ends}."
        )
    depth, width = _NETS.get((modality, architecture), (None, None))
    sizes = f" of {model['depth'] or depth} layers that begins with {model['width'] or width} channels" if depth else ""
    what = f"a residual network{cite('resnet')}" if architecture == "resnet" else "a convolutional network"
    if architecture == "auto":
        what = "a deep network"
    other = "" if model["convolution"] == "standard" else f" with {model['convolution']} convolutions"
    return f"The model was {what}{sizes}{other}, {begins}{ends}."


def _autoencoder(model: Values, modality: str, task: str) -> str:
    if not model["pretrain"]:
        return "The model was an encoder network without pretraining."
    return (
        f"The model was a network whose layers were first pretrained, each for {model['pretrain_epochs']} epochs, as stacked "
        f"denoising autoencoders{cite('sdae')} of inputs alone ({100 * model['corruption_fraction']:g} % of them set to zero)."
    )


def _finetuned_cnn(model: Values, modality: str, task: str) -> str:
    names, weights = (value if isinstance(value, list) else [value] for value in (model["architecture"], model["weights"]))
    how = {
        "probe": "",
        "finetune": " All of its layers were trained further.",
        "probe_then_finetune": " A head was first fitted to its frozen features; then all layers were trained further.",
    }
    which = "the library's own weights" if set(weights) == {"default"} else f"weights {listed([name_of(one) for one in weights])}"
    named = listed([name_of(one) for one in names])
    return f"The model was the pretrained network {named}, with {which}.{how.get(str(model['strategy']), '')}"


def _pretrained_table(model: Values, modality: str, task: str) -> str:
    told = (
        "The model was the network of sdl that was pretrained on made-up tables and reads the labelled rows as its context "
        f"({counted(model['num_members'], 'pass', 'passes')} averaged)."
    )
    return told + (" It was first trained further on the labelled rows." if model["strategy"] == "finetune" else "")


def _blend(model: Values, modality: str, task: str) -> str:
    how = {
        "weighted": "weighted 0.7, 0.2 and 0.1",
        "mean": "with equal weights",
        "stacked": f"with weights fitted to predictions of labelled rows that were left out{cite('stacking')}",
    }
    return (
        "The model was the mean of the probabilities of a network pretrained on made-up tables, a random forest"
        f"{cite('forest', 'sklearn')} of {model['num_trees']} trees and logistic regression, "
        f"{how.get(str(model['combine']), '')}."
    )


def _tabular_foundation(model: Values, modality: str, task: str) -> str:
    kind = str(model["kind"])
    called = {"tabicl": f"TabICL{cite('tabicl')}", "tabpfn": f"TabPFN{cite('tabpfn')}"}.get(kind, name_of(kind))
    return (
        f"The model was {called}, with weights {name_of(model['version'])}, which reads the labelled rows as its context "
        f"({counted(model['num_members'], 'pass', 'passes')} averaged)."
    )


def _one_shot(model: Values, modality: str, task: str) -> str:
    how = {
        "hausdorff": "the modified Hausdorff distance of ink",
        "pixels": "the Euclidean distance of pixels",
        "alignment": "the least cost of bringing one drawing onto the other by an affine map and bending",
        "metric_net": "the distance that a network learned from drawings of other characters",
    }
    return f"Each drawing was given the class of the nearest labelled drawing, by {how.get(str(model['kind']), '')}."


def _adversarial(model: Values, modality: str, task: str) -> str:
    if not model["generate"]:
        return "The model was a convolutional classifier without generated images."
    return f"The model was a classifier that also learned from images of a class-conditional generator{cite('dada')}."


def _rocket(model: Values, modality: str, task: str) -> str:
    return (
        f"The model was a linear head on about {model['num_features']:,} features of fixed convolution kernels, after "
        f"MiniRocket{cite('minirocket')}."
    )


def _finetuned_text(model: Values, modality: str, task: str) -> str:
    how = {
        "probe": "",
        "probe_with_words": f" Its predictions were averaged with those of a linear model of TF-IDF features{cite('tfidf')}.",
        "finetune": " All of its layers were trained further.",
    }
    named = name_of(model["weights"])
    return f"The model was the pretrained sentence network{cite('sbert')} {named}.{how.get(str(model['strategy']), '')}"


def _sklearn(model: Values, modality: str, task: str) -> str:
    given = ", ".join(f"{name_of(key)} = {name_of(value)}" for key, value in dict(model["params"]).items())
    scaled = ", on standardised features" if model["standardize"] else ""
    own = cite("sklearn") if str(model["estimator"]).startswith("sklearn.") else ""
    return f"The model was {name_of(model['estimator'])}{own} ({given or 'its own defaults'}){scaled}."


_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "forest": ("a random forest", ("forest",)),
    "extra_trees": ("a forest of extremely randomised trees", ("extra_trees",)),
    "gradient_boosting": ("gradient boosting of trees", ("boosting",)),
    "logistic": ("logistic regression with an L2 penalty", ()),
    "svm": ("a support vector machine with a Gaussian kernel", ("svm",)),
    "ridge": ("ridge regression", ("ridge",)),
}
_MODELS: dict[str, Callable[[Values, str, str], str]] = {
    "baseline": _baseline,
    "deep_net": _deep_net,
    "autoencoder": _autoencoder,
    "finetuned_cnn": _finetuned_cnn,
    "pretrained_table": _pretrained_table,
    "blend": _blend,
    "tabular_foundation": _tabular_foundation,
    "one_shot": _one_shot,
    "adversarial": _adversarial,
    "rocket": _rocket,
    "finetuned_text": _finetuned_text,
    "sklearn": _sklearn,
}
