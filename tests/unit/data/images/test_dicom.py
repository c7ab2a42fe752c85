"""DICOM files, written here with pydicom: what their numbers mean, several frames, and what is refused."""

from __future__ import annotations

import builtins
import io
import random
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data.images import dicom
from sdl_cli.data.images.decode import decode_batches, decode_file, num_pictures, size_and_mode
from sdl_cli.data.images.pixels import USUAL, View
from sdl_cli.errors import DataError, SdlError

pydicom = pytest.importorskip("pydicom")

from pydicom.dataset import Dataset  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402
from pydicom.pixels import apply_modality_lut, apply_voi_lut  # noqa: E402
from pydicom.pixels.decoders.base import Decoder  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import (  # noqa: E402
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)
from unit.data.images.dicom_files import GREY, elements, save, write  # noqa: E402

SIGNED = GREY.astype(np.int16) - 2000
BYTES = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
COLOURS = np.stack([BYTES, BYTES + 20, 255 - BYTES], axis=-1)
FIRST, BY_FILE = View(frames="first"), View(window="file")


def read(path: Path, channels: Any = "grey", view: View = USUAL, frame: int = 0) -> tuple[np.ndarray[Any, Any], list[str]]:
    remarks: list[str] = []
    found = decode_file(path, 8, channels, remark=remarks.append, view=view, frame=frame)
    return found, remarks


def refusal(path: Path, view: View = USUAL) -> str:
    """Why a file is refused, as a run says it."""
    (batch,) = decode_batches([path], lambda _, p: decode_file(p, 8, "grey", view=view), (1, 8, 8))
    assert batch.rows == []
    return batch.failures[0][1]


MEASURED: list[tuple[str, np.ndarray[Any, Any], int, dict[str, Any], np.ndarray[Any, Any]]] = [
    ("12 of 16 bits", GREY, 12, {}, GREY),
    ("16 bits", GREY * 17, 16, {}, GREY.astype(np.int64) * 17),
    ("signed", SIGNED, 16, {}, SIGNED),
    ("rescaled", GREY, 12, {"RescaleSlope": 0.5, "RescaleIntercept": -1024}, GREY * 0.5 - 1024),
    ("signed and rescaled", SIGNED, 16, {"RescaleSlope": 2, "RescaleIntercept": 7}, SIGNED * 2.0 + 7),
    ("8 bits rescaled", BYTES, 8, {"RescaleSlope": 2, "RescaleIntercept": -10}, BYTES * 2.0 - 10),
    ("white is low", GREY, 12, {"PhotometricInterpretation": "MONOCHROME1"}, 4095 - GREY.astype(np.int64)),
    ("white is low, signed", SIGNED, 16, {"PhotometricInterpretation": "MONOCHROME1"}, -1 - SIGNED.astype(np.int64)),
    (
        "white is low, rescaled",
        GREY,
        12,
        {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": 0.5, "RescaleIntercept": -1024},
        (4095 - GREY.astype(np.int64)) * 0.5 - 1024,
    ),
    ("dose", GREY, 16, {"DoseGridScaling": "0.25"}, GREY * 0.25),
    ("padding", GREY, 12, {"PixelPaddingValue": 5}, np.where(GREY == 5, 65, GREY)),
    ("padding, a range", GREY, 12, {"PixelPaddingValue": 5, "PixelPaddingRangeLimit": 130}, np.where(GREY < 131, 185, GREY)),
    (
        "padding where white is low",
        GREY,
        12,
        {"PixelPaddingValue": 5, "PhotometricInterpretation": "MONOCHROME1"},
        np.where(GREY == 5, 4095 - 3785, 4095 - GREY.astype(np.int64)),
    ),
]


@pytest.mark.parametrize(("values", "bits", "more", "right"), [m[1:] for m in MEASURED], ids=[m[0] for m in MEASURED])
def test_values_are_those_that_were_measured(
    tmp_path: Path, values: np.ndarray[Any, Any], bits: int, more: dict[str, Any], right: np.ndarray[Any, Any]
) -> None:
    path = write(tmp_path / "a.dcm", values, bits, **more)
    found, remarks = read(path)
    assert found.dtype == np.float32
    assert np.array_equal(found[0], right.astype(np.float32))
    assert remarks == []
    assert np.array_equal(decode_file(io.BytesIO(path.read_bytes()), 8, "rgb"), np.stack([found[0]] * 3))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_ways_of_writing(tmp_path: Path, syntax: Any) -> None:
    made = elements(GREY, 12)
    if syntax == RLELossless:
        made.compress(syntax)
    elif syntax == ExplicitVRBigEndian:
        made.PixelData = GREY.astype(">u2").tobytes()
        made["PixelData"].VR = "OW"
    made.file_meta.TransferSyntaxUID = syntax
    assert np.array_equal(read(save(tmp_path / "a.dcm", made))[0][0], GREY.astype(np.float32))


def test_elements_whose_type_depends_on_others(tmp_path: Path) -> None:
    """Without types in the file, a padding of -2000 is 63536 until the pixels are known to be signed."""
    made = elements(SIGNED, 16, PixelPaddingValue=-1995)
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert np.array_equal(read(save(tmp_path / "a.dcm", made))[0][0], np.where(SIGNED == -1995, -1935, SIGNED))


def test_compressed_as_jpeg_2000_and_jpeg(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    made = elements(GREY, 16)
    made.PixelData = encapsulate([imagecodecs.jpeg2k_encode(GREY, reversible=True, level=0, codecformat="j2k")])
    made["PixelData"].VR, made.file_meta.TransferSyntaxUID = "OB", JPEG2000Lossless
    assert np.array_equal(read(save(tmp_path / "a.dcm", made))[0][0], GREY.astype(np.float32))
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    content = io.BytesIO()
    Image.fromarray(smooth).save(content, "JPEG", quality=95)
    made = elements(smooth, 8, PhotometricInterpretation="YBR_FULL_422")
    made.PixelData = encapsulate([content.getvalue()])
    made["PixelData"].VR, made.file_meta.TransferSyntaxUID = "OB", JPEGBaseline8Bit
    found, _ = read(save(tmp_path / "b.dcm", made), "rgb")
    assert np.abs(found.astype(int) - np.array([200, 100, 50]).reshape(3, 1, 1)).max() <= 2


def test_plain_grey_and_white_is_low(tmp_path: Path) -> None:
    assert np.array_equal(read(write(tmp_path / "a.dcm", BYTES))[0][0], BYTES)
    inverted, _ = read(write(tmp_path / "b.dcm", BYTES, PhotometricInterpretation="MONOCHROME1"))
    assert inverted.dtype == np.uint8
    assert np.array_equal(inverted[0], 255 - BYTES)


def test_one_bit_and_floating_values(tmp_path: Path) -> None:
    made = elements(BYTES)
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = 0
    made.PixelData = np.packbits(BYTES % 2, bitorder="little").tobytes()
    assert np.array_equal(read(save(tmp_path / "a.dcm", made))[0][0], BYTES % 2 * 255)
    made = elements(GREY)
    del made.PixelData, made.BitsStored, made.HighBit, made.PixelRepresentation
    made.BitsAllocated, made.FloatPixelData = 32, (GREY / 7).astype(np.float32).tobytes()
    assert np.array_equal(read(save(tmp_path / "b.dcm", made))[0][0], (GREY / 7).astype(np.float32))
    made.PhotometricInterpretation = "MONOCHROME1"
    assert "which has no meaning for floating-point values" in refusal(save(tmp_path / "c.dcm", made))


def test_colours(tmp_path: Path) -> None:
    right = COLOURS.transpose(2, 0, 1)
    assert np.array_equal(read(write(tmp_path / "a.dcm", COLOURS), "rgb")[0], right)
    planar = elements(COLOURS, PlanarConfiguration=1)
    planar.PixelData = np.ascontiguousarray(right).tobytes()
    assert np.array_equal(read(save(tmp_path / "b.dcm", planar), "rgb")[0], right)
    ybr = np.asarray(Image.fromarray(COLOURS).convert("YCbCr"))
    found, _ = read(write(tmp_path / "c.dcm", ybr, PhotometricInterpretation="YBR_FULL"), "rgb")
    assert np.abs(found.astype(int) - right).max() <= 4  # once to YBR and back, rounded
    assert "colours of kind HSV" in refusal(write(tmp_path / "d.dcm", BYTES, PhotometricInterpretation="HSV"))


@pytest.mark.parametrize(("bits", "factor"), [(16, 257), (8, 1)])
def test_palette(tmp_path: Path, bits: int, factor: int) -> None:
    made = elements(BYTES, PhotometricInterpretation="PALETTE COLOR")
    table = np.arange(256)[:, None] * [1, 0, 0] + [0, 40, 0] + np.arange(255, -1, -1)[:, None] * [0, 0, 1]
    for name, column in zip(("Red", "Green", "Blue"), table.T, strict=True):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        setattr(made, f"{name}PaletteColorLookupTableData", (column * factor).astype("<u2" if bits == 16 else "u1").tobytes())
    found, _ = read(save(tmp_path / "a.dcm", made), "rgb")
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.stack([BYTES, np.full_like(BYTES, 40), 255 - BYTES]))


def shown(made: Dataset) -> np.ndarray[Any, Any]:
    """What pydicom makes of the window of a file, as grey levels."""
    values = apply_voi_lut(apply_modality_lut(GREY, made), made).astype(float)
    low, high = -1024.0, 4095.0 - 1024.0  # the lowest and the highest value that 12 bits can become
    return np.rint((values - low) * 255 / (high - low))


@pytest.mark.parametrize("shape", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
def test_window_of_the_file_follows_the_rescaling(tmp_path: Path, shape: str | None) -> None:
    more = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400}
    made = elements(GREY, 12, **more, **({} if shape is None else {"VOILUTFunction": shape}))
    found, remarks = read(save(tmp_path / "a.dcm", made), view=BY_FILE)
    assert found.dtype == np.uint8
    assert np.abs(found[0] - shown(made)).max() <= 1
    by_hand = ((GREY[4, 4] - 1024.0) - 39.5) / 399 + 0.5
    assert shape not in ("LINEAR", None) or found[0, 4, 4] == np.rint(np.clip(by_hand, 0, 1) * 255)
    assert remarks == []
    made.PhotometricInterpretation = "MONOCHROME1"
    assert np.array_equal(read(save(tmp_path / "b.dcm", made), view=BY_FILE)[0], 255 - found)


def test_windows_that_are_several_missing_or_wrong(tmp_path: Path) -> None:
    one, _ = read(write(tmp_path / "a.dcm", GREY, 12, WindowCenter=900, WindowWidth=800), view=BY_FILE)
    many = write(tmp_path / "b.dcm", GREY, 12, WindowCenter=[900, 3000], WindowWidth=[800, 10])
    found, remarks = read(many, view=BY_FILE)
    assert np.array_equal(found, one)
    assert remarks == ["several windows, and the first of each was used"]
    assert read(many)[1] == []
    assert "dataset.window=data" in refusal(write(tmp_path / "c.dcm", GREY, 12), BY_FILE)
    assert "has no meaning" in refusal(write(tmp_path / "d.dcm", GREY, 12, WindowCenter=9, WindowWidth=0), BY_FILE)
    assert "has no meaning" in refusal(write(tmp_path / "e.dcm", GREY, 12, RescaleSlope=0, RescaleIntercept=1))


def table_of(values: np.ndarray[Any, Any], first: int, bits: int) -> Dataset:
    found = Dataset()
    found.LUTDescriptor = [len(values), first, bits]
    found.LUTData = values.astype("<u2").tobytes()
    return found


def test_tables_of_values_and_of_grey_levels(tmp_path: Path) -> None:
    squares = (np.arange(4096) ** 2 // 300).astype(np.uint16)  # up to 55897
    modality = table_of(squares, 0, 16)
    modality.ModalityLUTType = "US"
    path = write(tmp_path / "a.dcm", GREY, 12, ModalityLUTSequence=Sequence([modality]))
    assert np.array_equal(read(path)[0][0], squares[GREY].astype(np.float32))
    levels = (np.arange(4096) % 1024).astype(np.uint16)
    path = write(tmp_path / "b.dcm", GREY, 12, VOILUTSequence=Sequence([table_of(levels, 0, 10)]))
    assert np.array_equal(read(path, view=BY_FILE)[0][0], np.rint(levels[GREY] * (255 / 1023)).astype(np.uint8))


STACK = np.stack([GREY, GREY + 7, 4000 - GREY])


def test_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", STACK, 12, NumberOfFrames=3)
    assert num_pictures(path) == 3
    assert "3 frames, of which only one could be used" in refusal(path)
    assert "dataset.frames=first" in refusal(path)
    assert np.array_equal(read(path, view=FIRST)[0][0], GREY.astype(np.float32))
    for frame in range(3):
        assert np.array_equal(read(path, view=View(frames="all"), frame=frame)[0][0], STACK[frame].astype(np.float32))
    made = elements(STACK, 12, NumberOfFrames=3)
    made.compress(RLELossless)
    assert np.array_equal(read(save(tmp_path / "b.dcm", made), view=FIRST, frame=2)[0][0], STACK[2].astype(np.float32))


def test_each_frame_has_its_own_rescaling_and_window(tmp_path: Path) -> None:
    groups = []
    for slope, centre in ((1, 100), (2, 900), (3, 2000)):
        group, rescaling, window = Dataset(), Dataset(), Dataset()
        rescaling.RescaleSlope, rescaling.RescaleIntercept = slope, 10 * slope
        window.WindowCenter, window.WindowWidth = centre, 500
        group.PixelValueTransformationSequence, group.FrameVOILUTSequence = Sequence([rescaling]), Sequence([window])
        groups.append(group)
    path = write(tmp_path / "a.dcm", STACK, 12, NumberOfFrames=3, PerFrameFunctionalGroupsSequence=Sequence(groups))
    assert np.array_equal(read(path, view=FIRST, frame=1)[0][0], STACK[1] * 2.0 + 20)
    right = np.rint(np.clip((STACK[1] * 2.0 + 20 - 899.5) / 499 + 0.5, 0, 1) * 255)
    assert np.array_equal(read(path, view=View("first", window="file"), frame=1)[0][0], right)
    shared = write(tmp_path / "b.dcm", STACK, 12, NumberOfFrames=3, SharedFunctionalGroupsSequence=Sequence(groups[2:]))
    assert np.array_equal(read(shared, view=FIRST, frame=1)[0][0], STACK[1] * 3.0 + 30)


def test_pixels_that_are_not_square_are_named(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.dcm", GREY, 12, PixelSpacing=[0.5, 0.5]))[1] == []
    assert "not square" in read(write(tmp_path / "b.dcm", GREY, 12, PixelSpacing=[0.5, 2]))[1][0]
    assert "not square" in read(write(tmp_path / "c.dcm", GREY, 12, PixelAspectRatio=[4, 3]))[1][0]


def test_size_and_kind_by_the_header(tmp_path: Path) -> None:
    wide = np.zeros((4, 6), np.uint16)
    assert size_and_mode(write(tmp_path / "a.dcm", wide)) == (6, 4, "F")
    assert size_and_mode(write(tmp_path / "b.dcm", COLOURS)) == (8, 8, "RGB")
    assert size_and_mode(write(tmp_path / "c.dcm", BYTES)) == (8, 8, "L")


def test_what_is_no_picture_or_damaged_is_refused(tmp_path: Path) -> None:
    text = elements(GREY, 12)
    for name in ("Rows", "Columns", "PixelData"):
        delattr(text, name)
    text.Modality = "SR"
    assert "no picture in this DICOM file (its modality is SR)" in refusal(save(tmp_path / "a.dcm", text))
    no_pixels = elements(GREY, 12)
    del no_pixels.PixelData
    assert refusal(save(tmp_path / "b.dcm", no_pixels))
    whole = write(tmp_path / "c.dcm", GREY, 12).read_bytes()
    (tmp_path / "d.dcm").write_bytes(whole[:-30])
    assert "damaged or cut off" in refusal(tmp_path / "d.dcm")
    (tmp_path / "e.dcm").write_bytes(b"no DICOM at all" * 20)
    assert "not a DICOM file" in refusal(tmp_path / "e.dcm")
    assert "1,000,000 frames beyond the end of the file" in refusal(
        write(tmp_path / "f.dcm", GREY, 12, NumberOfFrames=1_000_000), FIRST
    )
    assert "limit against files that unpack" in refusal(write(tmp_path / "g.dcm", GREY, 12, Rows=60_000, Columns=60_000))


def test_a_deflated_file_is_measured_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = elements(np.zeros((512, 512), np.uint16), 16)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(tmp_path / "a.dcm", made)
    assert read(path)[0].shape == (1, 8, 8)
    monkeypatch.setattr(dicom, "_MOST_INFLATED_BYTES", 2**18)
    monkeypatch.setattr(pydicom, "dcmread", lambda *_, **__: pytest.fail("it was unpacked"))
    assert "it unpacks to more than" in refusal(path)
    assert zlib.decompressobj  # what pydicom uses too


def test_a_plugin_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = elements(GREY, 12)
    made.PixelData = encapsulate([b"\xff\xd8 packed"])
    made["PixelData"].VR, made.file_meta.TransferSyntaxUID = "OB", JPEGLSLossless
    path = save(tmp_path / "a.dcm", made)
    monkeypatch.setattr(Decoder, "is_available", False)
    monkeypatch.setattr(
        Decoder, "missing_dependencies", ["gdcm - requires gdcm>=3.0.10", "pyjpegls - requires numpy and pyjpegls>=1.2"]
    )
    with pytest.raises(DataError, match=r"packed as JPEG-LS Lossless.* by a plugin only \(gdcm or pyjpegls\)") as caught:
        read(path)
    assert caught.value.hint == "Install one of them, for example: pip install pyjpegls"


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", GREY, 12)
    real = builtins.__import__

    def no_reader(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pydicom":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", no_reader)
    with pytest.raises(DataError, match="DICOM files, which need another reader") as caught:
        read(path)
    assert caught.value.hint == 'Install it: pip install "sdl-cli[scans]"'


@pytest.mark.filterwarnings("ignore")  # as in a run: what pydicom says of damage is not for the reader of a result
def test_mutated_files_give_a_reason(tmp_path: Path) -> None:
    rng = random.Random(0)
    plain = write(tmp_path / "a.dcm", STACK, 12, NumberOfFrames=3, WindowCenter=40, WindowWidth=400, PixelPaddingValue=3)
    packed = elements(STACK, 12, NumberOfFrames=3)
    packed.compress(RLELossless)
    originals = [plain.read_bytes(), save(tmp_path / "b.dcm", packed).read_bytes()]
    started = time.monotonic()
    for i in range(160):
        content = bytearray(originals[i % 2])
        for _ in range(rng.choice((1, 3, 20))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path = tmp_path / "mutated.dcm"
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        for view in (FIRST, View("first", window="file")):
            try:
                (batch,) = decode_batches([path], lambda _, p, v=view: decode_file(p, 8, "grey", view=v), (1, 8, 8))
                assert len(batch.failures) == 1 - len(batch.rows)
            except SdlError:
                pass
        dicom.patient(path)
    assert time.monotonic() - started < 60  # no hang
