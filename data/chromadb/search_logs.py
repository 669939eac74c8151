"""Find log lines like a given one. Numbers and paths are masked first, so that
"timeout after 31 s" and "timeout after 5 s" become the same line."""
import re
from collections import Counter
from pathlib import Path

import chromadb
from embeddings_utils import get_embedding, get_embeddings

LOG = """\
2024-03-01 09:00:12 INFO  till started, version 2.1
2024-03-01 09:04:55 INFO  receipt 1041 printed
2024-03-01 09:11:02 ERROR printer timeout after 31 s
2024-03-01 11:02:37 ERROR card reader not found on /dev/ttyUSB0
2024-03-01 13:45:00 ERROR printer timeout after 5 s
this line is broken
"""

LINE = re.compile(r"[\d-]{10} [\d:]{8} (?P<level>\w+)\s+(?P<message>.*)")


def mask(message):
    message = re.sub(r"/[\w/]+", "PATH", message)
    return re.sub(r"\d+(\.\d+)*", "N", message)


def parse(path):
    with open(path) as f:
        for number, line in enumerate(f, 1):
            m = LINE.match(line)
            if m:
                yield m["level"], mask(m["message"])
            else:
                print("cannot read line", number)


def index(path, collection):
    patterns = Counter()
    levels = {}
    for level, pattern in parse(path):
        patterns[pattern] += 1
        levels[pattern] = level
    docs = list(patterns)
    collection.upsert(ids=docs, documents=docs, embeddings=get_embeddings(docs),
                      metadatas=[{"count": patterns[d], "level": levels[d]} for d in docs])


def main():
    path = Path("till.log")
    path.write_text(LOG)
    collection = chromadb.EphemeralClient().create_collection("log_lines", embedding_function=None)
    index(path, collection)

    wanted = mask("printer timed out after 12 seconds")
    for level in ("ERROR", "INFO"):
        hit = collection.query(query_embeddings=[get_embedding(wanted)], n_results=1, where={"level": level})
        print(level, hit["metadatas"][0][0]["count"], "x", hit["documents"][0][0])


if __name__ == "__main__":
    main()
