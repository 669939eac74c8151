"""Embeddings that need no model and no network.

Words and character trigrams are hashed into 64 buckets. No match for a real
model, but it finds "front brakes" when the manual says "brake, front".
"""
import math
import re
import zlib

import chromadb
from chromadb import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

DIM = 64
DB_PATH = "./chroma_data"
STOPWORDS = {"a", "an", "and", "for", "in", "is", "it", "of", "on", "the", "to", "with"}


def get_words(text):
    return [w for w in re.findall(r"[a-z0-9]+", text.lower()) if w not in STOPWORDS]


def get_embedding(text, dim=DIM):
    vector = [0.0] * dim
    for word in get_words(text):
        padded = "<" + word + ">"
        trigrams = [padded[i:i + 3] for i in range(len(word))]
        for feature in [word] + trigrams:
            # crc32, not hash(): hash() of a str changes with every interpreter
            h = zlib.crc32(feature.encode("utf-8"))
            weight = 1.0 if feature == word else 0.4
            vector[(h >> 1) % dim] += weight if h & 1 else -weight
    return normalize(vector)


def get_embeddings(texts):
    return [get_embedding(t) for t in texts]


def normalize(vector):
    length = math.sqrt(sum(x * x for x in vector))
    if length == 0:
        return [0.0] * (len(vector) - 1) + [1.0]   # an empty text must not become a zero vector
    return [x / length for x in vector]


def cosine_similarity(a, b):
    return sum(x * y for x, y in zip(normalize(a), normalize(b)))


@register_embedding_function
class HashEmbedding(EmbeddingFunction[Documents]):
    """The same thing in the shape Chroma wants, so it can call it by itself."""

    def __init__(self, dim=DIM):
        self.dim = dim

    def __call__(self, input: Documents) -> Embeddings:
        return [get_embedding(text, self.dim) for text in input]

    @staticmethod
    def name():
        return "hash_words"

    def get_config(self):
        return {"dim": self.dim}

    @staticmethod
    def build_from_config(config):
        return HashEmbedding(config["dim"])


def get_client(path=DB_PATH):
    return chromadb.PersistentClient(path=path)


def get_collection(name, client=None, space="cosine"):
    client = client or get_client()
    return client.get_or_create_collection(
        name,
        embedding_function=HashEmbedding(),
        configuration={"hnsw": {"space": space}},
    )
