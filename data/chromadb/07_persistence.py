"""Does it survive? Write in one process, read in another one."""
import os
import subprocess
import sys
import time

import chromadb
from embeddings_utils import get_embedding

DB_DIR = os.path.join(".", "chroma_data")


def get_log():
    client = chromadb.PersistentClient(path=DB_DIR)
    return client.get_or_create_collection("opening_log", embedding_function=None)


def write_entry(text):
    collection = get_log()
    entry_id = "%d" % time.time_ns()
    collection.add(
        ids=[entry_id],
        documents=[text],
        embeddings=[get_embedding(text)],
        metadatas=[{"pid": os.getpid()}],
    )
    return entry_id


def read_entries():
    got = get_log().get()
    for id_, doc, meta in sorted(zip(got["ids"], got["documents"], got["metadatas"])):
        yield id_, doc, meta["pid"]


if __name__ == "__main__":
    if "--read" in sys.argv:
        for id_, doc, pid in read_entries():
            print("  read:", doc, "(written by another process)" if pid != os.getpid() else "(mine?!)")
        sys.exit(0)

    write_entry("opened at nine, two people waiting")
    write_entry("sold the last inner tube")
    code = subprocess.call([sys.executable, __file__, "--read"])
    print("second process ended with", code)
