"""Pictures by Pillow: what is read, what is refused, and why."""

from __future__ import annotations

import io
import unittest

from PIL import Image

from headroom_worker_torch.errors import InputError
from headroom_worker_torch.messages import PictureRef
from headroom_worker_torch.picture_files import decode, limited_sides


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


def read(content: bytes, side: int = 0) -> Image.Image:
    return decode(PictureRef("", content, "it"), side).pixels


NOISE = Image.effect_noise((40, 20), 60).convert("RGB")


class PicturesTest(unittest.TestCase):
    def test_the_orientation_is_applied_before_anything_else(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = read(encoded(NOISE, "PNG", exif=exif))
        self.assertEqual(turned.size, (20, 40))
        self.assertEqual(turned.tobytes(), NOISE.transpose(Image.Transpose.ROTATE_270).tobytes())

    def test_every_mode_becomes_rgb(self) -> None:
        for mode in ("L", "LA", "P", "RGBA", "1", "I;16"):
            image = NOISE.convert(mode) if mode != "I;16" else Image.new("I;16", (4, 4), 300)
            self.assertEqual(read(encoded(image, "PNG")).mode, "RGB")

    def test_the_longest_side_is_limited_and_never_enlarged(self) -> None:
        self.assertEqual(read(encoded(NOISE, "PNG"), 10).size, (10, 5))
        self.assertEqual(read(encoded(NOISE, "PNG"), 100).size, (40, 20))
        self.assertEqual(limited_sides(4000, 1, 100), (100, 1))
        self.assertEqual(limited_sides(1000, 333, 500), (500, 167))

    def test_what_is_wrong_is_typed(self) -> None:
        jpeg = encoded(NOISE, "JPEG")
        cases = {
            "E-IMG-NOT": [b"", b"<html>", encoded(NOISE, "TIFF")],
            "E-IMG-TRUNCATED": [jpeg[: len(jpeg) // 2]],
            "E-IMG-TOO-LARGE": [encoded(Image.new("1", (20000, 20000)), "PNG")],
        }
        for code, contents in cases.items():
            for content in contents:
                with self.assertRaises(InputError) as caught:
                    read(content)
                self.assertEqual(caught.exception.code, code, content[:10])
        with self.assertRaises(InputError) as caught:
            decode(PictureRef("/no/such.png", None, ""), 0)
        self.assertEqual(caught.exception.code, "E-IMG-MISSING")
