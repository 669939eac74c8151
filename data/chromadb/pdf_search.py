"""Ask a PDF: index it once, then search it page by page."""
import hashlib
import logging
import os
import sys

from pypdf import PdfReader

from chunking import chunk_text
from embeddings_utils import get_client, get_collection
from sample_data import write_pdf

logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
logging.getLogger("chromadb").setLevel(logging.ERROR)


def file_hash(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def index_pdf(path, client):
    """Index the file unless exactly this file is there already."""
    key = file_hash(path)[:16]
    col = get_collection("pdf_" + key, client)
    if col.count():
        logging.debug("%s is indexed already", path)
        return col

    for number, page in enumerate(PdfReader(path).pages, start=1):
        chunks = chunk_text(page.extract_text(), size=100, overlap=20)
        logging.debug("page %d: %d chunks", number, len(chunks))
        col.add(
            ids=[f"{number}.{i}" for i in range(len(chunks))],
            documents=chunks,
            metadatas=[{"page": number, "chunk": i} for i in range(len(chunks))],
        )
    return col


def best_pages(col, question, n=4):
    res = col.query(query_texts=[question], n_results=n)
    pages = {}
    for meta, doc, dist in zip(res["metadatas"][0], res["documents"][0], res["distances"][0]):
        pages.setdefault(meta["page"], (dist, doc))     # they come sorted, the first is the best
    return pages


def main():
    pdf_file_path = sys.argv[1] if len(sys.argv) > 1 else "manual.pdf"
    question = " ".join(sys.argv[2:]) or "when do I replace the brake pads"
    if not os.path.exists(pdf_file_path):
        logging.debug("no %s, writing the sample manual", pdf_file_path)
        write_pdf(pdf_file_path)

    client = get_client()
    for _ in range(2):       # the second time it has to be quick
        collection = index_pdf(pdf_file_path, client)
    for page, (dist, doc) in best_pages(collection, question).items():
        print(f"p. {page}  {dist:.2f}  {doc}")


if __name__ == "__main__":
    main()
