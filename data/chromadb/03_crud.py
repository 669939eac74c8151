"""Create, read, update, delete: one function each, to have them in one place."""
import chromadb
from embeddings_utils import HashEmbedding

client = chromadb.PersistentClient(path="./chroma_data")
collection = client.get_or_create_collection(name="bikes", embedding_function=HashEmbedding())


def create(bike_id, text, **metadata):
    # metadata must not be empty, Chroma refuses {}
    collection.add(ids=[bike_id], documents=[text], metadatas=[metadata or None])


def read(bike_id):
    found = collection.get(ids=[bike_id])
    if not found["ids"]:
        return None
    return {"id": bike_id, "text": found["documents"][0], "metadata": found["metadatas"][0]}


def update(bike_id, text=None, **metadata):
    if read(bike_id) is None:
        raise KeyError(bike_id)    # collection.update() would only ignore it
    changes = {}
    if text:
        changes["documents"] = [text]
    if metadata:
        changes["metadatas"] = [metadata]
    collection.update(ids=[bike_id], **changes)


def delete(bike_id):
    collection.delete(ids=[bike_id])


def show(title):
    print("--", title)
    everything = collection.get()
    for bike_id, text, meta in zip(everything["ids"], everything["documents"], everything["metadatas"]):
        print("  ", bike_id, "|", text, "|", meta)


if __name__ == "__main__":
    for old in ("b1", "b2", "b3"):
        delete(old)

    create("b1", "Blue city bike with a basket", owner="Marta", gears=7)
    create("b2", "Red racing bike, carbon fork", owner="Joon", gears=22)
    create("b3", "Cargo bike")
    show("created")

    update("b1", owner="Ada")
    update("b3", "Cargo bike with a rain cover", owner="Piet")
    show("updated")          # gears=7 is still there: metadata is merged, not replaced

    try:
        update("b9", "does not exist")
    except KeyError as e:
        print("no such bike:", e)

    delete("b2")
    show("deleted b2")
    print(read("b2"))
