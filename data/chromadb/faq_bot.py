"""Answers the questions that come in by mail every week.

It sends the answer of the closest stored question, or says that it does not
know. What it did not know goes to a file.
"""
import sys
from datetime import datetime

import chromadb

from embeddings_utils import HashEmbedding
from log_utils import get_logger

log = get_logger("faq")

FAQ = [
    ("When are you open?", "Tuesday to Saturday, nine to six."),
    ("How much is a full service?", "65 for a city bike, 90 with hydraulic brakes."),
    ("Do you repair electric bikes?", "Everything but the motor and the battery."),
    ("Do you buy old bikes?", "Only with a receipt, sorry."),
]


class FaqBot:
    def __init__(self, threshold=0.45):
        self.threshold = threshold
        client = chromadb.EphemeralClient()
        self.collection = client.create_collection("faq", embedding_function=HashEmbedding(),
                                                   metadata={"hnsw:space": "cosine"})
        self.unknown = []

    def learn(self, pairs):
        start = self.collection.count()
        for i, (question, answer) in enumerate(pairs, start):
            self.collection.add(ids=f"q{i}", documents=question, metadatas={"answer": answer})

    def ask(self, question):
        hit = self.collection.query(query_texts=[question], n_results=1)
        distance = hit["distances"][0][0]
        log.debug("%r is closest to %r (%.3f)", question, hit["documents"][0][0], distance)
        if distance > self.threshold:
            self.unknown.append(question)
            return None
        return hit["metadatas"][0][0]["answer"]

    def save_unknown(self, path="unknown_questions.txt"):
        with open(path, "a") as f:
            for question in self.unknown:
                f.write(f"{datetime.now():%Y-%m-%d %H:%M}\t{question}\n")


def main():
    bot = FaqBot()
    bot.learn(FAQ)
    questions = sys.argv[1:] or [
        "are you open on saturday",
        "how much does a service cost",
        "what is the meaning of life",
    ]
    for question in questions:
        print(">", question)
        print("  ", bot.ask(question) or "No idea, I'll ask a human.")
    log.info("%d questions without an answer", len(bot.unknown))
    bot.save_unknown()


if __name__ == "__main__":
    main()
