"""Keeps a collection in step with a folder of text files.

The state is in the metadata of the chunks: no second database that could disagree.
"""
import shutil
import zlib
from pathlib import Path

from chunking import chunk_text, split_paragraphs
from config import load_config
from embeddings_utils import get_client, get_collection
from log_utils import get_logger

log = get_logger("watch")


def checksum(path):
    return zlib.crc32(path.read_bytes())


def known_files(collection):
    metas = collection.get(include=["metadatas"])["metadatas"]
    return {m["file"]: m["checksum"] for m in metas}


def remove(collection, name):
    collection.delete(where={"file": name})


def add(collection, path, cfg):
    chunks = []
    for paragraph in split_paragraphs(path.read_text(errors="replace")):
        chunks += chunk_text(paragraph, cfg.chunk_size, cfg.overlap)
    if not chunks:
        return     # an empty list is an error for Chroma
    meta = {"file": path.name, "checksum": checksum(path)}
    collection.add(ids=[f"{path.name}#{i}" for i in range(len(chunks))],
                   documents=chunks, metadatas=[meta] * len(chunks))


def sync(folder, collection, cfg):
    known = known_files(collection)
    seen = {p.name: p for p in sorted(Path(folder).glob("*.txt"))}
    actions = []
    for name in sorted(known.keys() - seen.keys()):
        remove(collection, name)
        actions.append(("removed", name))
    for name, path in seen.items():
        if known.get(name) == checksum(path):
            continue
        if name in known:
            remove(collection, name)     # the old one may have had more chunks
        add(collection, path, cfg)
        actions.append(("changed" if name in known else "added", name))
    log.info("%d files, %s", len(seen), actions or "nothing to do")


def main():
    cfg = load_config()
    inbox = Path("inbox")
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir()
    collection = get_collection("inbox", get_client(cfg.db_path))

    (inbox / "pump.txt").write_text("The floor pump leaks.\n\nNew gasket ordered on Monday.")
    (inbox / "rent.txt").write_text("The rent goes up in June.")
    sync(inbox, collection, cfg)

    (inbox / "pump.txt").write_text("The floor pump is repaired.")
    (inbox / "rent.txt").unlink()
    sync(inbox, collection, cfg)
    # TODO: a loop with a sleep, or let cron do it

    print(sorted(known_files(collection)))
    print(collection.query(query_texts=["pump"], n_results=1)["documents"][0])


if __name__ == "__main__":
    main()
