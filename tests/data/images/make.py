"""Small pictures in every dress that our readers know, and what Pillow makes of each.

usage: make.py FOLDER        (FOLDER/files/* and FOLDER/table.json; needs Pillow and NumPy)
Pictures that Pillow cannot write (interlaced PNG, odd bitmaps, partial GIF frames) are written here byte by byte;
jpeg_libjpeg_*.jpg, already in FOLDER/files, by a C program with libjpeg-turbo's own sampling factors and colour spaces.
"""
import hashlib, io, json, os, struct, sys, zlib
import numpy as np, PIL
from PIL import Image, ImageOps

out = sys.argv[1]
os.makedirs(f"{out}/files", exist_ok=True)
rng = np.random.default_rng(11)


def scene(w, h):
    """Smooth colours with edges and a little noise, so that chroma upsampling shows."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    a = np.stack([128 + 100 * np.sin(x / 5) + 20 * np.cos(y / 3), 255 * x / w + 0 * y, 128 + 120 * np.cos((x + 2 * y) / 7)], -1)
    a[h // 3: h // 2, w // 4: w // 2] = (250, 10, 30)
    return np.clip(a + rng.integers(-9, 10, a.shape), 0, 255).astype(np.uint8)


def put(name, data):
    open(f"{out}/files/{name}", "wb").write(data)


def save(name, image, fmt, **kw):
    b = io.BytesIO(); image.save(b, fmt, **kw); put(name, b.getvalue()); return b.getvalue()


def exif(value, order="MM"):
    e = ">" if order == "MM" else "<"
    return order.encode() + struct.pack(e + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, value, 0, 0)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'

# ---- JPEG
for w, h in ((17, 13), (40, 31)):
    im = Image.fromarray(scene(w, h))
    for sub in (0, 1, 2):
        save(f"jpeg_sub{sub}_{w}.jpg", im, "JPEG", quality=80, subsampling=sub)
        save(f"jpeg_sub{sub}_{w}_progressive.jpg", im, "JPEG", quality=60, subsampling=sub, progressive=True)
im = Image.fromarray(scene(40, 31))
save("jpeg_grey.jpg", im.convert("L"), "JPEG", quality=75)
save("jpeg_grey_progressive.jpg", im.convert("L"), "JPEG", quality=75, progressive=True)
save("jpeg_cmyk.jpg", im.convert("CMYK"), "JPEG", quality=85)
save("jpeg_keep_rgb.jpg", im, "JPEG", quality=85, keep_rgb=True)
save("jpeg_restart.jpg", im, "JPEG", quality=85, restart_marker_blocks=2)
save("jpeg_low.jpg", im, "JPEG", quality=3)
save("jpeg_1x1.jpg", Image.fromarray(scene(8, 8)[:1, :1]), "JPEG", quality=90)
whole = save("jpeg_exif_ii.jpg", im, "JPEG", exif=b"Exif\0\0" + exif(6, "II"))
save("jpeg_exif_zero.jpg", im, "JPEG", exif=b"Exif\0\0" + exif(0))
save("jpeg_exif_nine.jpg", im, "JPEG", exif=b"Exif\0\0" + exif(9), xmp=XMP % 6)
save("jpeg_xmp.jpg", im, "JPEG", xmp=XMP % 8)
save("jpeg_exif_over_xmp.jpg", im, "JPEG", exif=b"Exif\0\0" + exif(3), xmp=XMP % 8)
save("jpeg_exif_cut.jpg", im, "JPEG", exif=b"Exif\0\0" + exif(6)[:14])
put("jpeg_trailing.jpg", whole + b"\0" * 40 + whole)
put("jpeg_no_pixels.jpg", whole[:whole.index(b"\xff\xda") + 14])
put("jpeg_cut_in_header.jpg", whole[:400])
put("jpeg_cut_in_pixels.jpg", whole[:-150])
put("jpeg_cut_with_end.jpg", whole[:-150] + b"\xff\xd9")
put("jpeg_wrong_bits.jpg", whole[:-200] + bytes(b ^ 0x15 if b < 0x80 else b for b in whole[-200:-150]) + whole[-150:])
prog = save("jpeg_cut_progressive.jpg", im, "JPEG", quality=75, progressive=True)
put("jpeg_cut_progressive.jpg", prog[:-100]); put("jpeg_cut_progressive_with_end.jpg", prog[:-100] + b"\xff\xd9")
two = bytearray(save("jpeg_12_bits.jpg", im, "JPEG")); two[two.index(b"\xff\xc0") + 4] = 12; put("jpeg_12_bits.jpg", bytes(two))


# ---- PNG
def chunk(t, d): return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))


def pack_row(row, bits):
    """row: [samples] of one line, already interleaved."""
    if bits == 16: return row.astype(">u2").tobytes()
    if bits == 8: return row.astype(np.uint8).tobytes()
    n = 8 // bits; r = np.zeros((len(row) + n - 1) // n * n, np.uint8); r[: len(row)] = row; r = r.reshape(-1, n)
    return bytes(int(sum(int(v) << (8 - bits * (i + 1)) for i, v in enumerate(g))) for g in r)


def png(samples, bits, color, interlace=False, palette=None, before=(), after=(), crc_ok=True, data_edit=None, iend=True, split=0):
    h, w = samples.shape[:2]; s = samples.reshape(h, w, -1)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlace else [(0, 0, 1, 1)]
    raw = b""
    bpp = max(1, bits * s.shape[2] // 8)
    for x0, y0, dx, dy in passes:
        sub = s[y0::dy, x0::dx]
        if sub.size == 0: continue
        prev = None
        for k, line in enumerate(sub):
            b = np.frombuffer(pack_row(line.reshape(-1), bits), np.uint8).astype(int); f = k % 5
            p = np.zeros_like(b) if prev is None else prev
            left = np.concatenate([np.zeros(bpp, int), b[:-bpp]])[: len(b)]; ul = np.concatenate([np.zeros(bpp, int), p[:-bpp]])[: len(b)]
            pa = left + p - ul; d = np.stack([abs(pa - left), abs(pa - p), abs(pa - ul)])
            paeth = np.where((d[0] <= d[1]) & (d[0] <= d[2]), left, np.where(d[1] <= d[2], p, ul))
            pred = [0 * b, left, p, (left + p) // 2, paeth][f]
            raw += bytes([f]) + ((b - pred) % 256).astype(np.uint8).tobytes(); prev = b
    z = zlib.compress(raw, 9)
    if data_edit: z = data_edit(z, raw)
    o = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, color, 0, 0, int(interlace)))
    if palette is not None: o += chunk(b"PLTE", palette)
    for c in before: o += c
    for part in ([z] if not split else [z[i:i + split] for i in range(0, len(z), split)]):
        c = chunk(b"IDAT", part); o += c if crc_ok else c[:-4] + b"\0\0\0\0"
    for c in after: o += c
    return o + (chunk(b"IEND", b"") if iend else b"")


w, h = 21, 13
rgb = scene(w, h)
for color, ch, depths in ((0, 1, (1, 2, 4, 8, 16)), (2, 3, (8, 16)), (3, 1, (1, 2, 4, 8)), (4, 2, (8, 16)), (6, 4, (8, 16))):
    for bits in depths:
        s = rng.integers(0, 1 << bits, (h, w, ch))
        if color == 0 and bits == 16: s[:, : w // 2] = rng.integers(0, 300, (h, w // 2, 1))
        pal = bytes(rng.integers(0, 256, 3 << bits, dtype=np.uint8)) if color == 3 else None
        for inter in (False, True):
            put(f"png_c{color}_b{bits}{'_i' if inter else ''}.png", png(s, bits, color, inter, pal))
for n, (a, b) in enumerate(((1, 1), (2, 1), (1, 5), (3, 3), (5, 2))):
    put(f"png_i_small{n}.png", png(rng.integers(0, 256, (b, a, 3)), 8, 2, True))
    put(f"png_i_bits{n}.png", png(rng.integers(0, 2, (b, a, 1)), 1, 0, True))
g = rng.integers(0, 256, (h, w, 3))
put("png_short_palette.png", png(rng.integers(0, 16, (h, w, 1)), 8, 3, palette=bytes(range(30))))
put("png_no_palette.png", png(rng.integers(0, 16, (h, w, 1)), 8, 3))
put("png_palette_in_rgb.png", png(g, 8, 2, palette=bytes(range(30))))
put("png_many_idat.png", png(g, 8, 2, split=37))
put("png_bad_idat_crc.png", png(g, 8, 2, crc_ok=False))
def spoil(name, good, kind, at=8):
    b = bytearray(good); b[good.index(kind) + at] ^= 1; put(name, bytes(b))


spoil("png_bad_header_crc.png", png(g, 8, 2), b"IHDR", 17)
spoil("png_bad_palette_crc.png", png(np.arange(h * w).reshape(h, w, 1) % 4, 8, 3, palette=bytes(range(12))), b"PLTE")
spoil("png_spoilt_data.png", png(g, 8, 2, data_edit=lambda z, raw: zlib.compress(raw, 0)), b"IDAT", 200)
spoil("png_spoilt_data_i.png", png(g, 8, 2, True, data_edit=lambda z, raw: zlib.compress(raw, 0)), b"IDAT", 200)
put("png_no_iend.png", png(g, 8, 2, iend=False))
put("png_trailing.png", png(g, 8, 2) + b"rubbish" * 9)
put("png_no_adler.png", png(g, 8, 2, data_edit=lambda z, raw: z[:-4]))
put("png_bad_adler.png", png(g, 8, 2, data_edit=lambda z, raw: z[:-4] + b"abcd"))
put("png_extra_rows.png", png(g, 8, 2, data_edit=lambda z, raw: zlib.compress(raw + raw)))
put("png_cut.png", png(g, 8, 2)[:300])
put("png_cut_data_whole_chunks.png", png(g, 8, 2, split=100, data_edit=lambda z, raw: z[:250]))
put("png_bad_filter.png", png(g, 8, 2, data_edit=lambda z, raw: zlib.compress(b"\x09" + raw[1:])))
put("png_bad_deflate.png", png(g, 8, 2, data_edit=lambda z, raw: z[:60] + b"\xff" * 60 + z[120:]))
put("png_exif_before.png", png(g, 8, 2, before=[chunk(b"eXIf", exif(6))]))
put("png_exif_after.png", png(g, 8, 2, after=[chunk(b"eXIf", exif(5, "II"))]))
put("png_xmp.png", png(g, 8, 2, before=[chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % 7)]))
put("png_xmp_packed.png", png(g, 8, 2, before=[chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP % 7))]))
raw_profile = b"\nexif\n" + b"%8d\n" % 32 + (b"Exif\0\0" + exif(8)).hex().encode() + b"\n"
put("png_raw_profile.png", png(g, 8, 2, before=[chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile))]))
put("png_raw_profile_text.png", png(g, 8, 2, before=[chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile)]))
put("png_gamma_and_profile.png", png(g, 8, 2, before=[chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"iCCP", b"x\0\0" + zlib.compress(b"not a profile"))]))
frames = [Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)) for _ in range(3)]
save("png_animated.png", frames[0], "PNG", save_all=True, append_images=frames[1:])

# ---- WebP
im = Image.fromarray(scene(40, 31)); rgba = im.convert("RGBA"); rgba.putalpha(Image.fromarray(rng.integers(0, 256, (31, 40), dtype=np.uint8)))
save("webp_lossy.webp", im, "WEBP", quality=70)
save("webp_lossless.webp", im, "WEBP", lossless=True)
save("webp_lossy_alpha.webp", rgba, "WEBP", quality=70)
save("webp_lossless_alpha.webp", rgba, "WEBP", lossless=True, exact=True)
save("webp_exif.webp", im, "WEBP", quality=70, exif=b"Exif\0\0" + exif(6))
save("webp_xmp.webp", im, "WEBP", quality=70, xmp=XMP % 3)
anim = save("webp_animated.webp", frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, duration=40)


def webp_frame_at(x, y, cw, ch, still, blend):
    body = still[12:]
    anmf = struct.pack("<I", x // 2)[:3] + struct.pack("<I", y // 2)[:3] + struct.pack("<I", 11)[:3] + struct.pack("<I", 8)[:3] + struct.pack("<I", 40)[:3] + bytes([0 if blend else 2]) + body
    def c(t, d): return t + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2)
    riff = b"WEBP" + c(b"VP8X", bytes([0x12, 0, 0, 0]) + struct.pack("<I", cw - 1)[:3] + struct.pack("<I", ch - 1)[:3]) + c(b"ANIM", b"\x10\x20\x30\xff\0\0") + c(b"ANMF", anmf)
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


b = io.BytesIO(); frames[0].save(b, "WEBP", lossless=True); still = b.getvalue()
put("webp_partial_frame.webp", webp_frame_at(4, 2, 20, 15, still, True))
put("webp_frame_outside.webp", webp_frame_at(14, 2, 20, 15, still, True))
put("webp_cut_animation.webp", anim[: len(anim) // 2])
put("webp_trailing.webp", still + b"rubbish!")


# ---- GIF
def lzw(indices, bits):
    """Codes with a clear code before the table grows: plain and valid everywhere."""
    clear, o, acc, n = 1 << bits, bytearray(), 0, 0
    width = bits + 1; per = (1 << bits) - 2
    codes = []
    for i, v in enumerate(indices):
        if i % per == 0: codes.append(clear)
        codes.append(int(v))
    codes.append(clear + 1)
    for c in codes:
        acc |= c << n; n += width
        while n >= 8: o.append(acc & 255); acc >>= 8; n -= 8
    if n: o.append(acc & 255)
    return bytes([bits]) + b"".join(bytes([len(o[i:i + 255])]) + bytes(o[i:i + 255]) for i in range(0, len(o), 255)) + b"\0"


def gif(screen, frame, at, palette=None, local=None, interlace=False, transparent=None, trailer=b";"):
    sw, sh = screen; fh, fw = frame.shape
    def bits(p): return (len(p) // 3).bit_length() - 2
    o = b"GIF89a" + struct.pack("<HHBBB", sw, sh, (0x80 | bits(palette)) if palette else 0, 3, 0) + (palette or b"")
    if transparent is not None: o += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    o += b"," + struct.pack("<HHHHB", at[0], at[1], fw, fh, ((0x80 | bits(local)) if local else 0) | (0x40 if interlace else 0)) + (local or b"")
    rows = list(range(fh))
    if interlace: rows = rows[0::8] + rows[4::8] + rows[2::4] + rows[1::2]
    return o + lzw(frame[rows].reshape(-1), 4) + trailer


pal, pal2 = bytes(rng.integers(0, 256, 48, dtype=np.uint8)), bytes(rng.integers(0, 256, 24, dtype=np.uint8))
fr = rng.integers(0, 16, (11, 14)); fr8 = fr % 8
put("gif_plain.gif", gif((14, 11), fr, (0, 0), pal))
put("gif_interlaced.gif", gif((14, 11), fr, (0, 0), pal, interlace=True))
for n in (1, 2, 3, 4, 5): put(f"gif_interlaced_{n}_rows.gif", gif((14, n), fr[:n], (0, 0), pal, interlace=True))
put("gif_local_palette.gif", gif((14, 11), fr8, (0, 0), pal, local=pal2))
put("gif_partial.gif", gif((20, 16), fr, (3, 2), pal))
put("gif_partial_transparent.gif", gif((20, 16), fr, (3, 2), pal, transparent=5))
put("gif_transparent.gif", gif((14, 11), fr, (0, 0), pal, transparent=5))
put("gif_outgrows_screen.gif", gif((8, 8), fr, (3, 2), pal))
put("gif_no_palette.gif", gif((14, 11), fr, (0, 0)))
put("gif_index_beyond_palette.gif", gif((14, 11), fr, (0, 0), pal2))
put("gif_no_trailer.gif", gif((14, 11), fr, (0, 0), pal, trailer=b""))
put("gif_cut.gif", gif((14, 11), fr, (0, 0), pal)[:-30])
put("gif_no_picture.gif", b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b";")
save("gif_pillow.gif", Image.fromarray(scene(60, 45)).quantize(200), "GIF")
save("gif_pillow_noise.gif", Image.fromarray(rng.integers(0, 256, (90, 90), dtype=np.uint8)), "GIF")
save("gif_animated.gif", frames[0], "GIF", save_all=True, append_images=frames[1:])
put("gif_comment_first.gif", gif((14, 11), fr, (0, 0), pal).replace(b",", b"!\xfe\x05hello\0,", 1))


# ---- BMP
def bmp(w, h, bits, rows, comp=0, palette=b"", masks=b"", colors=0, top_down=False, header=40, offset=None):
    if header == 12: head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else: head = struct.pack("<IiiHHIIiiII", header, w, -h if top_down else h, 1, bits, comp, len(rows), 2835, 2835, colors, 0)
    if header > 40: head += masks + b"\0" * (header - 40 - len(masks)); masks = b""
    off = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", off + len(rows), 0, 0, off if offset is None else offset) + head + masks + palette + rows


def lines(a, bits):
    o = b""
    for r in a:
        b = pack_row(r.reshape(-1), bits) if bits <= 8 else r.tobytes(); o += b + b"\0" * (-len(b) % 4)
    return o


w, h = 13, 7
for bits in (1, 4, 8):
    s = rng.integers(0, 1 << bits, (h, w)); p4 = bytes(rng.integers(0, 256, 4 << bits, dtype=np.uint8))
    put(f"bmp_{bits}.bmp", bmp(w, h, bits, lines(s, bits), palette=p4))
    put(f"bmp_{bits}_os2.bmp", bmp(w, h, bits, lines(s, bits), palette=bytes(rng.integers(0, 256, 3 << bits, dtype=np.uint8)), header=12))
    if bits > 1: put(f"bmp_{bits}_few_colours.bmp", bmp(w, h, bits, lines(s % 5, bits), palette=p4[:20], colors=5))
put("bmp_1_black_white.bmp", bmp(w, h, 1, lines(rng.integers(0, 2, (h, w)), 1), palette=b"\0\0\0\0\xff\xff\xff\0"))
put("bmp_8_index_beyond.bmp", bmp(w, h, 8, lines(rng.integers(0, 9, (h, w)), 8), palette=p4[:20], colors=5))
s16 = rng.integers(0, 65536, (h, w)).astype("<u2")
put("bmp_16.bmp", bmp(w, h, 16, lines(s16, 16)))
put("bmp_16_565.bmp", bmp(w, h, 16, lines(s16, 16), comp=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
put("bmp_16_555.bmp", bmp(w, h, 16, lines(s16, 16), comp=3, masks=struct.pack("<III", 0x7C00, 0x3E0, 0x1F)))
put("bmp_16_444.bmp", bmp(w, h, 16, lines(s16, 16), comp=3, masks=struct.pack("<III", 0xF00, 0xF0, 0xF)))
s24 = rng.integers(0, 256, (h, w, 3), dtype=np.uint8); s32 = rng.integers(0, 256, (h, w, 4), dtype=np.uint8)
put("bmp_24.bmp", bmp(w, h, 24, lines(s24, 24)))
put("bmp_24_top_down.bmp", bmp(w, h, 24, lines(s24, 24), top_down=True))
put("bmp_24_no_last_padding.bmp", bmp(w, h, 24, lines(s24, 24)[:-1]))
put("bmp_24_cut.bmp", bmp(w, h, 24, lines(s24, 24)[:-2]))
put("bmp_32.bmp", bmp(w, h, 32, lines(s32, 32)))
for n, m in enumerate(((0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000))):
    put(f"bmp_32_masks{n}.bmp", bmp(w, h, 32, lines(s32, 32), comp=3, masks=struct.pack("<IIII", *m), header=108))
rle8 = b"".join(bytes([5, 7, 0, 4, 1, 2, 3, 4, 0, 3, 9, 8, 7, 0, 1, 6, 0, 0]) for _ in range(h)) + b"\0\1"
put("bmp_rle8.bmp", bmp(w, h, 8, rle8, comp=1, palette=bytes(rng.integers(0, 256, 1024, dtype=np.uint8))))
rle4 = b"".join(bytes([5, 0x12, 0, 8, 0x34, 0x56, 0x78, 0x9A, 0, 0]) for _ in range(h)) + b"\0\1"
put("bmp_rle4.bmp", bmp(w, h, 4, rle4, comp=2, palette=bytes(rng.integers(0, 256, 64, dtype=np.uint8))))
put("bmp_rle8_skips.bmp", bmp(w, h, 8, bytes([5, 7, 0, 2, 3, 1, 5, 9, 0, 0]) + bytes([13, 4, 0, 0]) * 5 + b"\0\1", comp=1, palette=bytes(rng.integers(0, 256, 1024, dtype=np.uint8))))
put("bmp_rle8_early_end.bmp", bmp(w, h, 8, bytes([5, 7, 0, 0, 0, 1]), comp=1, palette=bytes(rng.integers(0, 256, 1024, dtype=np.uint8))))

# ---- what Pillow says
table = {}
for name in sorted(os.listdir(f"{out}/files")):
    try:
        im = ImageOps.exif_transpose(Image.open(f"{out}/files/{name}")).convert("RGB")
        table[name] = {"width": im.width, "height": im.height, "rgb_sha256": hashlib.sha256(im.tobytes()).hexdigest()}
    except Exception as e:
        table[name] = {"pillow_error": f"{type(e).__name__}: {e}".replace(f"{out}/files/", "")[:120]}
        print(name, table[name]["pillow_error"])
json.dump({"pillow": PIL.__version__, "pictures": table}, open(f"{out}/table.json", "w"), indent=1)
