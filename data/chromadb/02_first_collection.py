import chromadb
from embeddings_utils import get_embeddings

# In memory only: gone when the script ends.
client = chromadb.EphemeralClient()

collection = client.create_collection("workshop_notes", embedding_function=None)

notes = [
    "The torque wrench is in the second drawer",
    "Order more inner tubes before the summer",
    "Never lend the chain whip to the neighbours",
    "Closed on the first Monday of the month",
]

collection.add(
    ids=[f"note{i}" for i in range(len(notes))],
    documents=notes,
    embeddings=get_embeddings(notes),
)

print("number of notes:", collection.count())
print(collection.peek(2)["documents"])
# print(collection.get())     # everything, a bit long

question = "where is the wrench"
answer = collection.query(query_embeddings=get_embeddings([question]), n_results=2)
for doc, distance in zip(answer["documents"][0], answer["distances"][0]):
    print(f"{distance:.3f}  {doc}")
