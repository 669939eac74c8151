"""Spring prices: raise every price by a percentage, a page of records at a time.

Can be stopped and started again: a record that was done carries the year.
"""
import logging
from datetime import date

from embeddings_utils import get_collection
from sample_data import PARTS

PERCENT = {"brakes": 4, "drivetrain": 7.5}
DEFAULT_PERCENT = 3
YEAR = date.today().year


def new_price(old, group):
    raised = old * (1 + PERCENT.get(group, DEFAULT_PERCENT) / 100)
    return round(raised * 20) / 20      # to 5 cents


def todo(collection, limit):
    return collection.get(where={"priced": {"$ne": YEAR}}, limit=limit, include=["metadatas"])


def update_page(collection, limit=3):
    page = todo(collection, limit)
    changed = []
    for sku, meta in zip(page["ids"], page["metadatas"]):
        price = new_price(meta["price"], meta["group"])
        logging.debug("%s: %.2f -> %.2f", sku, meta["price"], price)
        changed.append({"price": price, "priced": YEAR})
    if changed:
        collection.update(ids=page["ids"], metadatas=changed)
    return len(changed)


def total_value(collection):
    return sum(m["price"] * m["stock"] for m in collection.get()["metadatas"])


def main():
    logging.basicConfig(level=logging.DEBUG, filename="prices.log")
    parts = get_collection("price_list")
    if parts.count() == 0:
        parts.add(ids=[p[0] for p in PARTS], documents=[p[1] for p in PARTS],
                  metadatas=[{"group": p[2], "price": p[3], "stock": p[4]} for p in PARTS])

    print("stock is worth %.2f" % total_value(parts))
    rounds = 0
    while update_page(parts):
        rounds += 1
    print(f"{rounds} rounds, now {total_value(parts):.2f}")
    # print(parts.get(ids=["P-200"]))


if __name__ == "__main__":
    main()
