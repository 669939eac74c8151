#!/usr/bin/env python3
# What is in this database? usage: inspect_db.py [folder]
import sys
from collections import Counter

import embeddings_utils    # registers hash_words, get_collection() fails without it
from sample_data import PARTS


def fill_if_empty(client):
    if client.count_collections() > 0:
        return
    print('(empty, putting in some parts)')
    demo = embeddings_utils.get_collection('demo_parts', client)
    demo.add(ids=[p[0] for p in PARTS], documents=[p[1] for p in PARTS],
             metadatas=[{'group': p[2], 'price': p[3]} for p in PARTS])


def get_dimension(col):
    first = col.peek(1)
    if len(first['ids']) == 0:
        return None
    return len(first['embeddings'][0])


def get_metadata_keys(col):
    keys = Counter()
    types = {}
    for meta in col.get(include=['metadatas'])['metadatas']:
        for key, value in (meta or {}).items():
            keys[key] += 1
            types.setdefault(key, set()).add(type(value).__name__)
    return [(k, n, '/'.join(sorted(types[k]))) for k, n in keys.most_common()]


def describe(col):
    print(col.name)
    print('  records   ', col.count())
    print('  dimension ', get_dimension(col))
    print('  space     ', col.configuration['hnsw']['space'])
    for key, n, kinds in get_metadata_keys(col):
        print('  meta      ', key, n, kinds)


if __name__ == '__main__':
    folder = sys.argv[1] if len(sys.argv) > 1 else './chroma_data'
    client = embeddings_utils.get_client(folder)
    fill_if_empty(client)
    for c in client.list_collections():
        describe(client.get_collection(c.name))
