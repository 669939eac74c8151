import logging
import os

import chromadb
from pypdf import PdfReader

from chunking import split_sentences
from embeddings_utils import get_embeddings
from sample_data import write_pdf

pdf_file_path = "samples/bike_manual.pdf"
logging.basicConfig(level=logging.INFO)
log = logging.getLogger("pdf")


def extract_pages(path):
    reader = PdfReader(path)
    log.info("%s has %d pages", path, len(reader.pages))
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text() or ""
        if not text.strip():
            log.warning("page %d has no text (scanned?)", number)   # TODO: ocr some day
            continue
        yield number, text


def pdf_to_records(path):
    ids, documents, metadatas = [], [], []
    for number, text in extract_pages(path):
        for i, sentence in enumerate(split_sentences(text)):
            ids.append(f"p{number}-{i}")
            documents.append(sentence)
            metadatas.append({"page": number, "source": os.path.basename(path)})
    return ids, documents, metadatas


def main():
    os.makedirs("samples", exist_ok=True)
    if not os.path.exists(pdf_file_path):
        write_pdf(pdf_file_path)

    ids, documents, metadatas = pdf_to_records(pdf_file_path)
    client = chromadb.PersistentClient(path="./chroma_data")
    collection = client.get_or_create_collection("manual", embedding_function=None)
    collection.upsert(ids=ids, documents=documents, metadatas=metadatas,
                      embeddings=get_embeddings(documents))
    log.info("%d sentences stored", len(ids))

    hits = collection.query(query_embeddings=get_embeddings(["the chain jumps"]), n_results=2)
    for doc, meta in zip(hits["documents"][0], hits["metadatas"][0]):
        print(f"page {meta['page']}: {doc}")


if __name__ == "__main__":
    main()
