"""parts.csv -> collection "parts_csv". One row is one document."""
import csv
import os
import chromadb
from embeddings_utils import HashEmbedding
from sample_data import write_csv

CSV_PATH = "samples/parts.csv"


def row_to_text(row):
    return f"{row['name']} ({row['group']})"


def row_to_metadata(row):
    # csv gives strings only, and "9.5" < "10" would be False in a filter
    return {
        "group": row["group"],
        "price": float(row["price"]),
        "stock": int(row["stock"]),
    }


def read_rows(path):
    with open(path, newline="") as f:
        for line, row in enumerate(csv.DictReader(f), start=2):
            if not row["sku"]:
                print(f"line {line}: no sku, skipped")
                continue
            yield row


def import_csv(path, collection):
    count = 0
    for row in read_rows(path):
        collection.upsert(
            ids=[row["sku"]],
            documents=[row_to_text(row)],
            metadatas=[row_to_metadata(row)],
        )
        count += 1
    return count


def main():
    os.makedirs("samples", exist_ok=True)
    write_csv(CSV_PATH)
    with open(CSV_PATH, "a") as f:
        f.write(",row without a number,extras,1.0,1\n")

    client = chromadb.PersistentClient(path="chroma_data")
    parts = client.get_or_create_collection("parts_csv", embedding_function=HashEmbedding())
    print(import_csv(CSV_PATH, parts), "rows imported")

    query = "something for the brakes"
    found = parts.query(query_texts=[query], n_results=3, where={"stock": {"$gt": 0}})
    print(query)
    for sku, meta in zip(found["ids"][0], found["metadatas"][0]):
        print("  ", sku, meta["price"])


if __name__ == "__main__":
    main()
