"""NIfTI volumes, written here with nibabel: slices as DICOM viewers show them, scaled and label values, and refusals."""

from __future__ import annotations

import builtins
import gzip
import itertools
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.data.images import nifti
from sdl_cli.data.images.decode import decode_batches, decode_file, num_pictures, size_and_mode
from sdl_cli.data.images.pixels import USUAL, View
from sdl_cli.errors import DataError, SdlError

nibabel = pytest.importorskip("nibabel")

# canonical axes: to the right, to the front, up; every value says where it is
VOLUME = (np.arange(8)[:, None, None] * 100 + np.arange(9)[None, :, None] * 10 + np.arange(10)[None, None]).astype(np.int16)


def save(path: Path, values: np.ndarray[Any, Any], affine: np.ndarray[Any, Any] | None = None, kind: str = "Nifti1Image") -> Path:
    nibabel.save(getattr(nibabel, kind)(values, np.eye(4) if affine is None else affine), path)
    return path


def pixels(path: Path, view: View = USUAL, frame: int = 0) -> np.ndarray[Any, Any]:
    """The picture as it stands in the file, `(H, W)` or `(H, W, 3)`."""
    found = nifti.read(path, frame, view, lambda remark: None).values
    return found[..., 0] if found.shape[-1] == 1 else found


def refusal(path: Path, view: View = USUAL) -> str:
    (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, "grey", view=view), (1, 8, 8))
    assert batch.rows == []
    return batch.failures[0][1]


def test_the_middle_slice_of_each_plane(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VOLUME)
    # rows from the front to the back, along a row from right to left
    assert np.array_equal(pixels(path), VOLUME[::-1, ::-1, 5].T)
    assert np.array_equal(pixels(path, View(plane="coronal")), VOLUME[::-1, 4, ::-1].T)
    assert np.array_equal(pixels(path, View(plane="sagittal")), VOLUME[4, ::-1, ::-1].T)
    assert np.array_equal(pixels(path, View(slice=0)), VOLUME[::-1, ::-1, 0].T)
    assert np.array_equal(pixels(path, View(plane="coronal", slice=8)), VOLUME[::-1, 8, ::-1].T)
    assert "10 axial slices, and dataset.slice=10 asks for one beyond" in refusal(path, View(slice=10))
    assert size_and_mode(path) == (8, 9, "F")
    found = decode_file(path, 8, "rgb")
    assert (found.dtype, found.shape) == (np.float32, (3, 8, 8))


ORDERS = [(order, ways) for order in itertools.permutations(range(3)) for ways in itertools.product((1, -1), repeat=3)]


@pytest.mark.parametrize("packed", [False, True], ids=["nii", "nii.gz"])
def test_the_order_of_a_files_axes_does_not_matter(tmp_path: Path, packed: bool) -> None:
    """All 48 orders and directions of axes show the same pictures; nibabel's own reordering agrees."""
    plain = save(tmp_path / "plain.nii", VOLUME)
    views = [View(plane=plane, slice=number) for plane in ("axial", "coronal", "sagittal") for number in (2, None)]
    right = [pixels(plain, view) for view in views]
    for order, ways in ORDERS if not packed else ORDERS[5::13]:
        orientation = np.array([order, ways], float).T
        turned = nibabel.orientations.apply_orientation(VOLUME, orientation)
        affine = nibabel.orientations.inv_ornt_aff(orientation, VOLUME.shape)
        path = save(tmp_path / ("a.nii.gz" if packed else "a.nii"), np.ascontiguousarray(turned), affine)
        assert np.array_equal(nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(), VOLUME)
        assert all(np.array_equal(pixels(path, view), found) for view, found in zip(views, right, strict=True))


def test_versions_and_oblique_axes(tmp_path: Path) -> None:
    right = pixels(save(tmp_path / "a.nii", VOLUME))
    assert np.array_equal(pixels(save(tmp_path / "b.nii", VOLUME, kind="Nifti2Image")), right)
    angle = 0.3
    oblique = np.eye(4)
    oblique[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert np.array_equal(pixels(save(tmp_path / "c.nii", VOLUME, oblique)), right)


def test_plain_8_bits_and_colours(tmp_path: Path) -> None:
    small = (VOLUME % 251).astype(np.uint8)
    assert pixels(save(tmp_path / "a.nii", small)).dtype == np.uint8
    coloured = np.zeros(VOLUME.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    coloured["R"], coloured["B"] = small, 255 - small
    found = pixels(save(tmp_path / "b.nii", coloured))
    assert found.dtype == np.uint8
    assert np.array_equal(found[..., 2], 255 - small[::-1, ::-1, 5].T)
    assert not found[..., 1].any()


def scaled(path: Path, stored: np.ndarray[Any, Any], slope: float, intercept: float) -> Path:
    """A file with these numbers and a scale in its header, set there as other programs set it."""
    save(path, stored)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    path.write_bytes(content)
    return path


def test_a_scale_of_zero_is_none(tmp_path: Path) -> None:
    right = VOLUME[::-1, ::-1, 5].T
    assert np.array_equal(pixels(scaled(tmp_path / "a.nii", VOLUME, 0.0, 0.0)), right)
    assert np.array_equal(pixels(scaled(tmp_path / "b.nii", VOLUME, 0.0, 7.0)), right)
    assert np.array_equal(pixels(scaled(tmp_path / "c.nii", VOLUME, np.nan, np.nan)), right)
    assert np.array_equal(pixels(scaled(tmp_path / "d.nii", VOLUME, 2.0, 5.0)), right * 2.0 + 5)
    assert np.array_equal(pixels(scaled(tmp_path / "e.nii", VOLUME, 0.5, 0.0)), right * 0.5)


def test_labels_that_were_squeezed_by_a_scale_are_whole_numbers(tmp_path: Path) -> None:
    labels = (VOLUME % 4).astype(np.float64)
    image = nibabel.Nifti1Image(labels, np.eye(4))
    image.set_data_dtype(np.int16)  # nibabel chooses a scale: 3 becomes 32767, and 2.9999 when read
    nibabel.save(image, tmp_path / "a.nii")
    read = nibabel.load(tmp_path / "a.nii").get_fdata()
    assert not np.array_equal(read, labels)
    found = pixels(tmp_path / "a.nii")
    assert np.array_equal(found, labels[::-1, ::-1, 5].T)
    measured = scaled(tmp_path / "b.nii", VOLUME, 0.013, 0.0)
    assert np.allclose(pixels(measured), VOLUME[::-1, ::-1, 5].T * 0.013)


def test_several_volumes(tmp_path: Path) -> None:
    series = np.stack([VOLUME, VOLUME + 1000, VOLUME + 2000], axis=-1)
    path = save(tmp_path / "a.nii.gz", series)
    assert num_pictures(path) == 3
    assert "3 volumes, of which only one could be used" in refusal(path)
    for frame in range(3):
        assert np.array_equal(pixels(path, View(frames="all"), frame), VOLUME[::-1, ::-1, 5].T + 1000 * frame)
    five = save(tmp_path / "b.nii", np.stack([series, series + 3000], axis=-1))
    assert num_pictures(five) == 6
    assert pixels(five, View(frames="all"), 4)[0, 0] == VOLUME[-1, -1, 5] + 1000 + 3000
    flat = save(tmp_path / "c.nii", VOLUME[:, :, 5])
    assert np.array_equal(pixels(flat), VOLUME[::-1, ::-1, 5].T)


def test_pixels_that_are_not_square_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", VOLUME, np.diag([1.0, 1.0, 3.0, 1.0]))
    remarks: list[str] = []
    nifti.read(path, 0, View(), remarks.append)
    assert remarks == []
    nifti.read(path, 0, View(plane="coronal"), remarks.append)
    assert "not square" in remarks[0]


def test_what_cannot_be_read_right_is_refused(tmp_path: Path) -> None:
    assert "values of type complex64" in refusal(save(tmp_path / "a.nii", VOLUME.astype(np.complex64)))
    holes = VOLUME.astype(np.float32)
    holes[0, 0, 5] = np.nan
    assert "infinite or not numbers" in refusal(save(tmp_path / "b.nii", holes))
    whole = save(tmp_path / "c.nii.gz", VOLUME).read_bytes()
    (tmp_path / "d.nii.gz").write_bytes(whole[: len(whole) // 2])
    assert "damaged NIfTI file" in refusal(tmp_path / "d.nii.gz")
    plain = save(tmp_path / "e.nii", VOLUME).read_bytes()
    (tmp_path / "f.nii").write_bytes(plain[:-200])
    assert "damaged NIfTI file" in refusal(tmp_path / "f.nii")
    (tmp_path / "g.nii").write_bytes(b"no volume at all" * 50)
    assert "not a NIfTI file of one piece" in refusal(tmp_path / "g.nii")
    huge = bytearray(plain)
    huge[42:48] = np.array([30_000, 30_000, 30_000], "<i2").tobytes()
    (tmp_path / "h.nii.gz").write_bytes(gzip.compress(huge))
    assert "more than" in refusal(tmp_path / "h.nii.gz")


def test_more_than_the_free_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.nii", VOLUME)
    monkeypatch.setattr(nifti, "available_bytes", lambda: 1000)
    assert "more than the free memory" in refusal(path)


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.nii", VOLUME)
    real = builtins.__import__

    def no_reader(name: str, *rest: Any, **more: Any) -> Any:
        if name == "nibabel":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_reader)
    with pytest.raises(DataError, match="NIfTI files, which need another reader") as caught:
        decode_file(path, 8, "grey")
    assert caught.value.hint == 'Install it: pip install "sdl-cli[scans]"'


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_give_a_reason(tmp_path: Path) -> None:
    rng = random.Random(0)
    originals = [save(tmp_path / f"a.{kind}", np.stack([VOLUME, VOLUME], -1)).read_bytes() for kind in ("nii", "nii.gz")]
    started = time.monotonic()
    for i in range(200):
        content = bytearray(originals[i % 2])
        for _ in range(rng.choice((1, 3, 20))):
            content[rng.randrange(rng.choice((352, len(content))) if i % 2 == 0 else len(content))] = rng.randrange(256)
        path = tmp_path / ("m.nii", "m.nii.gz")[i % 2]
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        for view in (View("first"), View("all", plane="sagittal")):
            try:
                (batch,) = decode_batches([path], lambda _, p, v=view: decode_file(p, 8, "grey", view=v), (1, 8, 8))
                assert len(batch.failures) == 1 - len(batch.rows)
            except SdlError:
                pass
    assert time.monotonic() - started < 60  # no hang
