"""Photos in folders: one sub-folder per class, or a ready train/ val/ test/ layout of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, ValueRange
from sdl_cli.data.exports import is_export
from sdl_cli.data.groups import compile_pattern, groups_from_names
from sdl_cli.data.images.decode import SUFFIXES
from sdl_cli.data.images.listing import Listing, existing_folder, left_out, list_folder, shown_name, walk
from sdl_cli.data.images.patients import FIELD, patient_notes, patients_of
from sdl_cli.data.images.photos import Decoding, OnError, iter_photos, read_photos
from sdl_cli.data.images.pictures import pictures_in, view_notes
from sdl_cli.data.images.pixels import ONE_FILE_ONE_GROUP, USUAL, View
from sdl_cli.data.images.settings import PhotoSettings
from sdl_cli.data.images.squares import PhotoChannels
from sdl_cli.data.images.versions import PATTERN, versions_note
from sdl_cli.data.source import Reading
from sdl_cli.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ImageFolder(PhotoSettings):
    """A folder of photos.

    Arguments:
        path: the folder that holds one sub-folder per class, or train/ and val/ and test/ folders of these.
        group: a regular expression whose first capture group, or whole match, in a file's name relative to the folder names
            its group (one patient, plant or camera), which never stands on two sides of a split; the word PatientID takes the
            patients that DICOM files name; None: no groups, but all pictures of one file stay together.

    The other arguments are those of `PhotoSettings`.
    """

    name: str = "image_folder"
    path: str
    group: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group not in (None, FIELD):
            compile_pattern(str(self.group), "group")


def load(settings: ImageFolder, preferred_px: int | None = None, interpolation: str = "bilinear") -> Dataset:
    """Read a folder of photos: `X (N, C, S, S)` is a read-only memory map of the decoded cache, see `Photos`.

    Raises DataError: no such folder, no photos or classes in it, names without a group, unreadable photos (unless skipped), or a
        full disk.
    """
    root = existing_folder(settings.path)
    listing = _listed(root)
    names = [shown_name(path, root) for path in listing.files]
    notes = list(listing.notes)
    all_groups = None
    if settings.group == FIELD:
        all_groups = patients_of(listing.files)
    elif settings.group is not None:
        all_groups = groups_from_names(names, settings.group)
    else:
        notes += patient_notes(listing.files)
    if all_groups is None and listing.parts is None:
        notes += versions_note(names, f"dataset.group='{PATTERN}'")
    photos = read_photos(listing.files, names, settings.decoding(preferred_px, interpolation), root)
    if all_groups is not None:
        all_groups = photos.pictures.together(all_groups, names)
    elif photos.pictures.are_expanded:
        all_groups = np.array(names)
        notes.append(ONE_FILE_ONE_GROUP)
    classes = tuple(sorted(set(listing.labels)))
    return Reading(
        where=str(root),
        name=root.name,
        task="classification",
        modality="image",
        X=photos.images,
        y=np.array([classes.index(listing.labels[row]) for row in photos.kept], dtype=np.int64),
        classes=classes,
        groups=None if all_groups is None else all_groups[photos.kept],
        group_name=FIELD,
        part=None if listing.parts is None else np.array([listing.parts[row] for row in photos.kept]),
        ids=photos.pictures.named(names),
        x_digest=photos.digest,
        notes=(*notes, *view_notes(listing.files, settings.view()), *photos.notes),
        source=settings.view().source(),
        value_range=photos.value_range,
    ).finish()


def _listed(root: Path) -> Listing:
    """The images of the folder; one that cannot be read so may be the export of a labelling tool, which the error then says."""
    try:
        return list_folder(root)
    except DataError as error:
        if not is_export(root):
            if any((folder / "labels").is_dir() for folder in (root, root / "train")) and "only one class" in error.message:
                raise DataError(error.message, "Boxes in labels/*.txt (YOLO) are not read: export them as COCO.") from error
            raise
        hint = f"It holds labels of a labelling tool: dataset=image_table dataset.path={root}"
        raise DataError(error.message, hint) from error


def iter_images(
    path: str | Path,
    size_px: int,
    channels: PhotoChannels = "rgb",
    interpolation: str = "bilinear",
    on_error: OnError = "fail",
    batch: int = 256,
    notes: list[str] | None = None,
    scale: ValueRange | None = None,
    view: View = USUAL,
    num_bands: int | None = None,
) -> Iterator[tuple[Array, Array]]:
    """Read the photos under `path` a batch at a time, for prediction: no cache, little memory.

    Arguments:
        path: one image file, or a folder, which is searched with all its sub-folders.
        notes: sentences about files of other kinds, and at the end about skipped photos and the like, are added to this list.
        scale: how the run brought images deeper than 8 bits to 8; None where its own have 8 bits.
        view: which picture of a file that has several. num_bands: how many each must have where `channels` is `all`.
    Yields: ids `(n,)` (paths relative to the folder, sorted) and images `uint8 (n, C, S, S)`.
    Raises DataError: nothing there, or unreadable photos, named.
    """
    start = Path(path).expanduser()
    others: list[Path] = []
    if start.is_file():
        root, files = start.parent, [start]
    else:
        root = existing_folder(path, key="")
        files, others = walk(root)
    if not files:
        raise DataError(
            f"{root}: no images in this folder. {left_out(others)}".rstrip(),
            f"Images end in one of: {' '.join(sorted(SUFFIXES))}",
        )
    if others and notes is not None:
        notes.append(left_out(others))
    names = [shown_name(file, root) for file in files]
    yield from iter_files(files, names, size_px, channels, interpolation, on_error, batch, notes, scale, view, num_bands)


def iter_files(
    files: Sequence[Path],
    names: Sequence[str],
    size_px: int,
    channels: PhotoChannels = "rgb",
    interpolation: str = "bilinear",
    on_error: OnError = "fail",
    batch: int = 256,
    notes: list[str] | None = None,
    scale: ValueRange | None = None,
    view: View = USUAL,
    num_bands: int | None = None,
) -> Iterator[tuple[Array, Array]]:
    """The same of image files that are known, by these names."""
    pictures = pictures_in(files, names, view)
    how = Decoding(size_px, channels, interpolation, on_error, view=view, num_bands=num_bands)
    for rows, images in iter_photos(pictures, how, batch, notes, scale):
        yield np.array([pictures.names[row] for row in rows]), images
