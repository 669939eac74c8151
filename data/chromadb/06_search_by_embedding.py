# Search with vectors that I compute myself instead of query_texts.
import logging

import chromadb
import numpy as np

from embeddings_utils import get_embedding
from sample_data import TICKETS

logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")
logging.getLogger("chromadb").setLevel(logging.WARNING)


def build():
    client = chromadb.EphemeralClient()
    collection = client.get_or_create_collection("ticket_vectors", embedding_function=None,
                                                 configuration={"hnsw": {"space": "cosine"}})
    for ticket in TICKETS:
        vector = get_embedding(ticket["text"])
        logging.debug("ticket %s: first numbers %s", ticket["id"], np.round(vector[:4], 2))
        collection.add(ids=str(ticket["id"]), documents=ticket["text"], embeddings=vector)
    return collection


def more_like(collection, ticket_id, n=2):
    own = collection.get(ids=[ticket_id], include=["embeddings"])["embeddings"][0]
    result = collection.query(query_embeddings=[own], n_results=n + 1)
    # the first hit is the ticket itself
    return [(i, d) for i, d in zip(result["ids"][0], result["distances"][0]) if i != ticket_id][:n]


def main():
    tickets = build()
    print("like ticket 2:", more_like(tickets, "2"))

    examples = ["gears slip", "shift lever", "chain jumps on the sprocket"]
    gears = np.mean([get_embedding(t) for t in examples], axis=0)
    result = tickets.query(query_embeddings=[gears.tolist()], n_results=3)
    for doc, dist in zip(result["documents"][0], result["distances"][0]):
        print(round(dist, 3), doc)


if __name__ == "__main__":
    main()
