"""Writes report.csv: every part with the part that is most like it."""
import csv
from pathlib import Path

import chromadb

from embeddings_utils import HashEmbedding
from log_utils import get_logger, timed
from sample_data import PARTS

logger = get_logger("report")
REPORT = Path("reports") / "report.csv"


def load(client):
    col = client.get_or_create_collection("report_parts", embedding_function=HashEmbedding(),
                                          metadata={"hnsw:space": "cosine"})
    col.upsert(ids=[p[0] for p in PARTS], documents=[p[1] for p in PARTS],
               metadatas=[{"price": p[3]} for p in PARTS])
    return col


@timed(logger)
def nearest(col):
    """One query for all of them: a list of embeddings in, a list of lists out."""
    own = col.get(include=["embeddings", "documents"])
    result = col.query(query_embeddings=own["embeddings"], n_results=2)
    rows = []
    for i, id_ in enumerate(own["ids"]):
        # one of the two hits is the part itself
        k = 1 if result["ids"][i][0] == id_ else 0
        rows.append((id_, own["documents"][i], result["ids"][i][k], result["documents"][i][k],
                     result["distances"][i][k]))
    return rows


def write_report(rows, path=REPORT):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        out = csv.writer(f, delimiter=";")     # semicolon, for the spreadsheet in the office
        out.writerow(("sku", "name", "nearest", "nearest_name", "similarity"))
        for *names, dist in rows:
            out.writerow(names + [f"{1 - dist:.3f}"])


def main():
    col = load(chromadb.PersistentClient(path="./chroma_data"))
    rows = sorted(nearest(col), key=lambda r: r[-1])
    write_report(rows)
    logger.info("%d rows in %s", len(rows), REPORT)


if __name__ == "__main__":
    main()
