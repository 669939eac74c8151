# Chroma can rename a collection but not copy one, and the distance of a
# collection is fixed when made. So: copy into a new one, then swap names.
import chromadb
from chromadb.errors import NotFoundError

from embeddings_utils import HashEmbedding

ef = HashEmbedding()


def exists(client, name):
    try:
        return client.get_collection(name, embedding_function=ef) is not None
    except NotFoundError:
        return False


def rename(client, old, new):
    if exists(client, new):
        raise RuntimeError(f"{new} exists, I will not overwrite it")
    client.get_collection(old, embedding_function=ef).modify(name=new)


def copy(client, source, target, space="cosine"):
    src = client.get_collection(source, embedding_function=ef)
    dst = client.create_collection(target, embedding_function=ef, metadata={"hnsw:space": space})
    everything = src.get(include=["documents", "metadatas", "embeddings"])
    if everything["ids"]:
        dst.add(**{k: everything[k] for k in ("ids", "documents", "metadatas", "embeddings")})
    assert dst.count() == src.count()


def change_space(client, name, space):
    temp = name + "_new"
    copy(client, name, temp, space)
    rename(client, name, name + "_old")
    rename(client, temp, name)
    client.delete_collection(name + "_old")


def main():
    client = chromadb.PersistentClient(path="./chroma_data")
    if exists(client, "customers"):
        client.delete_collection("customers")
    col = client.create_collection("clients", embedding_function=ef)
    col.add(ids=["marta", "joon"], documents=["city bike, rides daily", "racing bike, rides fast"])
    rename(client, "clients", "customers")
    print(sorted(c.name for c in client.list_collections()))

    for space in ("l2", "cosine", "ip"):
        change_space(client, "customers", space)
        hit = client.get_collection("customers", embedding_function=ef).query(query_texts=["fast"], n_results=1)
        print(f"{space:8}{hit['distances'][0][0]:.3f} {hit['ids'][0][0]}")


if __name__ == "__main__":
    main()
