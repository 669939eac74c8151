# How big should a batch be? Measured: one by one is slow, more than
# client.get_max_batch_size() is refused, in between it hardly matters.
import itertools
import random
import time

import chromadb

from embeddings_utils import get_embedding

ADJECTIVES = "old new rusty loose bent spare".split()
THINGS = "pedal rim spoke saddle fork crank bell".split()


def make_documents(n, seed=7):
    rng = random.Random(seed)
    for i in range(n):
        yield f"item-{i:05d}", f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)}, box {rng.randint(1, 40)}"


def insert(client, records, size):
    name = f"batch_{size}"
    collection = client.get_or_create_collection(name, embedding_function=None)
    while batch := list(itertools.islice(records, size)):
        ids, docs = zip(*batch)
        collection.add(ids=list(ids), documents=list(docs), embeddings=[get_embedding(d) for d in docs])
    n = collection.count()
    client.delete_collection(name)
    return n


def main():
    client = chromadb.PersistentClient(path="./chroma_data")
    limit = client.get_max_batch_size()
    print("the limit here is", limit)

    for size in (1, 10, 100, 500):
        n = 60 if size == 1 else 500       # one by one takes ages
        start = time.perf_counter()
        inserted = insert(client, make_documents(n), size)
        ms = (time.perf_counter() - start) * 1000 / inserted
        print(f"batches of {size:4}: {inserted} documents, {ms:.2f} ms each")


if __name__ == "__main__":
    main()
