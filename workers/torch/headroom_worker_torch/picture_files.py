"""Pictures by Pillow: first frame, orientation applied, converted to RGB; what is wrong is typed."""

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


def _known(content: bytes, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        pass
    except Image.DecompressionBombError as error:
        raise InputError("E-IMG-TOO-LARGE", f"{name}: {error}") from None
    what = "empty" if not content else f"{len(content)} bytes that are no JPEG, PNG, WebP, GIF, BMP"
    raise InputError("E-IMG-NOT", f"{name}: no picture: {what}")


def decode(reference: PictureRef, max_image_side: int) -> Picture:
    """Throws InputError with a code of pictures, and ResourceError("E-IMG-MEMORY")."""
    name = reference.name or reference.path or "picture"
    content = _content(reference, name)
    image = _known(content, name)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(
            "E-IMG-TOO-LARGE",
            f"{name}: {width} x {height} pixels, the limit is {MAX_PIXELS} in all",
        )
    notices = ["16-bit grey: clipped to 8 bits as Pillow does"] if "I" in image.mode else []
    try:
        image = ImageOps.exif_transpose(image).convert("RGB")
    except MemoryError:
        raise ResourceError(
            "E-IMG-MEMORY", f"{name}: no memory for {width} x {height} pixels"
        ) from None
    except Exception as error:  # noqa: BLE001 - decoders raise many kinds
        words = str(error)
        cut = any(word in words.lower() for word in ("truncat", "unexpected end", "eof"))
        code = "E-IMG-TRUNCATED" if cut else "E-IMG-BROKEN"
        raise InputError(code, f"{name}: {words} ({len(content)} bytes)") from None
    digest = hashlib.blake2b(f"{image.width} {image.height} ".encode(), digest_size=16)
    digest.update(image.tobytes())
    sides = limited_sides(image.width, image.height, max_image_side)
    if sides != image.size:
        image = image.resize(sides, Image.Resampling.LANCZOS)
    return Picture(pixels=image, hash=digest.hexdigest(), notices=notices)
