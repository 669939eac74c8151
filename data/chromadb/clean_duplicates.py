import re
from collections import defaultdict

import chromadb
from embeddings_utils import HashEmbedding, cosine_similarity

# what the shop assistants typed in over the years
ENTRIES = [
    "Inner tube 28 inch",
    "inner tube, 28 inch",
    "Inner tubes 28 inch",
    "Inner tube 26 inch",
    "Brass bell",
    "bell (brass)",
    "Chain 9 speed",
]


def fingerprint(text):
    """Same letters and digits = same thing. Order of words counts."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def exact_duplicates(ids, docs):
    groups = defaultdict(list)
    for id_, doc in zip(ids, docs):
        groups[fingerprint(doc)].append(id_)
    return [g for g in groups.values() if len(g) > 1]


def near_duplicates(collection, limit):
    got = collection.get(include=["documents", "embeddings"])
    n = len(got["ids"])
    for i in range(n):
        for j in range(i + 1, n):
            sim = cosine_similarity(got["embeddings"][i], got["embeddings"][j])
            if sim >= limit:
                yield sim, got["documents"][i], got["documents"][j]


def main():
    client = chromadb.EphemeralClient()
    stock = client.create_collection("stock_names", embedding_function=HashEmbedding())
    stock.add(ids=[f"s{i}" for i in range(len(ENTRIES))], documents=ENTRIES)

    got = stock.get()
    for group in exact_duplicates(got["ids"], got["documents"]):
        keep, *drop = group
        print("keep", keep, "drop", drop)
        stock.delete(ids=drop)
    print(stock.count(), "left")

    # only shown, a person has to decide: 26 and 28 inch look alike to a computer
    for sim, a, b in sorted(near_duplicates(stock, 0.6), reverse=True):
        print(f"{sim:.3f}  {a!r} / {b!r}")


if __name__ == "__main__":
    main()
