import chromadb
from chunking import chunk_text, chunk_words
from embeddings_utils import HashEmbedding, get_embedding

TEXT = """
How we take in a bike. The customer tells us what is wrong, in their own words.
Then somebody rides around the block and shifts through all the gears.

What we promise. A price before we start, a call if it gets more expensive, and
the old parts in a bag. Most repairs are done in two days.

What we do not do. Electric motors, and anything that has been welded at home.
"""


def store_chunks(client, name, chunks):
    collection = client.get_or_create_collection(name, embedding_function=HashEmbedding())
    collection.add(
        ids=["%s_%d" % (name, i) for i in range(len(chunks))],
        documents=chunks,
        metadatas=[{"position": i, "length": len(c)} for i, c in enumerate(chunks)],
    )
    return collection


def with_neighbours(collection, position):
    """The chunk itself and the one before and after, to read it in context."""
    around = collection.get(where={"position": {"$in": [position - 1, position, position + 1]}})
    pairs = sorted(zip((m["position"] for m in around["metadatas"]), around["documents"]))
    return [doc for _, doc in pairs]


def main():
    client = chromadb.EphemeralClient()
    variants = {
        "small": chunk_text(TEXT, size=120, overlap=20),
        "large": chunk_text(TEXT, size=250, overlap=50),
        "words": chunk_words(TEXT, 25),
    }
    question = get_embedding("how many days does a repair take")
    for name, chunks in variants.items():
        col = store_chunks(client, name, chunks)
        best = col.query(query_embeddings=[question], n_results=1)
        position = best["metadatas"][0][0]["position"]
        print(f"[{name}] {len(chunks)} chunks, best is number {position}:")
        print("   ", best["documents"][0][0][:70].replace("\n", " "))
        if name == "small":
            print("    in context:", len(" ".join(with_neighbours(col, position))), "characters")


if __name__ == "__main__":
    main()
