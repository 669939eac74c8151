"""cosine, l2 and ip side by side, for the same five documents."""
import chromadb
from embeddings_utils import get_embedding

DOCS = {
    "short": "chain",
    "right": "clean the chain and oil it",
    "long": "clean the chain and oil it, then clean the rest of the bike",
    "other": "pump up the tyres",
    "empty": "",
}
SPACES = ("cosine", "l2", "ip")


def scaled(text):
    # not normalized on purpose: the longer the text, the longer the vector
    factor = 1 + len(text.split()) / 5
    return [factor * x for x in get_embedding(text)]


def ranking(client, space, question):
    collection = client.create_collection(f"by_{space}", embedding_function=None,
                                          metadata={"hnsw:space": space})
    collection.add(ids=list(DOCS), documents=list(DOCS.values()),
                   embeddings=[scaled(t) for t in DOCS.values()])
    result = collection.query(query_embeddings=[get_embedding(question)], n_results=len(DOCS),
                              include=["distances"])
    return dict(zip(result["ids"][0], result["distances"][0]))


def main():
    client = chromadb.Client()
    question = "clean and oil my chain"
    rows = {space: ranking(client, space, question) for space in SPACES}
    print("          " + "".join(f"{s:>10}" for s in SPACES))
    for doc_id in DOCS:
        print(f"{doc_id:10}" + "".join(f"{rows[s][doc_id]:10.3f}" for s in SPACES))
    # cosine ignores the length, ip prefers the long one, l2 punishes it


if __name__ == "__main__":
    main()
