import sys
import chromadb
from embeddings_utils import get_embeddings
from sample_data import PARTS


def load_parts():
    client = chromadb.Client()
    collection = client.create_collection('parts', embedding_function=None)
    names = [name for _, name, _, _, _ in PARTS]
    collection.add(
        ids=[p[0] for p in PARTS],
        documents=names,
        embeddings=get_embeddings(names),
        metadatas=[{'group': p[2], 'price': p[3], 'stock': p[4]} for p in PARTS],
    )
    return collection


def get_part(collection, sku):
    result = collection.get(ids=[sku], include=['documents', 'metadatas'])
    if len(result['ids']) == 0:
        return None
    return result['documents'][0], result['metadatas'][0]


def get_parts(collection, skus):
    """Several at once. Chroma does not keep the order I asked for, so sort it back."""
    result = collection.get(ids=skus)
    by_id = dict(zip(result['ids'], result['documents']))
    return [(sku, by_id.get(sku, '???')) for sku in skus]


def main():
    skus = sys.argv[1:] or ['P-301', 'P-100', 'P-999']
    parts = load_parts()

    for sku, name in get_parts(parts, skus):
        print(sku.ljust(8), name)

    part = get_part(parts, skus[0])
    if part:
        name, meta = part
        print('%s costs %.2f, %d in stock' % (name, meta['price'], meta['stock']))


if __name__ == '__main__':
    main()
