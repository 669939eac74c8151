# List the files of a folder and keep the list in ChromaDB, so that I can ask
# for "the manual" without knowing what the file is called.
import os
import chromadb
from embeddings_utils import get_embedding
from sample_data import make_samples

folder_path = "samples"


def list_files(folder):
    files = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            files.append(path)
    return files


def describe(path):
    name, ext = os.path.splitext(os.path.basename(path))
    return name.replace("_", " ") + " " + ext.strip(".") + " file"


def main():
    make_samples(folder_path)
    client = chromadb.PersistentClient(path="./chroma_data")
    collection = client.get_or_create_collection("files", embedding_function=None)

    for path in list_files(folder_path):
        text = describe(path)
        print(path, "->", text)
        collection.upsert(
            ids=[path],
            documents=[text],
            embeddings=[get_embedding(text)],
            metadatas=[{"size": os.path.getsize(path)}],
        )

    print("files in the collection:", collection.count())
    results = collection.query(query_embeddings=[get_embedding("manual")], n_results=1)
    print("best match:", results["ids"][0][0])


if __name__ == "__main__":
    main()
