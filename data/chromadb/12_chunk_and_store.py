import chromadb
from chunking import chunk_text, split_paragraphs
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
        metadatas=[{"position": i} for i in range(len(chunks))],
    )
    return collection


def main():
    client = chromadb.EphemeralClient()
    variants = {
        "small": chunk_text(TEXT, size=120, overlap=20),
        "paragraphs": split_paragraphs(TEXT),
    }
    question = get_embedding("what is the price of most repairs")
    for name, chunks in variants.items():
        col = store_chunks(client, name, chunks)
        best = col.query(query_embeddings=[question], n_results=1)
        position = best["metadatas"][0][0]["position"]
        print(f"[{name}] {len(chunks)} chunks, best is number {position}:")
        print("   ", best["documents"][0][0][:70])


if __name__ == "__main__":
    main()
