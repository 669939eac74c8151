"""Small inputs for the other scripts: a manual (PDF), parts (CSV), tickets (JSON).

Run it to get a folder `samples`.
"""
import csv
import json
import os

MANUAL_PAGES = [
    ["Brakes", "Check the pads every month. Replace them below 3 mm.",
     "Rim brakes: centre the caliper before you tighten the cable.",
     "Disc brakes: never touch the rotor with bare fingers."],
    ["Gears", "Turn the barrel adjuster half a turn at a time.",
     "If the chain jumps, measure its wear first.",
     "A bent hanger makes every adjustment useless."],
    ["Wheels", "Spokes should ring with about the same tone."],
]

PARTS = [
    ("P-100", "brake pad, rim", "brakes", 6.50, 40),
    ("P-101", "brake pad, disc", "brakes", 11.90, 22),
    ("P-200", "chain 9 speed", "drivetrain", 18.00, 12),
    ("P-201", "chain 11 speed", "drivetrain", 29.50, 5),
    ("P-301", "inner tube 28 inch", "wheels", 5.90, 0),
    ("P-400", "bell, brass", "extras", 12.00, 7),
]

TICKETS = [
    {"id": 1, "customer": "Marta", "status": "open", "text": "Rear brake squeals when it rains", "tags": ["brake"]},
    {"id": 2, "customer": "Joon", "status": "done", "text": "Chain slips on the small sprocket", "tags": ["chain", "gears"]},
    {"id": 3, "customer": "Ada", "status": "open", "text": "Wobbly front wheel after a pothole", "tags": ["wheel"]},
    {"id": 4, "customer": "Piet", "status": "waiting", "text": "Wants a louder bell", "tags": []},
    {"id": 5, "customer": "Joon", "status": "open", "text": "Chain slips under load", "tags": ["gears"]},
]


def page_stream(lines):
    body = ["BT /F1 12 Tf 72 760 Td 16 TL"]
    body += ["(%s) Tj T*" % line for line in lines]     # no brackets in the text, please
    return "\n".join(body + ["ET"]).encode("latin-1")


def write_pdf(path, pages=MANUAL_PAGES):
    """A PDF by hand: catalog, page tree, font, then a page and its text in turn."""
    kids = " ".join("%d 0 R" % (4 + 2 * i) for i in range(len(pages)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids.encode(), len(pages)),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for i, lines in enumerate(pages):
        stream = page_stream(lines)
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
                       b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * i))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))

    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, obj in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, obj)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    with open(path, "wb") as f:
        f.write(out)
    return path


def write_csv(path, rows=PARTS):
    with open(path, "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["sku", "name", "group", "price", "stock"])
        writer.writerows(rows)
    return path


def write_json(path, data=TICKETS):
    with open(path, "w") as f:
        json.dump(data, f, indent=2)
    return path


def make_samples(folder="samples"):
    os.makedirs(folder, exist_ok=True)
    return [
        write_pdf(os.path.join(folder, "bike_manual.pdf")),
        write_csv(os.path.join(folder, "parts.csv")),
        write_json(os.path.join(folder, "tickets.json")),
    ]


if __name__ == "__main__":
    for path in make_samples():
        print(path, os.path.getsize(path), "bytes")
