"""Augmented series: a window is read where it should be, and each change is what its setting says."""

from __future__ import annotations

import pytest
import torch

from sdl_cli.data.augment import policies, series
from sdl_cli.errors import ConfigError


def test_windows_are_parts_of_their_series() -> None:
    rows = torch.arange(60.0).reshape(3, 2, 10)
    found = series.window(rows, torch.tensor([0, 2, 6]), 4)
    assert torch.equal(found, torch.stack([rows[0, :, :4], rows[1, :, 2:6], rows[2, :, 6:]]))


def test_every_window_of_the_length_that_was_asked_for_is_as_likely() -> None:
    rows = torch.arange(20.0).expand(6000, 1, 20)
    found = series.changed(rows, 0.0, 0.0, 0.8, torch.Generator().manual_seed(0))
    assert found.shape == (6000, 1, 16)
    assert torch.equal(found.diff(dim=2), torch.ones(6000, 1, 15))
    counts = found[:, 0, 0].long().bincount(minlength=5)
    assert len(counts) == 5
    assert (counts - 1200).abs().max() < 150


def test_noise_and_scale_have_the_sizes_that_were_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.zeros(200, 2, 100)
    assert float(series.changed(flat, 0.3, 0.0, 1.0, generator).std()) == pytest.approx(0.3, rel=0.02)
    wave = 5 + torch.sin(torch.linspace(0, 12.566371, 101)[:100]).expand(400, 2, 100)
    scaled = series.changed(wave, 0.0, 0.2, 1.0, generator)
    assert torch.allclose(scaled.mean(2), wave.mean(2), atol=1e-5)  # about its own mean
    factors = (scaled - 5).abs().amax(2) / (wave - 5).abs().amax(2)
    assert float(factors.std()) == pytest.approx(0.2, rel=0.1)
    assert float(factors.mean()) == pytest.approx(1.0, abs=0.03)


def test_the_generator_decides_and_the_input_stays() -> None:
    policy = policies.build(policies.SeriesAugment())
    rows, targets = torch.randn(4, 1, 30, generator=torch.Generator().manual_seed(1)), torch.eye(4)
    kept = rows.clone()
    first, second = (policy(rows, targets, torch.Generator().manual_seed(7))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(rows, kept)
    assert not torch.equal(first, rows)


def test_it_is_for_series_alone() -> None:
    assert policies.check(policies.SeriesAugment(), "series", "classification") == []
    with pytest.raises(ConfigError, match="series works on series, and this data set is a table"):
        policies.check(policies.SeriesAugment(), "table", "classification")
    with pytest.raises(ConfigError, match="noise works on tables, and this data set is made of series"):
        policies.check(policies.Noise(), "series", "classification")
    [sentence] = policies.check(
        policies.SeriesAugment(jitter_std=0.0, scale_std=0.0, crop_fraction=1.0), "series", "classification"
    )
    assert "changes nothing" in sentence
