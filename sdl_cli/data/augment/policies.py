"""Augmentation of whole training batches, on their device, each sample with its own random numbers.

Settings, and `build`, which turns them into one function of a batch. Validation and test rows never pass through here.
All random numbers come from the given generator, so its state determines the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sdl_cli.data.augment import mixing, moving, series, trivial
from sdl_cli.data.augment.number_targets import check_targets
from sdl_cli.data.augment.own import OwnAugment
from sdl_cli.errors import ConfigError
from sdl_cli.settings.experiment import Fraction, NonNegative, Positive, Range
from sdl_cli.settings.parts.own import Choices

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Policy = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]

Probability = Annotated[float, Range(0, 1)]
FlipTarget = Literal["keep", "negate"]


@dataclass(frozen=True)
class NoAugment:
    """Batches stay as they are."""

    name: str = "none"


@dataclass(frozen=True)
class FlipCrop:
    """Random mirroring and shifted crops (Krizhevsky et al. 2012; He et al. 2016).

    Arguments:
        flip: mirror left and right with probability one half.
        pad_fraction: mirrored border added on each side before cropping back to size, as a fraction of the side.
        flip_target: what mirroring does to a number to predict: keep it, or negate it (a steering angle); None refuses to
            mirror images with numbers. Without effect on classes.
        shift_target: what each pixel that the crop moves an image to the right adds to a number to predict, 0 if it stays (up and
            down never change it); None refuses to crop images with numbers. Without effect on classes.
    """

    name: str = "flip_crop"
    flip: bool = True
    pad_fraction: Fraction = 0.125
    flip_target: FlipTarget | None = None
    shift_target: float | None = None


@dataclass(frozen=True)
class Shift:
    """Random rotation, then translation by whole pixels, the edge repeated.

    Arguments:
        max_fraction: largest shift in each direction, as a fraction of the side.
        max_degrees: largest rotation about the middle, in degrees either way; 0 turns none.
        shift_target: as for flip_crop.
        rotate_target: what each degree that an image turns counter-clockwise adds to a number to predict, 0 if it stays; None
            refuses to turn images with numbers. Without effect on classes.
    """

    name: str = "shift"
    max_fraction: Fraction = 0.125
    max_degrees: Annotated[float, Range(0, 45)] = 0.0
    shift_target: float | None = None
    rotate_target: float | None = None


@dataclass(frozen=True)
class Trivial:
    """One random operation of random strength per image: TrivialAugmentWide (Mueller and Hutter, ICCV 2021).

    Arguments:
        num_bins: number of strengths from none to the strongest.
        shift_target, rotate_target: 0 for a number to predict that stays; None, and any other value, refuses images with numbers,
            since nothing says what a shear adds. Without effect on classes.
    """

    name: str = "trivial"
    num_bins: Annotated[int, Range(2)] = 31
    shift_target: float | None = None
    rotate_target: float | None = None


@dataclass(frozen=True)
class Strong(FlipCrop):
    """flip_crop, then random erasing (Zhong et al. 2020), then MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019).

    Arguments:
        flip, pad_fraction, flip_target, shift_target: as for flip_crop.
        erase_probability: probability that an image has a rectangle replaced by noise.
        mix_probability: probability that an image is mixed with another; MixUp and CutMix are equally likely.
        mixup_alpha: share of the first image under MixUp is Beta(alpha, alpha).
        cutmix_alpha: share of the first image under CutMix, likewise.
    """

    name: str = "strong"
    erase_probability: Probability = 0.25
    mix_probability: Probability = 0.5
    mixup_alpha: Positive = 0.2
    cutmix_alpha: Positive = 1.0


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on standardised columns (Bishop 1995), and columns dropped to their mean.

    Arguments:
        std: standard deviation of the noise, in standard deviations of the column.
        drop_probability: probability that a value is replaced by the column's mean.
    """

    name: str = "noise"
    std: NonNegative = 0.1
    drop_probability: Fraction = 0.0


@dataclass(frozen=True)
class SeriesAugment:
    """A random window of a series, with another amplitude and noise (Um et al. 2017; Le Guennec et al. 2016).

    Arguments:
        jitter_std: standard deviation of Gaussian noise on every step, in standard deviations of the channel.
        scale_std: standard deviation of the factor of each channel of a series about its own mean, around 1.
        crop_fraction: share of the steps that a window keeps; 1 crops none.
    """

    name: str = "series"
    jitter_std: NonNegative = 0.05
    scale_std: Annotated[float, Range(0, 0.5)] = 0.1
    crop_fraction: Annotated[float, Range(0, 1, open_low=True)] = 0.9


@dataclass(frozen=True)
class TextAugment:
    """Changed copies of training texts (Wei and Zou, EDA, EMNLP 2019), made by `data/augment/texts.py` before features are.

    Arguments:
        num_copies: copies of each training text, each with one kind of change.
        deletion_probability: probability that a word is left out; 0 makes no such copies.
        swap_fraction: pairs of words that change places, as a fraction of the words; 0 makes no such copies.
        synonym_fraction: words replaced by a synonym, as a fraction of the words; 0 makes no such copies.
    """

    name: str = "text"
    num_copies: Annotated[int, Range(1, 64)] = 4
    deletion_probability: Fraction = 0.1
    swap_fraction: Probability = 0.1
    synonym_fraction: Probability = 0.1


AUGMENTS: dict[str, type] = Choices(
    "augment",
    {
        "none": NoAugment,
        "flip_crop": FlipCrop,
        "shift": Shift,
        "trivial": Trivial,
        "strong": Strong,
        "noise": Noise,
        "series": SeriesAugment,
        "text": TextAugment,
    },
    own=OwnAugment,
)
MODALITY: dict[str, frozenset[str]] = {
    "none": frozenset({"image", "table", "text", "series"}),
    **dict.fromkeys(("flip_crop", "shift", "trivial", "strong"), frozenset({"image"})),
    "noise": frozenset({"table"}),
    "series": frozenset({"series"}),
    "text": frozenset({"text"}),
}


def works_on(augment: Any) -> frozenset[str]:
    """The kinds of data that a policy changes."""
    return augment.modalities if isinstance(augment, OwnAugment) else MODALITY[augment.name]


def check(augment: Any, modality: str, task: str) -> list[str]:
    """What a user should know about this policy on this data, one sentence each.

    Raises ConfigError: the policy does not work on this kind of data, or nothing says what it does to the numbers.
    """
    if modality not in works_on(augment):
        fitting = [name for name, kinds_of in MODALITY.items() if modality in kinds_of]
        kinds = " and ".join(sorted(kind if kind == "series" else f"{kind}s" for kind in works_on(augment)))
        made_of = modality if modality == "series" else f"{modality}s"
        this = "a table" if modality == "table" else f"made of {made_of}"
        raise ConfigError(
            f"augment: {augment.name} works on {kinds}, and this data set is {this}.", f"Policies that fit: {', '.join(fitting)}."
        )
    if isinstance(augment, OwnAugment):
        augment.check_task(task)
        return []
    notices = check_targets(augment, task)
    if augment.name == "strong" and task == "regression" and augment.mix_probability > 0:
        notices.append("augment=strong mixes the numbers to predict in proportion to the images; mix_probability=0 stops it.")
    if augment.name == "series" and task == "regression":
        notices.append("augment=series scales and crops series: the number to predict stays, as if neither changed it.")
    if _changes_nothing(augment):
        notices.append(f"augment={augment.name} changes nothing as it is set.")
    return notices


def _changes_nothing(augment: Any) -> bool:
    if isinstance(augment, SeriesAugment):
        return not augment.jitter_std and not augment.scale_std and augment.crop_fraction == 1
    strengths = {
        "flip_crop": ("flip", "pad_fraction"),
        "strong": ("flip", "pad_fraction", "erase_probability", "mix_probability"),
        "shift": ("max_fraction", "max_degrees"),
        "noise": ("std", "drop_probability"),
        "text": ("deletion_probability", "swap_fraction", "synonym_fraction"),
    }.get(augment.name)
    return strengths is not None and not any(getattr(augment, name) for name in strengths)


def waits_for_device(augment: Any) -> bool:
    """Whether it reads numbers back from the device, so that a GPU cannot repeat it without the CPU."""
    return isinstance(augment, Trivial | OwnAugment)  # of the user's own, nobody knows


def build(augment: Any, target_zero: float | None = None, target_scale: float = 1.0) -> Policy:
    """The policy as a function of one batch: `(inputs, targets, generator) -> (inputs, targets)`.

    Inputs are float32 images `(N, C, H, W)` in [0, 1], standardised series `(N, C, L)` or a table `(N, F)`; targets are soft
    classes `(N, K)` or numbers `(N, 1)`; the generator lives on their device. Inputs are never changed in place.

    Arguments:
        target_zero: where 0 of the user's own numbers lies among the numbers that are handed in: -mean / scale for
            t = (y - mean) / scale, so that negating y makes 2 target_zero - t of t; None: the targets are classes.
        target_scale: the scale of these numbers, so that adding d to y adds d / scale to t.
    """
    if isinstance(augment, OwnAugment):
        return augment.policy()

    def add(targets: Tensor, amounts: Tensor, each: float | None) -> Tensor:
        """Numbers that follow their images by `each` for a pixel or degree."""
        if target_zero is None or not each:
            return targets
        return targets + amounts[:, None].to(targets.dtype) * (each / target_scale)

    def policy(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        match augment:
            case FlipCrop():
                inputs, mirrored, right = moving.flip_crop(inputs, augment.flip, augment.pad_fraction, generator)
                if target_zero is not None and augment.flip_target == "negate":
                    targets = (2 * target_zero - targets).where(mirrored[:, None], targets)
                targets = add(targets, right, augment.shift_target)
                if isinstance(augment, Strong):
                    inputs = mixing.erase(inputs, augment.erase_probability, generator)
                    alphas = augment.mixup_alpha, augment.cutmix_alpha
                    inputs, targets = mixing.mix(inputs, targets, augment.mix_probability, *alphas, generator)
            case Shift():
                if augment.max_degrees > 0:
                    inputs, degrees = moving.turn(inputs, augment.max_degrees, generator)
                    targets = add(targets, degrees, augment.rotate_target)
                inputs, right = moving.shift(inputs, augment.max_fraction, generator)
                targets = add(targets, right, augment.shift_target)
            case Trivial():
                inputs = trivial.trivial_augment(inputs, augment.num_bins, generator)
            case SeriesAugment():
                inputs = series.changed(inputs, augment.jitter_std, augment.scale_std, augment.crop_fraction, generator)
            case Noise():
                inputs = noise(inputs, augment.std, augment.drop_probability, generator)
        return inputs, targets

    assert type(augment) in AUGMENTS.values(), augment
    return policy


def noise(table: Tensor, std: float, drop_probability: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise to every value of a standardised table `(N, F)`, then set some values to 0, the mean."""
    import torch

    table = table + std * torch.randn(table.shape, generator=generator, device=table.device, dtype=table.dtype)
    if drop_probability > 0:
        dropped = torch.rand(table.shape, generator=generator, device=table.device) < drop_probability
        table = table.masked_fill(dropped, 0.0)
    return table
