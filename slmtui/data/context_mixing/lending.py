"""Arrays without an owner, for compiled functions that call each other a thousand times for each byte of a text.

numba counts the references to an array whenever one is passed on, all functions together; with dozens of arrays that
took half of the time. A lent array is the same memory, and is not counted. It must not outlive the call that lends it.
"""

from __future__ import annotations

from numba import carray, njit, types
from numba.extending import intrinsic

from slmtui.data.context_mixing.tables import Scratch, Tables
from slmtui.data.context_mixing.vocabulary import ByteTree


@intrinsic
def _pointer_to(_typing, array):
    def generate(context, builder, _signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@njit(cache=True)
def _lent(array):
    return carray(_pointer_to(array), array.shape)


@njit(cache=True)
def lent_tables(t: Tables) -> Tables:
    return Tables(
        _lent(t.text), _lent(t.registers), _lent(t.words), _lent(t.match_length), _lent(t.match_place),
        _lent(t.buckets), _lent(t.places), _lent(t.maps), _lent(t.chains), _lent(t.match_map), _lent(t.weights),
        _lent(t.final), _lent(t.corrections), _lent(t.rate), _lent(t.changed), _lent(t.changed_bucket),
        _lent(t.changed_nodes), _lent(t.changed_place),
    )  # fmt: skip


@njit(cache=True)
def lent_scratch(w: Scratch) -> Scratch:
    return Scratch(
        _lent(w.hashes), _lent(w.keys), _lent(w.buckets), _lent(w.map_at), _lent(w.chain_at), _lent(w.inputs),
        _lent(w.rows), _lent(w.outputs), _lent(w.match_at), _lent(w.expected), _lent(w.correction_at), _lent(w.seen),
        _lent(w.parts),
    )  # fmt: skip


@njit(cache=True)
def lent_tree(tree: ByteTree) -> ByteTree:
    return ByteTree(
        _lent(tree.token_bytes), _lent(tree.lengths), _lent(tree.ranks), _lent(tree.ids), _lent(tree.successors),
        _lent(tree.n_excluded),
    )  # fmt: skip
