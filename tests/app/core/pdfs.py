"""PDFs for tests, made by hand or by pypdf's writer."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

from pypdf import PdfReader, PdfWriter


def raw_pdf(objects: dict[int, bytes], *, root: int = 1, with_table: bool = True) -> bytes:
    """A PDF of these objects; without its table of places it has to be searched."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = {}
    for number, body in sorted(objects.items()):
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    if with_table:
        out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
        for number in sorted(objects):
            out.write(b"%010d 00000 n \n" % places[number])
    size = len(objects) + 1
    out.write(b"trailer\n<< /Size %d /Root %d 0 R >>\n" % (size, root))
    out.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()


def stream(data: bytes, more: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


def text_objects(*pages: str) -> dict[int, bytes]:
    """The objects of a PDF with a line of text on each page; an empty one has no text."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    numbers = [4 + 2 * at for at in range(len(pages))]
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids),
        3: font,
    }
    for number, text in zip(numbers, pages, strict=True):
        shown = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else "0 0 10 10 re f"
        objects[number] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (number + 1)
        )
        objects[number + 1] = stream(shown.encode("cp1252"))
    return objects


def text_pdf(*pages: str) -> bytes:
    """A PDF with these texts, one a page."""
    return raw_pdf(text_objects(*pages))


def locked_pdf(source: bytes, user_password: str, algorithm: str = "AES-256") -> bytes:
    """The same, locked; with an empty user password it only forbids things."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(source)))
    writer.encrypt(user_password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def circular_pdf() -> bytes:
    """A tree of pages that contains itself."""
    objects = text_objects("Never reached")
    objects[2] = b"<< /Type /Pages /Count 2 /Kids [2 0 R 4 0 R] >>"
    return raw_pdf(objects)


def bomb_pdf(megabytes: int) -> bytes:
    """A page whose content is so many megabytes of brackets, in a few kilobytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"[" * 1_000_000) for _ in range(megabytes)) + packer.flush()
    objects = text_objects("Bomb")
    objects[5] = stream(packed, b"/Filter /FlateDecode")
    return raw_pdf(objects)


def write(folder: Path, name: str, data: bytes) -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(data)
    return path
