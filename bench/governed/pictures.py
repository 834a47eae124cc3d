"""Pictures of all sizes and questions about them, for governed runs. Standard library only."""
import json
import random
import struct
import zlib
from pathlib import Path

SHORTEST, LONGEST = 64, 8000


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, width, height, seed):
    """Bands of colour, so that the file is small and decoding holds all the same."""
    colours = random.Random(seed)
    packer = zlib.compressobj(1)
    data = []
    row = b""
    for y in range(height):
        if y % 64 == 0:
            left, right = (bytes(colours.randrange(256) for _ in range(3)) for _ in range(2))
            row = b"\0" + left * (width // 2) + right * (width - width // 2)
        data.append(packer.compress(row))
    data.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(data)) + chunk(b"IEND", b""))


def sizes(count):
    """From the smallest to the largest square by equal factors, every third twice as wide as high, every third upright."""
    for i in range(count):
        side = SHORTEST * (LONGEST / SHORTEST) ** (i / (count - 1))
        ratio = (1.0, 2.0, 0.5)[i % 3] if 0 < i < count - 1 else 1.0
        yield min(LONGEST, max(1, round(side * ratio ** 0.5))), min(LONGEST, max(1, round(side / ratio ** 0.5)))


def make(folder, pictures, texts, seed=42):
    """Writes the pictures and data.jsonl in a random order that the seed fixes: two questions a picture, and `texts` without a
    picture. Returns the data file."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for number, (width, height) in enumerate(sizes(pictures)):
        name = f"{number:02}-{width}x{height}.png"
        if not (folder / name).exists():
            write_png(folder / name, width, height, number)
        items.append([{"id": f"{name}-{k}", "image": name, "question": question}
                      for k, question in enumerate(("what color is the shape?", "is there a circle?"))])
    for number in range(texts):
        items.append([{"id": f"text-{number}", "question": "what is the color of the shape? " * (1 + 4 * number)}])
    random.Random(seed).shuffle(items)
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for group in items for item in group))
    return data
