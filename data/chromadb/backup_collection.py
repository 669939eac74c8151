"""Dump a collection to JSON lines, embeddings included, and load it again."""
import gzip
import json
import os
from datetime import date

from embeddings_utils import get_client, get_collection
from sample_data import TICKETS

BACKUP_DIR = "backups"


def iter_records(collection, page=2):      # tiny, to see the paging work; 500 for real
    offset = 0
    while True:
        got = collection.get(limit=page, offset=offset,
                             include=["documents", "metadatas", "embeddings"])
        if not got["ids"]:
            return
        for i, id_ in enumerate(got["ids"]):
            yield {
                "id": id_,
                "document": got["documents"][i],
                "metadata": got["metadatas"][i],
                "embedding": [round(float(x), 6) for x in got["embeddings"][i]],
            }
        offset += len(got["ids"])


def backup(collection, folder=BACKUP_DIR):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{collection.name}-{date.today()}.jsonl.gz")
    n = 0
    # write to a .part first, a half backup is worse than none
    with gzip.open(path + ".part", "wt", encoding="utf-8") as f:
        for record in iter_records(collection):
            f.write(json.dumps(record) + "\n")
            n += 1
    os.replace(path + ".part", path)
    return path, n


def restore(path, client, name):
    target = get_collection(name, client)
    with gzip.open(path, "rt", encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            target.upsert(ids=r["id"], documents=r["document"],
                          metadatas=r["metadata"], embeddings=[r["embedding"]])
    return target


def main():
    client = get_client()
    source = get_collection("tickets_live", client)
    source.upsert(ids=[str(t["id"]) for t in TICKETS],
                  documents=[t["text"] for t in TICKETS],
                  metadatas=[{"status": t["status"]} for t in TICKETS])

    path, n = backup(source)
    print(n, "records in", path)

    client.delete_collection("tickets_live")
    copy = restore(path, client, "tickets_live")
    print(copy.count(), "records restored")


if __name__ == "__main__":
    main()
