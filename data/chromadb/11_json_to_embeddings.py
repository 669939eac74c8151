# Tickets from the web form (a JSON list) into Chroma.
# Chroma takes no dicts, None or empty lists as metadata, so they are flattened here.
import json
from pathlib import Path

import chromadb

from embeddings_utils import get_embedding
from sample_data import write_json


def flatten(record, prefix=""):
    flat = {}
    for key, value in record.items():
        name = prefix + key
        if isinstance(value, dict):
            flat.update(flatten(value, name + "."))
        elif isinstance(value, list):
            flat[name] = ",".join(str(v) for v in value)
        elif value is not None:
            flat[name] = value
    return flat


def load_tickets(path):
    data = json.loads(Path(path).read_text())
    assert isinstance(data, list), "expected a list of tickets"
    return data


def store(collection, tickets):
    for t in tickets:
        t = dict(t)
        ticket_id = "ticket-%03d" % t.pop("id")
        text = t.pop("text")
        collection.upsert(ids=[ticket_id], documents=[text],
                          embeddings=[get_embedding(text)], metadatas=[flatten(t)])


def main():
    folder = Path("samples")
    folder.mkdir(exist_ok=True)
    path = folder / "tickets.json"
    write_json(path)

    tickets = load_tickets(path)
    tickets.append({"id": 6, "text": "Flat tyre, again", "status": "open",
                    "customer": "Lena", "bike": {"brand": "Gazelle", "year": 2016}, "tags": None})

    client = chromadb.PersistentClient(path="chroma_data")
    collection = client.get_or_create_collection("tickets", embedding_function=None)
    store(collection, tickets)

    for status in ("open", "waiting", "done"):
        got = collection.get(where={"status": status})
        print(status, len(got["ids"]))
    print(json.dumps(collection.get(ids=["ticket-006"])["metadatas"][0], indent=2))


if __name__ == "__main__":
    main()
