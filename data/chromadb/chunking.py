"""Ways to cut a text into pieces. No Chroma in here, on purpose."""
import re


def clean(text):
    return re.sub(r"\s+", " ", text).strip()


def chunk_text(text, size=200, overlap=40):
    """Pieces of at most `size` characters, cut at a space where there is one."""
    if overlap >= size:
        raise ValueError(f"overlap ({overlap}) must be smaller than size ({size})")
    text = clean(text)
    chunks = []
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            space = text.rfind(" ", start, end)
            if space > start + overlap:
                end = space
        chunks.append(text[start:end].strip())
        if end == len(text):
            break
        start = end - overlap
    return chunks


def split_sentences(text):
    # good enough for manuals; "e.g." and "3.5 mm" would need more
    parts = re.split(r"(?<=[.!?])\s+|\n", text)
    return [p.strip() for p in parts if p.strip()]


def split_paragraphs(text):
    return [clean(p) for p in re.split(r"\n\s*\n", text) if p.strip()]


if __name__ == "__main__":
    demo = "One. Two is a little longer than one! Is three?\n\nA new paragraph."
    print(split_paragraphs(demo))
    print(split_sentences(demo))
    print(chunk_text(demo, 30, 10))
