"""Pictures by Pillow: first frame, turned as they say, converted to RGB; what is wrong is typed."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InputError, ResourceError
from .messages import PictureRef
from .model import Picture

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_FILE_BYTES = 1 << 30
# Twice Pillow's MAX_IMAGE_PIXELS, where Pillow refuses by itself.
MAX_PIXELS = 178_956_970


def limited_sides(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Never enlarged; halves are rounded up, as the native worker does."""
    longest = max(width, height)
    if max_side == 0 or longest <= max_side:
        return width, height
    return (
        max(1, int(width * max_side / longest + 0.5)),
        max(1, int(height * max_side / longest + 0.5)),
    )


def _content(reference: PictureRef, name: str) -> bytes:
    if reference.content is not None:
        return reference.content
    path = Path(reference.path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(
                "E-IMG-TOO-LARGE", f"{name}: {size} bytes, the limit is {MAX_FILE_BYTES}"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("E-IMG-MISSING", f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError("E-IMG-MISSING", f"{name}: {error}") from None


def _typed(error: Exception, name: str, content: bytes) -> Exception:
    """What a decoder raises, as one of ours."""
    words = str(error)
    if isinstance(error, MemoryError):
        return ResourceError("E-IMG-MEMORY", f"{name}: no memory to decode it")
    if isinstance(error, UnidentifiedImageError):
        what = f"{len(content)} bytes that are no JPEG, PNG, WebP, GIF or BMP"
        return InputError("E-IMG-NOT", f"{name}: no picture: {what if content else 'empty'}")
    if isinstance(error, Image.DecompressionBombError):
        return InputError("E-IMG-TOO-LARGE", f"{name}: {words}")
    cut = any(word in words.lower() for word in ("truncat", "unexpected end", "eof"))
    code = "E-IMG-TRUNCATED" if cut else "E-IMG-BROKEN"
    return InputError(code, f"{name}: {words} ({len(content)} bytes)")


def _rgb(content: bytes) -> tuple[Image.Image, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(
                f"{image.width} x {image.height} pixels, the limit is {MAX_PIXELS} in all"
            )
        grey16 = image.mode.startswith("I")
        notices = ["16-bit grey: clipped to 8 bits as Pillow does"] if grey16 else []
        return ImageOps.exif_transpose(image).convert("RGB"), notices


def decode(reference: PictureRef, max_image_side: int) -> Picture:
    """Throws InputError with a code of pictures, and ResourceError("E-IMG-MEMORY")."""
    name = reference.name or reference.path or "picture"
    content = _content(reference, name)
    try:
        image, notices = _rgb(content)
    except Exception as error:  # noqa: BLE001 - decoders raise many kinds
        raise _typed(error, name, content) from None
    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=16)
    digest.update(image.tobytes())
    sides = limited_sides(image.width, image.height, max_image_side)
    if sides != image.size:
        image = image.resize(sides, Image.Resampling.LANCZOS)
    return Picture(pixels=image, hash=digest.hexdigest(), notices=notices)
