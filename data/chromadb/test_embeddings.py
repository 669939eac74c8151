# python test_embeddings.py   (or pytest, the names fit)
import os
import subprocess
import sys

import chromadb
from chunking import chunk_text
from embeddings_utils import DIM, HashEmbedding, cosine_similarity, get_embedding


def test_length():
    for text in ("", "a", "two words", "x" * 10_000):
        v = get_embedding(text)
        assert len(v) == DIM
        assert abs(sum(x * x for x in v) - 1) < 1e-9


def test_same_in_another_process():
    env = dict(os.environ, PYTHONHASHSEED="123")
    code = "from embeddings_utils import get_embedding; print(get_embedding('crank arm')[:8])"
    out = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert out.strip() == str(get_embedding("crank arm")[:8])


def test_case_and_order_do_not_matter():
    assert cosine_similarity(get_embedding("Front Brake"), get_embedding("brake, front")) > 0.999


def test_similar_words_are_near():
    a, b, c = (get_embedding(t) for t in ("tyre pump", "pump for tyres", "chain oil"))
    assert cosine_similarity(a, b) > cosine_similarity(a, c) + 0.2


def test_chunks():
    text = " ".join("word%d" % i for i in range(300))
    chunks = chunk_text(text, size=100, overlap=30)
    assert all(len(c) <= 100 for c in chunks)
    for word in text.split():
        assert any(word in c for c in chunks)


def test_round_trip_through_chroma():
    collection = chromadb.EphemeralClient().create_collection("roundtrip", embedding_function=HashEmbedding())
    collection.add(ids=["1"], documents=["spare wheel"])
    stored = collection.get(ids=["1"], include=["embeddings"])["embeddings"][0]
    assert max(abs(a - b) for a, b in zip(stored, get_embedding("spare wheel"))) < 1e-6   # float32


if __name__ == "__main__":
    tests = [(n, f) for n, f in list(globals().items()) if n.startswith("test_")]
    for name, func in tests:
        func()
        print("ok", name)
    print(len(tests), "tests")
