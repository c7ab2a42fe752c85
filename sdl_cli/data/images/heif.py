"""HEIC photos, as phones write them, through the plugin for Pillow of the extra `heic`.

pillow-heif turns a picture as its file says and sets EXIF's orientation to upright, so that nobody turns it again.
"""

from __future__ import annotations

from sdl_cli.errors import DataError

INSTALL = 'pip install "sdl-cli[heic]"'
_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1".split())


def matches(head: bytes, name: str) -> bool:
    """Whether a file that begins with `head` is HEIF packed in another way than AVIF, which Pillow reads itself."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS and b"avif" not in head[16:64]


def register() -> None:
    """Let Pillow read HEIC. Raises DataError: pillow-heif is not installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise DataError(
            "There are HEIC photos, as phones write them, which need another reader.", f"Install it: {INSTALL}"
        ) from error
    pillow_heif.register_heif_opener(thumbnails=False)
