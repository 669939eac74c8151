"""My notes on the command line.

    notes_cli.py add "the new pump is in the van" --tag tools
    notes_cli.py find pump
    notes_cli.py list
    notes_cli.py rm 3
"""
import argparse
import sys

from embeddings_utils import get_collection


def next_id(collection):
    # ids are strings in Chroma, the highest number has to be found by hand
    numbers = [int(i) for i in collection.get(include=[])["ids"]]
    return str(max(numbers, default=0) + 1)


def cmd_add(notes, args):
    id_ = next_id(notes)
    notes.add(ids=[id_], documents=[args.text], metadatas=[{"tag": args.tag}])
    print("added", id_)


def cmd_find(notes, args):
    res = notes.query(query_texts=[" ".join(args.words)], n_results=args.n)
    for id_, doc, dist in zip(res["ids"][0], res["documents"][0], res["distances"][0]):
        stars = "*" * max(1, round((1 - dist) * 5))
        print(f"{id_:>3} {stars:5} {doc}")


def cmd_list(notes, args):
    got = notes.get()
    for id_, doc in sorted(zip(got["ids"], got["documents"]), key=lambda pair: int(pair[0])):
        print(f"{id_:>3} {doc}")


def cmd_rm(notes, args):
    notes.delete(ids=[args.id])    # says nothing if there is no such note


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(dest="command")
    p = sub.add_parser("add")
    p.add_argument("text")
    p.add_argument("--tag", default="misc")
    p.set_defaults(func=cmd_add)
    p = sub.add_parser("find")
    p.add_argument("words", nargs="+")
    p.add_argument("-n", type=int, default=3)
    p.set_defaults(func=cmd_find)
    sub.add_parser("list").set_defaults(func=cmd_list)
    p = sub.add_parser("rm")
    p.add_argument("id")
    p.set_defaults(func=cmd_rm)
    return parser


def run(argv):
    args = make_parser().parse_args(argv)
    args.func(get_collection("notes"), args)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1:])
    else:    # try everything once
        run(["add", "the new pump is in the van", "--tag", "tools"])
        run(["add", "call Marta about her rear brake"])
        run(["find", "pump"])
        run(["rm", "2"])
        run(["list"])
