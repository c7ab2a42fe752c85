"""Every operation of TrivialAugmentWide against torchvision's, with another strength for each image."""

from __future__ import annotations

import inspect

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from sdl_cli.data.augment import trivial

LEVELS = torch.tensor([0.0, 0.1, 0.3, 0.5, 0.77, 1.0, 0.9, 0.2])
SIGNS = torch.tensor([1, 1, -1, 1, -1, -1, 1, -1])


def make_images(channels, height=33, width=24):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, channels, height, width), generator=generator) / 255
    images[1] = as_bytes(images[1] * 0.4 + 0.2)  # a narrow histogram
    images[2, 0] = 128 / 255  # a channel of one value
    return images


def as_bytes(images):
    """Rounded to the 256 values that an image file holds."""
    return (images * 255).round() / 255


def torchvisions(name, image, level, sign):
    """One image through torchvision at the magnitude that its TrivialAugmentWide has at this level."""
    magnitude = (level * sign).item()
    affine = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    degrees = torch.tensor(0.99 * magnitude).atan().rad2deg().item()
    factor = 1 + 0.99 * magnitude
    match name:
        case "identity":
            return image
        case "shear_x":
            return reference.affine(image, **affine | {"shear": [degrees, 0.0]}, center=[0, 0])
        case "shear_y":
            return reference.affine(image, **affine | {"shear": [0.0, degrees]}, center=[0, 0])
        case "translate_x":
            return reference.affine(image, **affine | {"translate": [int(min(32, image.shape[2]) * magnitude), 0]})
        case "translate_y":
            return reference.affine(image, **affine | {"translate": [0, int(min(32, image.shape[1]) * magnitude)]})
        case "rotate":
            return reference.rotate(image, 135 * magnitude)
        case "brightness":
            return reference.adjust_brightness(image, factor)
        case "color":
            return reference.adjust_saturation(image, factor)
        case "contrast":
            return reference.adjust_contrast(image, factor)
        case "sharpness":
            return reference.adjust_sharpness(image, factor)
        case "posterize":
            return reference.posterize(image, 8 - round(6 * level.item()))
        case "solarize":
            return reference.solarize(image, 1 - level.item())
        case "autocontrast":
            return reference.autocontrast(image)
        case "equalize":
            return reference.equalize(image)
    raise AssertionError(name)


@pytest.mark.parametrize("name", trivial.OPERATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_operation_is_torchvisions(name, channels):
    images = make_images(channels)
    result = trivial.OPERATIONS[name](images, LEVELS, SIGNS)
    expected = torch.stack([torchvisions(name, *row) for row in zip(images, LEVELS, SIGNS, strict=True)])
    wrong = (result - expected).abs() > 1e-5
    # Where a position falls between two pixels, either is the nearest: rounding decides.
    assert wrong.float().mean() <= (0.005 if name in ("shear_x", "shear_y", "rotate") else 0)


def test_equalize_of_a_plain_image_is_torchvisions():
    images = torch.cat([make_images(3), as_bytes(make_images(3) ** 3)])
    torch.testing.assert_close(trivial.equalize(images), reference.equalize(images))
    tiny = images[:, :, :4, :4]  # too few pixels for Pillow's step
    torch.testing.assert_close(trivial.equalize(tiny), reference.equalize(tiny))


def test_operations_and_ranges_are_those_of_this_torchvision():
    space = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    ours = {name.replace("_", "") for name in trivial.OPERATIONS}
    assert {name.lower() for name in space} == ours
    assert inspect.signature(v2.TrivialAugmentWide).parameters["num_magnitude_bins"].default == 31
    ranges = {name: space[name][0](31, 224, 224) for name in space}
    assert ranges["ShearX"][-1] == pytest.approx(0.99)
    assert ranges["TranslateX"][-1] == 32
    assert ranges["Rotate"][-1] == 135
    assert ranges["Color"][-1] == pytest.approx(0.99)
    assert ranges["Posterize"].tolist() == [8 - round(6 * i / 30) for i in range(31)]
    assert ranges["Solarize"].tolist() == pytest.approx([1 - i / 30 for i in range(31)], abs=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("side", [1, 2, 5])
def test_any_number_of_channels_and_any_size(channels, side):
    images = torch.rand(8, channels, side, side, generator=torch.Generator().manual_seed(0))
    for apply in trivial.OPERATIONS.values():
        result = apply(images, LEVELS, SIGNS)
        assert result.shape == images.shape
        assert result.isfinite().all()
        assert result.min() >= 0
        assert result.max() <= 1


def test_every_operation_and_strength_is_drawn():
    """In a batch of one image each result is one of the 14 operations at one of the 3 strengths, and all occur."""
    image = make_images(3)[:1]
    result = trivial.trivial_augment(image.expand(600, -1, -1, -1), 3, torch.Generator().manual_seed(0))
    pending = {sample.numpy().tobytes() for sample in result}
    for name, apply in trivial.OPERATIONS.items():
        for level in (0.0, 0.5, 1.0):
            for sign in (-1, 1):
                made = apply(image, torch.tensor([level]), torch.tensor([sign]))[0].numpy().tobytes()
                assert level == 0 or made in {s.numpy().tobytes() for s in result}, (name, level, sign)
                pending.discard(made)
    assert not pending
