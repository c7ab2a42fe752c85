"""Augmentation: what each policy may do to a sample, where its randomness comes from, and its settings."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from scipy import stats

from sdl_cli.data.augment import mixing, moving
from sdl_cli.data.augment import policies as augment
from sdl_cli.data.augment.policies import AUGMENTS, MODALITY, FlipCrop, NoAugment, Noise, Shift, Strong, Trivial, build
from sdl_cli.errors import ConfigError
from sdl_cli.settings import parse as config

CONF = Path(__file__).parents[4] / "conf" / "augment"
IMAGE_POLICIES = [FlipCrop(), Shift(), Trivial(), Strong()]
STRONG_OFF = {"flip": False, "pad_fraction": 0.0, "erase_probability": 0.0, "mix_probability": 0.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_images(n=16, channels=3, height=12, width=10, seed=1):
    return torch.rand(n, channels, height, width, generator=seeded(seed))


def make_targets(n=16, k=4):
    return torch.eye(k)[torch.arange(n) % k]


def name_of(policy):
    return policy.name


@pytest.mark.parametrize("policy", [NoAugment(), *IMAGE_POLICIES], ids=name_of)
@pytest.mark.parametrize("shape", [(16, 3, 12, 10), (16, 1, 8, 8), (5, 2, 7, 9), (1, 3, 8, 8), (4, 3, 1, 1)])
def test_shape_dtype_and_range_stay(policy, shape):
    images = torch.rand(shape, generator=seeded())
    targets = make_targets(shape[0])
    before = images.clone(), targets.clone()
    for seed in range(10):
        new_images, new_targets = build(policy)(images, targets, seeded(seed))
        assert new_images.shape == shape
        assert new_images.dtype == torch.float32
        assert new_images.min() >= 0
        assert new_images.max() <= 1
        torch.testing.assert_close(new_targets.sum(dim=1), torch.ones(shape[0]))
        assert new_targets.min() >= 0
    assert torch.equal(images, before[0])
    assert torch.equal(targets, before[1])


@pytest.mark.parametrize("policy", IMAGE_POLICIES, ids=name_of)
def test_the_generator_decides(policy):
    images, targets = make_images(), make_targets()
    torch.manual_seed(0)
    first = build(policy)(images, targets, seeded(5))
    torch.manual_seed(1)
    again = build(policy)(images, targets, seeded(5))
    other = build(policy)(images, targets, seeded(6))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    generator = seeded(5)
    build(policy)(images, targets, generator)
    assert not torch.equal(build(policy)(images, targets, generator)[0], first[0])


@pytest.mark.parametrize("policy", IMAGE_POLICIES, ids=name_of)
def test_each_sample_has_its_own_randomness(policy):
    images = make_images(n=1).expand(64, -1, -1, -1)
    result = build(policy)(images, make_targets(64), seeded())[0]
    assert len({sample.numpy().tobytes() for sample in result}) > 10


@pytest.mark.parametrize(
    "policy", [FlipCrop(), Shift(), Trivial(), Strong(mix_probability=0.0), Noise(drop_probability=0.2)], ids=name_of
)
def test_no_sample_sees_another_without_mixing(policy):
    inputs = torch.randn(16, 6, generator=seeded()) if isinstance(policy, Noise) else make_images()
    changed = inputs.clone()
    changed[3] = 0.5
    first, targets = build(policy)(inputs, make_targets(), seeded(2))
    second = build(policy)(changed, make_targets(), seeded(2))[0]
    others = torch.arange(16) != 3
    assert torch.equal(first[others], second[others])
    assert torch.equal(targets, make_targets())


@pytest.mark.parametrize("policy", IMAGE_POLICIES, ids=name_of)
def test_memory_format_does_not_matter(policy):
    images, targets = make_images(), make_targets()
    last = images.contiguous(memory_format=torch.channels_last)
    # Close, not equal: a mean over pixels in another order rounds otherwise.
    torch.testing.assert_close(build(policy)(images, targets, seeded())[0], build(policy)(last, targets, seeded())[0])


def crops(image, pad, flip):
    """All that flip_crop may make of an image, by torch's own padding."""
    height, width = image.shape[1:]
    padded = torch.nn.functional.pad(image[None], (pad, pad, pad, pad), mode="reflect")[0]
    places = [(y, x) for y in range(2 * pad + 1) for x in range(2 * pad + 1)]
    windows = [padded[:, y : y + height, x : x + width] for y, x in places]
    return windows + [window.flip(2) for window in windows] if flip else windows


@pytest.mark.parametrize("flip", [True, False])
def test_flip_crop_is_a_reflected_crop(flip):
    images = make_images(n=200, height=8, width=8)
    result = build(FlipCrop(flip=flip, pad_fraction=0.25))(images, make_targets(200), seeded())[0]
    seen = set()
    for image, new in zip(images, result, strict=True):
        options = crops(image, 2, flip)
        matches = [i for i, option in enumerate(options) if torch.equal(option, new)]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) > 0.9 * len(crops(images[0], 2, flip))  # every place and both directions occur


def test_flip_crop_without_crop_mirrors_half():
    images = make_images(n=1000, height=3, width=4)
    result = build(FlipCrop(pad_fraction=0.0))(images, make_targets(1000), seeded())[0]
    mirrored = (result == images.flip(3)).flatten(1).all(dim=1)
    same = (result == images).flatten(1).all(dim=1)
    assert (mirrored ^ same).all()
    assert mirrored.float().mean() == pytest.approx(0.5, abs=0.06)


def test_shift_repeats_the_edge():
    images = make_images(n=300, height=8, width=16)
    result = build(Shift(max_fraction=0.25))(images, make_targets(300), seeded())[0]
    seen = set()
    for image, new in zip(images, result, strict=True):
        padded = torch.nn.functional.pad(image[None], (4, 4, 2, 2), mode="replicate")[0]
        places = [(y, x) for y in range(5) for x in range(9) if torch.equal(padded[:, y : y + 8, x : x + 16], new)]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) > 0.9 * 5 * 9


def test_erase_replaces_one_rectangle_of_the_stated_size():
    images = torch.full((400, 3, 24, 20), 2.0)  # no noise value is 2
    result = mixing.erase(images, 0.25, seeded())
    erased = (result != 2.0).all(dim=1)
    assert torch.equal(erased, (result != 2.0).any(dim=1))
    share = erased.float().mean(dim=(1, 2))
    assert (share > 0).float().mean() == pytest.approx(0.25, abs=0.07)
    for mask in erased[share > 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert mask.sum() == rows.sum() * columns.sum()  # a full rectangle
        assert rows.nonzero().diff(dim=0).eq(1).all()
        assert columns.nonzero().diff(dim=0).eq(1).all()
    assert share.max() <= 0.36  # 0.33, and rounding to whole pixels
    assert share[share > 0].min() >= 0.012
    noise = result[result != 2.0]
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.std() == pytest.approx(math.sqrt(1 / 12), abs=0.01)
    assert torch.equal(mixing.erase(images, 0.0, seeded()), images)


def mixed_batch(n=500, probability=1.0, mixup_alpha=1.0, cutmix_alpha=1.0):
    """Images and targets that tell for every pixel whose it is: sample i has value i and its own class."""
    images = torch.arange(n, dtype=torch.float32).view(n, 1, 1, 1).expand(n, 1, 9, 7).contiguous()
    return mixing.mix(images, torch.eye(n), probability, mixup_alpha, cutmix_alpha, seeded(3))


def test_a_mixed_target_is_the_share_of_the_pixels():
    images, targets = mixed_batch()
    values = torch.arange(500, dtype=torch.float32)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(500))
    assert ((targets > 0).sum(dim=1) <= 2).all()
    # Sample i is the number i, so the mean pixel is the mean of the numbers under the target's mixture.
    torch.testing.assert_close(images.mean(dim=(1, 2, 3)), targets @ values, rtol=1e-4, atol=1e-3)


def test_mixup_and_cutmix_are_equally_likely_and_per_sample():
    images, targets = mixed_batch()
    kept = targets.diagonal()
    mixed = (kept > 0) & (kept < 1)
    one_value = (images == images[:, :, :1, :1]).flatten(1).all(dim=1)  # blended, not cut
    assert one_value[mixed].float().mean() == pytest.approx(0.5, abs=0.1)
    assert len(kept[mixed & one_value].unique()) > 200


def test_what_is_not_mixed_stays_to_the_last_bit():
    images, targets = make_images(n=400), torch.eye(400)
    new_images, new_targets = mixing.mix(images, targets, 0.3, 1.0, 1.0, seeded())
    kept = new_targets.diagonal() == 1
    assert torch.equal(new_images[kept], images[kept])
    assert kept.float().mean() == pytest.approx(0.7, abs=0.1)
    assert torch.equal(mixing.mix(images, targets, 0.0, 1.0, 1.0, seeded())[0], images)


def test_numbers_are_mixed_like_classes():
    images = make_images(n=50)
    numbers = torch.arange(50.0)[:, None]
    _, mixed_numbers = mixing.mix(images, numbers, 1.0, 1.0, 1.0, seeded())
    _, mixed_classes = mixing.mix(images, torch.eye(50), 1.0, 1.0, 1.0, seeded())
    torch.testing.assert_close(mixed_numbers, mixed_classes @ numbers)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = mixing._symmetric_beta(torch.empty(20_000, 1), alpha, seeded())
    assert shares.isfinite().all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    # float32 cannot tell values within 1e-7 of 1 apart, where a small alpha has most of its mass: compare the middle.
    for edge in (0.01, 0.1, 0.3, 0.5, 0.9, 0.99):
        assert (shares < edge).double().mean().item() == pytest.approx(stats.beta(alpha, alpha).cdf(edge), abs=0.012)


def test_noise_has_the_stated_size():
    table = torch.zeros(2000, 20)
    result = build(Noise(std=0.3))(table, make_targets(2000), seeded())[0]
    assert result.mean() == pytest.approx(0.0, abs=0.01)
    assert result.std() == pytest.approx(0.3, abs=0.01)
    dropped = build(Noise(std=0.0, drop_probability=0.25))(table + 1, make_targets(2000), seeded())[0]
    assert dropped.unique().tolist() == [0.0, 1.0]
    assert (dropped == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(build(Noise(std=0.0))(table + 1, make_targets(2000), seeded())[0], table + 1)


def test_strong_with_everything_off_changes_nothing():
    images, targets = make_images(), make_targets()
    new_images, new_targets = build(Strong(**STRONG_OFF))(images, targets, seeded())
    assert torch.equal(new_images, images)
    assert torch.equal(new_targets, targets)


@pytest.mark.parametrize("policy", IMAGE_POLICIES, ids=name_of)
def test_float32_under_autocast(policy):
    images, targets = make_images(), make_targets()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = build(policy)(images, targets, seeded())[0]
    assert inside.dtype == torch.float32
    assert torch.equal(inside, build(policy)(images, targets, seeded())[0])


def test_check_refuses_the_wrong_kind_of_data():
    for name, kind in AUGMENTS.items():
        for modality in ("image", "table"):
            if modality in MODALITY[name]:
                assert augment.check(kind(), modality, "classification") == []
            else:
                with pytest.raises(ConfigError, match=f"augment: {name} works on"):
                    augment.check(kind(), modality, "classification")
    with pytest.raises(ConfigError) as caught:
        augment.check(FlipCrop(), "table", "classification")
    assert str(caught.value) == (
        "augment: flip_crop works on images, and this data set is a table.\nPolicies that fit: none, noise."
    )


def test_check_says_what_has_no_effect_and_what_is_mixed():
    idle = [FlipCrop(flip=False, pad_fraction=0), Shift(max_fraction=0.0), Strong(**STRONG_OFF), Noise(std=0.0)]
    for policy in idle:
        modality = next(iter(MODALITY[policy.name]))
        assert augment.check(policy, modality, "classification") == [f"augment={policy.name} changes nothing as it is set."]
    assert "mixes the numbers to predict" in augment.check(Strong(shift_target=0.0, **NEGATE), "image", "regression")[0]
    assert augment.check(Strong(mix_probability=0.0, shift_target=0.0, **NEGATE), "image", "regression") == []


def test_yaml_holds_every_field_its_default_and_what_it_assumes():
    files = {path.stem: path for path in CONF.glob("*.yaml")}
    assert set(files) == set(AUGMENTS) == set(MODALITY)
    assert len(files) == 8
    for name, kind in AUGMENTS.items():
        text = files[name].read_text(encoding="utf-8")
        lines = text.splitlines()
        assert lines[0].startswith("# ")
        assert lines[1].startswith("# Assumes ")
        assert yaml.safe_load(text) == dataclasses.asdict(kind())
        assert kind().name == name
        for line in lines[lines.index(f"name: {name}") + 1 :]:
            assert "  # " in line, f"{name}: no comment: {line}"


@dataclasses.dataclass(frozen=True)
class OnlyAugment:
    augment: object


def parse(values):
    return config.parse({"augment": AUGMENTS}, {"augment": values}, OnlyAugment).augment


def test_bounds():
    assert parse({"name": "strong", "mix_probability": 1}) == Strong(mix_probability=1.0)
    for values in (
        {"name": "flip_crop", "pad_fraction": 1.0},
        {"name": "shift", "max_fraction": -0.1},
        {"name": "trivial", "num_bins": 1},
        {"name": "strong", "mixup_alpha": 0},
        {"name": "strong", "flip_target": "invert"},
        {"name": "flip_crop", "flip_target": True},
        {"name": "strong", "erase_probability": 1.1},
        {"name": "noise", "std": -1},
    ):
        with pytest.raises(ConfigError, match=r"augment\."):
            parse(values)


NEGATE = {"flip_target": "negate"}


def mirrored(images, new_images):
    """Which images came back mirrored; every other one must have stayed as it was."""
    flipped = (new_images == images.flip(3)).flatten(1).all(dim=1)
    assert (flipped ^ (new_images == images).flatten(1).all(dim=1)).all()
    assert 0.3 < flipped.float().mean() < 0.7
    return flipped


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (22.5, 10.0), (-3.0, 0.01), (1e4, 1.0)])
def test_the_number_of_a_mirrored_image_is_negated_in_its_own_units(mean, scale):
    images = make_images(n=200)
    y = mean + scale * torch.randn(200, generator=seeded(), dtype=torch.float64)
    standardised = ((y - mean) / scale).float()[:, None]
    before = standardised.clone()
    new_images, new = build(FlipCrop(pad_fraction=0.0, **NEGATE), -mean / scale)(images, standardised, seeded())
    signs = 1 - 2 * mirrored(images, new_images).double()
    torch.testing.assert_close(new[:, 0].double() * scale + mean, signs * y, rtol=1e-6, atol=1e-6 * scale)
    assert torch.equal(new[signs > 0], standardised[signs > 0])
    assert torch.equal(standardised, before)


def test_numbers_are_kept_and_classes_never_negated():
    images, numbers = make_images(), torch.randn(16, 1, generator=seeded())
    for policy, targets, zero in (
        (FlipCrop(flip_target="keep"), numbers, -3.0),
        (FlipCrop(flip=False, **NEGATE), numbers, -3.0),
        (FlipCrop(**NEGATE), make_targets(), None),
        (FlipCrop(**NEGATE), torch.ones(16, 1), None),  # one class only
        (Strong(mix_probability=0.0, **NEGATE), make_targets(), None),
    ):
        assert torch.equal(build(policy, zero)(images, targets, seeded())[1], targets)


def test_flip_target_leaves_the_images_as_they_were():
    images, numbers = make_images(), torch.randn(16, 1, generator=seeded())
    for kind in (FlipCrop, Strong):
        plain = build(kind())(images, numbers, seeded())[0]
        assert torch.equal(build(kind(**NEGATE), 1.5)(images, numbers, seeded())[0], plain)


def test_numbers_are_negated_before_they_are_mixed():
    images, numbers, zero = make_images(n=64), torch.randn(64, 1, generator=seeded()), 0.7
    policy = Strong(pad_fraction=0.0, erase_probability=0.0, mix_probability=1.0, mixup_alpha=1.0, **NEGATE)
    new = build(policy, zero)(images, numbers, seeded(4))[1]
    generator = seeded(4)
    flipped, which, right = moving.flip_crop(images, True, 0.0, generator)
    assert not right.any()
    assert torch.equal(which, mirrored(images, flipped))
    signed = torch.where(which[:, None], 2 * zero - numbers, numbers)
    erased = mixing.erase(flipped, 0.0, generator)
    assert torch.equal(new, mixing.mix(erased, signed, 1.0, 1.0, 1.0, generator)[1])
    assert not torch.equal(new, build(dataclasses.replace(policy, flip_target="keep"), zero)(images, numbers, seeded(4))[1])


@pytest.mark.parametrize("kind", [FlipCrop, Strong])
def test_mirroring_with_numbers_must_be_spelt_out(kind):
    with pytest.raises(ConfigError) as caught:
        augment.check(kind(), "image", "regression")
    assert f"augment={kind().name} mirrors images, and the target is a number" in caught.value.message
    for way_out in ("augment.flip_target=negate", "augment.flip_target=keep", "augment.flip=false"):
        assert way_out in caught.value.hint
    quiet = {"mix_probability": 0.0} if kind is Strong else {}
    for settings in ({"flip": False}, {"flip_target": "keep"}, NEGATE):
        settings = {**settings, "shift_target": 0.0}
        assert augment.check(kind(**settings, **quiet), "image", "regression") == []
    assert augment.check(kind(), "image", "classification") == []
    without = "augment.flip_target=negate has no effect: "
    assert augment.check(kind(**NEGATE), "image", "classification") == [f"{without}the targets are classes."]
    expected = [f"{without}no image is mirrored (augment.flip=false)."]
    assert augment.check(kind(flip=False, shift_target=0.0, **NEGATE, **quiet), "image", "regression") == expected


def bright_column(num=400, side=33, seed=3):
    """Images `(N, 1, side, side)` of one bright column on black, and its position, px from the middle, `(N, 1)`."""
    place = torch.randint(8, side - 8, (num,), generator=seeded(seed))
    images = torch.zeros(num, 1, side, side)
    images[torch.arange(num), 0, :, place] = 1.0
    return images, (place - (side - 1) / 2)[:, None]


def position_of(images):
    """Where the mean of the brightness lies, px from the middle, `(N, 1)`."""
    side = images.shape[3]
    columns = images.sum(dim=(1, 2))
    return ((columns * (torch.arange(side) - (side - 1) / 2)).sum(1) / columns.sum(1))[:, None]


@pytest.mark.parametrize(
    "policy",
    [
        Shift(max_fraction=0.15, shift_target=1.0),
        FlipCrop(pad_fraction=0.15, flip_target="negate", shift_target=1.0),
        Strong(pad_fraction=0.15, erase_probability=0.0, mix_probability=0.0, flip_target="negate", shift_target=1.0),
    ],
    ids=name_of,
)
@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (3.0, 5.0)])
def test_a_number_that_is_the_position_follows_its_image(policy, mean, scale):
    images, position = bright_column()
    assert torch.equal(position_of(images), position)
    moved, told = build(policy, -mean / scale, scale)(images, (position - mean) / scale, seeded(7))
    assert (position_of(moved) != position).float().mean() > 0.5
    torch.testing.assert_close(told * scale + mean, position_of(moved), atol=1e-4, rtol=0)


def test_a_number_that_is_the_angle_follows_its_image():
    side, degrees = 65, 40 * torch.rand(60, generator=seeded(2)) - 20
    x, y = torch.arange(side) - (side - 1) / 2, (torch.arange(side) - (side - 1) / 2)[:, None]
    angle = degrees[:, None, None] * math.pi / 180
    # a soft bar through the middle; rows count downwards, so that counter-clockwise is towards smaller rows on the right
    images = (-((x * angle.sin() + y * angle.cos()) ** 2) / 8).exp()[:, None]
    policy = Shift(max_fraction=0.0, max_degrees=15.0, rotate_target=2.0)
    turned, told = build(policy, 0.0)(images, 2 * degrees[:, None], seeded(3))
    inner = turned[:, 0] * ((x**2 + y**2) < 28**2)
    spread = torch.stack([(inner * x * x).sum((1, 2)), (inner * x * y).sum((1, 2)), (inner * y * y).sum((1, 2))])
    seen = -0.5 * torch.atan2(2 * spread[1], spread[0] - spread[2]) * 180 / math.pi  # of the longest axis
    assert (seen - degrees).abs().max() > 10
    torch.testing.assert_close(told[:, 0] / 2, seen, atol=0.3, rtol=0)


def test_classes_stay_whatever_is_said_of_numbers():
    images, targets = make_images(), make_targets()
    policy = Shift(max_fraction=0.2, max_degrees=10.0, shift_target=3.0, rotate_target=3.0)
    assert torch.equal(build(policy)(images, targets, seeded())[1], targets)


def test_without_rotation_a_shift_is_what_it_was_before_there_was_one():
    images, targets = make_images(), make_targets()
    turned = build(Shift(max_degrees=20.0))(images, targets, seeded())[0]
    assert turned.min() >= 0 and turned.max() <= 1 and not torch.equal(turned, build(Shift())(images, targets, seeded())[0])
    generator = seeded()
    assert torch.equal(build(Shift())(images, targets, seeded())[0], moving.shift(images, 0.125, generator)[0])


@pytest.mark.parametrize(
    ("policy", "message", "hint"),
    [
        (Shift(), "augment=shift moves images, and the target is a number", "augment.max_fraction=0"),
        (
            Shift(max_fraction=0, max_degrees=5.0),
            "augment=shift turns images, and the target is a number",
            "augment.max_degrees=0",
        ),
        (Shift(shift_target=0.1, max_degrees=5.0), "turns images", "augment.rotate_target to what it gains with each degree"),
        (FlipCrop(flip_target="keep"), "augment=flip_crop moves images", "augment.pad_fraction=0"),
        (Strong(flip=False), "augment=strong moves images", "augment.shift_target to what it gains with each pixel to the right"),
        (Trivial(), "augment=trivial moves images", "augment=none"),
        (Trivial(shift_target=0.0), "augment=trivial turns images", "augment=none"),
        (Trivial(shift_target=0.1, rotate_target=0.0), "augment=trivial shears images too", "Use augment=shift"),
    ],
    ids=str,
)
def test_what_moves_or_turns_an_image_is_refused_for_numbers_unless_told(policy, message, hint):
    with pytest.raises(ConfigError) as caught:
        augment.check(policy, "image", "regression")
    assert message in caught.value.message and hint in caught.value.hint
    assert (
        augment.check(
            dataclasses.replace(policy, flip_target=None) if hasattr(policy, "flip_target") else Shift(),
            "image",
            "classification",
        )
        == []
    )


def test_numbers_that_are_told_of_pass_and_what_has_no_effect_is_said():
    assert augment.check(Trivial(shift_target=0.0, rotate_target=0.0), "image", "regression") == []
    assert augment.check(Shift(shift_target=0.004, max_degrees=5.0, rotate_target=-1.0), "image", "regression") == []
    said = augment.check(Shift(shift_target=0.0, rotate_target=1.0), "image", "regression")
    assert said == ["augment.rotate_target=1.0 has no effect: no image is turned (augment.max_degrees=0)."]
    said = augment.check(Shift(shift_target=0.5), "image", "classification")
    assert said == ["augment.shift_target=0.5 has no effect: the targets are classes."]


def test_importing_needs_no_torch():
    code = "import sdl_cli.data.augment.policies, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
