"""All the `where` operators I keep forgetting, tried on the parts list."""
import chromadb
from embeddings_utils import HashEmbedding
from sample_data import PARTS

FILTERS = {
    "equal": {"group": "brakes"},
    "cheap": {"price": {"$lt": 10.0}},
    "in a list": {"group": {"$in": ["wheels", "extras"]}},
    "cheap and there": {"$and": [{"price": {"$lte": 12}}, {"stock": {"$gt": 0}}]},
    "sold out or dear": {"$or": [{"stock": 0}, {"price": {"$gte": 20.0}}]},
}


def add_parts(collection):
    for sku, name, group, price, stock in PARTS:
        collection.upsert(
            ids=[sku],
            documents=[name],
            metadatas=[{"group": group, "price": price, "stock": stock}],
        )


def get_ids(collection, where):
    return sorted(collection.get(where=where, include=[])["ids"])


def main():
    client = chromadb.EphemeralClient()
    parts = client.create_collection("filters", embedding_function=HashEmbedding())
    add_parts(parts)

    for title, where in FILTERS.items():
        print(f"{title:18} {get_ids(parts, where)}")

    # a filter also works together with a search
    res = parts.query(query_texts=["chain"], where={"price": {"$lt": 20}}, n_results=2)
    print("cheap chain:", res["documents"][0])

    try:
        get_ids(parts, {"price": {"$like": "1%"}})
    except ValueError as err:
        print("no such operator:", str(err)[:60])


if __name__ == "__main__":
    main()
