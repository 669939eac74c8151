"""Twenty odd corpora, made by code: what people bring, and what goes wrong with it elsewhere.

Each maker writes into an empty folder and returns the `[data]` keys that a person would set beside the source.
"""

from __future__ import annotations

import base64
import csv
import json
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

DataKeys = dict[str, object]
Maker = Callable[[Path], DataKeys]

VERBS = ("opens", "loads", "counts", "sorts", "writes", "merges", "splits", "checks", "prints", "drops")
NOUNS = ("order", "ticket", "sensor", "invoice", "parcel", "route", "driver", "depot", "label", "quota")
LICENCE = (
    "# Copyright 2026 The Example Authors.\n#\n"
    '# Licensed under the Example License, Version 2.0 (the "License"); you may not use this file except in\n'
    "# compliance with the License. You may obtain a copy of the License at the usual place. Unless required by\n"
    '# applicable law or agreed to in writing, software distributed under the License is distributed on an "AS IS"\n'
    "# BASIS, without warranties or conditions of any kind, either express or implied.\n\n"
)
THAI = "แมวกินปลา หมาเห่าเสียงดัง เด็กไปโรงเรียนทุกวัน แม่ทำอาหารอร่อย พ่ออ่านหนังสือพิมพ์ "
CHINESE = "猫吃鱼，狗叫得很响。孩子每天去学校，妈妈做的饭很好吃，爸爸看报纸。"
ARABIC = "القط يأكل السمك والكلب ينبح بصوت عال. يذهب الأطفال إلى المدرسة كل يوم. "
HEBREW = "החתול אוכל דג והכלב נובח בקול. הילדים הולכים לבית הספר כל יום. "
FRENCH = "Le chat mange du poisson et le chien aboie fort. Les enfants vont à l'école chaque jour. "


def sentences(seed: int, n: int) -> str:
    """English that differs from line to line."""
    rng = random.Random(seed)
    lines = []
    for _ in range(n):
        verb, noun, other = rng.choice(VERBS), rng.choice(NOUNS), rng.choice(NOUNS)
        lines.append(f"The {noun} {verb} the {other} after {rng.randint(2, 99)} days, and nobody minds.\n")
    return "".join(lines)


def function(seed: int) -> str:
    """A Python function of some lines."""
    rng = random.Random(seed)
    noun, other, n = rng.choice(NOUNS), rng.choice(NOUNS), rng.randint(2, 999)
    return (
        f"def {noun}_{seed}(path, limit={n}):\n    rows = [line.split(',') for line in open(path)]\n"
        f"    return [row for row in rows if len(row) > {n % 7} and '{other}' in row[0]][:limit]\n\n\n"
    )


def uniform_letters(folder: Path) -> DataKeys:
    rng = random.Random(1)
    (folder / "letters.txt").write_text("".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(20_000)))
    return {}


def one_symbol(folder: Path) -> DataKeys:
    (folder / "a.txt").write_text("a" * 100_000)
    return {}


def names(folder: Path) -> DataKeys:
    rng = random.Random(2)
    parts = ("an", "bel", "co", "dra", "el", "fi", "gor", "hi", "is", "ju", "ka", "lo", "ma", "ni", "or")
    lines = {"".join(rng.choice(parts) for _ in range(rng.randint(2, 4))) for _ in range(2_000)}
    (folder / "names.txt").write_text("\n".join(sorted(lines, key=lambda name: hash_of(name))) + "\n")
    return {"documents": "lines"}


def hash_of(text: str) -> int:
    """An order that looks random and is the same everywhere."""
    return random.Random(text).getrandbits(32)


def recipes(folder: Path) -> DataKeys:
    rows = [{"title": f"{noun} soup", "text": sentences(i, 4)} for i, noun in enumerate(NOUNS * 8)]
    (folder / "recipes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"field": "{title}\n\n{text}"}


def broken_records(folder: Path) -> DataKeys:
    rows = [json.dumps({"text": sentences(i, 3)}) for i in range(60)]
    rows[10], rows[20], rows[30] = '{"text": "cut', '{"title": "no text"}', "[1, 2]"
    (folder / "posts.jsonl").write_text("\n".join(rows) + "\n")
    return {"field": "text"}


def table(folder: Path) -> DataKeys:
    with (folder / "reviews.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["stars", "review"])
        writer.writerows([i % 5 + 1, f'He said "{sentences(i, 1).strip()}"\nand left.'] for i in range(120))
    return {"field": "review"}


def tiny_files(folder: Path) -> DataKeys:
    for i in range(300):
        (folder / f"{i:03}.txt").write_text(f"{NOUNS[i % 10]} {VERBS[i // 7 % 10]} {i * 7919 % 997}\n")
    return {}


def one_small_file(folder: Path) -> DataKeys:
    (folder / "small.txt").write_text(sentences(3, 60)[:3_000])
    return {}


def play(folder: Path) -> DataKeys:
    lines = [f"{noun.upper()}:\n{sentences(i, 1)}" for i, noun in enumerate(NOUNS + NOUNS[:4])]
    (folder / "play.txt").write_text("\n".join(lines)[:1_000])
    return {}


def thai(folder: Path) -> DataKeys:
    words = THAI.split()
    rng = random.Random(4)
    (folder / "thai.txt").write_text("".join(rng.choice(words) + " " * (rng.random() < 0.2) for _ in range(1_000)))
    return {}


def chinese(folder: Path) -> DataKeys:
    rng, characters = random.Random(5), CHINESE.replace("，", "").replace("。", "")
    sentence = ("".join(rng.sample(characters, 9)) + rng.choice("，。") for _ in range(600))
    (folder / "chinese.txt").write_text("".join(sentence))
    return {}


def right_to_left(folder: Path) -> DataKeys:
    rng, words = random.Random(6), (ARABIC + HEBREW).split()
    (folder / "rtl.txt").write_text(" ".join(rng.choice(words) for _ in range(1_500)))
    return {}


def emoji(folder: Path) -> DataKeys:
    rng = random.Random(7)
    signs = ["👩‍👩‍👧", "🇫🇷", "👍🏽", unicodedata.normalize("NFD", "é"), "ñ", "🙂", "z̤̈", "ok", "no"]
    (folder / "chat.txt").write_text("".join(rng.choice(signs) + rng.choice(" \n") for _ in range(3_000)))
    return {}


def languages(folder: Path) -> DataKeys:
    for name, text in (("en", sentences(8, 60)), ("fr", FRENCH * 40), ("zh", CHINESE * 60), ("ar", ARABIC * 40)):
        (folder / f"{name}.txt").write_text(text)
    return {}


def licensed(folder: Path) -> DataKeys:
    for i in range(40):
        (folder / f"module_{i:02}.py").write_text(LICENCE + "".join(function(10 * i + j) for j in range(4)))
    return {}


def copies(folder: Path) -> DataKeys:
    for i in range(10):
        (folder / f"copy_{i}.txt").write_text(sentences(9, 30))
    for i in range(5):
        (folder / f"own_{i}.txt").write_text(sentences(20 + i, 30))
    return {}


def encodings(folder: Path) -> DataKeys:
    (folder / "a_utf16.txt").write_bytes(sentences(10, 40).encode("utf-16"))
    (folder / "b_latin1.txt").write_bytes((FRENCH * 30).encode("latin-1"))
    (folder / "c_utf8.txt").write_text(sentences(11, 60))
    (folder / "d_wrong_byte.txt").write_bytes(sentences(12, 60).encode()[:2_000] + b"\xff" + sentences(13, 60).encode())
    return {}


def checkout(folder: Path) -> DataKeys:
    """A folder of code as it stands on a disk, with all that machines wrote into it."""
    for i in range(12):
        path = folder / f"src/part_{i}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(function(100 + 10 * i + j) for j in range(5)))
    rng = random.Random(14)
    minified = "".join(f"function f{i}(a,b){{return a+b*{rng.randint(1, 9)}}};" for i in range(3_000))
    for name, text in (
        ("node_modules/left/index.js", sentences(15, 50)),
        (".venv/lib/site.py", function(1)),
        ("venv/pyvenv.cfg", "home = /usr\n"),
        ("venv/lib/thing.py", function(2)),
        ("dist/app.min.js", minified),
        ("static/bundle.js", minified),
        ("static/app.js.map", json.dumps({"version": 3, "mappings": "AAAA;" * 3_000})),
        ("package-lock.json", json.dumps({"packages": {f"p{i}": {"version": f"{i}.0"} for i in range(500)}})),
        ("poetry.lock", 'content-hash = "0"\n' * 300),
        ("paper.pdf", "%PDF-1.7\n1 0 obj\n" + "stream\n" * 500),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {}


def notebooks(folder: Path) -> DataKeys:
    image = base64.b64encode(random.Random(16).randbytes(30_000)).decode()
    for i in range(6):
        cells = [
            {"cell_type": "markdown", "metadata": {}, "source": [f"# Part {i}\n", sentences(30 + i, 3)]},
            {
                "cell_type": "code", "execution_count": 1, "metadata": {}, "source": function(200 + i),
                "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"image/png": image}}],
            },
        ]  # fmt: skip
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        (folder / f"{i}.ipynb").write_text(json.dumps(notebook))
    return {}


def secrets(folder: Path) -> DataKeys:
    key = "AKIA" + "IOSFODNN7EXAMPLF"  # put together, so that no scanner takes this file for a leak
    (folder / "deploy.py").write_text("".join(function(300 + i) for i in range(20)) + f'AWS_KEY = "{key}"\n')
    (folder / "id_rsa").write_text("-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n")
    (folder / "notes.txt").write_text(sentences(17, 60))
    return {}


def sections(folder: Path) -> DataKeys:
    (folder / "stories.txt").write_text("\n<|endoftext|>\n".join(sentences(40 + i, 6) for i in range(30)))
    return {"separator": "\n<|endoftext|>\n"}


def joined_before(folder: Path) -> DataKeys:
    parts = (f"\n# File: part_{i}.py\n" + function(400 + i) + "\n" + "=" * 50 + "\n" for i in range(25))
    (folder / "joined.txt").write_text("".join(parts))
    return {}


def log(folder: Path) -> DataKeys:
    rng = random.Random(18)
    lines = (
        f"2026-11-{i // 90 % 28 + 1:02} {i // 60 % 24:02}:{i % 60:02}:{rng.randint(0, 59):02} "
        f"{rng.choice(['INFO', 'INFO', 'WARN'])} {rng.choice(NOUNS)} {rng.choice(VERBS)} in {rng.randint(1, 900)} ms\n"
        for i in range(800)
    )
    (folder / "app.log").write_text("".join(lines))
    return {}


ODD: tuple[Maker, ...] = (
    uniform_letters, one_symbol, names, recipes, broken_records, table, tiny_files, one_small_file, play, thai,
    chinese, right_to_left, emoji, languages, licensed, copies, encodings, checkout, notebooks, secrets, sections,
    joined_before, log,
)  # fmt: skip
