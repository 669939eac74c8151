"""Text search by meaning (query_texts) and by letters (where_document)."""
import chromadb
from embeddings_utils import HashEmbedding

TEXTS = {
    "t1": "Grease the seat post so that it does not seize",
    "t2": "A dry chain squeaks, an oily chain collects dirt",
    "t3": "Squeaking brakes are mostly dirty brakes",
    "t4": "Oil the chain, wait, wipe the chain",
}


def setup():
    client = chromadb.EphemeralClient()
    collection = client.get_or_create_collection(
        "tips", embedding_function=HashEmbedding(), metadata={"hnsw:space": "cosine"}
    )
    collection.upsert(ids=list(TEXTS), documents=list(TEXTS.values()))
    return collection


def search(collection, text, n=3):
    res = collection.query(query_texts=[text], n_results=n)
    return list(zip(res["ids"][0], res["documents"][0], res["distances"][0]))


def search_containing(collection, word):
    # case sensitive! "Oil" and "oil" are two different things here
    return collection.get(where_document={"$contains": word})["documents"]


def main():
    tips = setup()
    for query in ("my chain squeaks", "seat is stuck"):
        print(query)
        for id_, doc, dist in search(tips, query):
            print(f"   {id_} {dist:.3f} {doc}")

    print("\nwith the letters 'chain':")
    for doc in search_containing(tips, "chain"):
        print("   " + doc)

    both = tips.query(query_texts=["oil"], where_document={"$not_contains": "dirt"}, n_results=1)
    print("\noil but no dirt:", both["documents"][0])


main()
