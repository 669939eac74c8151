"""What goes through memory once in a block's step on a CPU, compiled: norm, SwiGLU, and the heads of attention.

Each reads its input once and writes its result once, a row at a time, where torch makes a pass for each operation and
one for each change between bfloat16 and float32 (numbers in docs/log.md). Arithmetic is in float32. NumPy has no
bfloat16: it is passed as uint16, the upper half of a float32.

N rows, C = their width, W = the width of an MLP; T tokens, H heads of D numbers each, C = H · D.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from slmtui.model.copy_kernels import exponentials

HALF, BITS = np.int32(0x7FFF), np.int32(16)  # of the half that is rounded away


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def widen(source, target):
    """bfloat16 (n,) to float32 (n,)."""
    bits = target.view(np.int32)
    for j in range(len(source)):
        bits[j] = np.int32(source[j]) << BITS


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def narrow(source, target):
    """float32 (n,) to bfloat16 (n,), rounded to the nearest, halves to even."""
    bits = source.view(np.int32)
    for j in range(len(source)):
        target[j] = np.uint16((bits[j] + HALF + ((bits[j] >> BITS) & np.int32(1))) >> BITS)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def rms_norm(x, weight, eps, y, inverse):
    """y (N, C) bfloat16 = x · inverse · weight; inverse (N,): of the root of the mean square of each row."""
    N, C = x.shape
    row = np.empty(C, np.float32)
    for n in range(N):
        squares = np.float32(0)
        for c in range(C):
            squares += x[n, c] * x[n, c]
        scale = np.float32(1) / np.sqrt(squares / np.float32(C) + eps)
        inverse[n] = scale
        for c in range(C):
            row[c] = x[n, c] * scale * weight[c]
        narrow(row, y[n])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def rms_norm_backward(upstream, x, weight, inverse, by_x, by_weight):
    """by_x (N, C) is set, by_weight (C,) added to; upstream (N, C) bfloat16."""
    N, C = x.shape
    row = np.empty(C, np.float32)
    for n in range(N):
        widen(upstream[n], row)
        scale, along = inverse[n], np.float32(0)
        for c in range(C):
            by_weight[c] += row[c] * x[n, c] * scale
        for c in range(C):
            row[c] *= weight[c]
        for c in range(C):
            along += row[c] * x[n, c]
        along *= scale * scale / np.float32(C)
        for c in range(C):
            by_x[n, c] = (row[c] - x[n, c] * along) * scale


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sigmoid(values, shares, bits):
    """shares (n,) = 1 / (1 + exp(−values)), by an exponential that is at most 1; bits (n,) int32 is scratch."""
    for j in range(len(values)):
        shares[j] = -abs(values[j])
    exponentials(shares, np.float32(0), bits)
    for j in range(len(values)):
        whole = np.float32(1) + shares[j]
        shares[j] = (np.float32(1) if values[j] >= 0 else shares[j]) / whole


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def swiglu(x, y):
    """y (N, W) = silu(gate) · value, of x (N, 2 W): gate and value. Both bfloat16."""
    N, W = y.shape
    gate, value, share = np.empty(W, np.float32), np.empty(W, np.float32), np.empty(W, np.float32)
    bits = np.empty(W, np.int32)
    for n in range(N):
        widen(x[n, :W], gate)
        widen(x[n, W:], value)
        sigmoid(gate, share, bits)
        for j in range(W):
            value[j] *= gate[j] * share[j]
        narrow(value, y[n])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def swiglu_backward(upstream, x, by_x):
    """by_x (N, 2 W) is set; all of them bfloat16."""
    N, W = upstream.shape
    gate, value, share = np.empty(W, np.float32), np.empty(W, np.float32), np.empty(W, np.float32)
    given, bits = np.empty(W, np.float32), np.empty(W, np.int32)
    for n in range(N):
        widen(x[n, :W], gate)
        widen(x[n, W:], value)
        widen(upstream[n], given)
        sigmoid(gate, share, bits)
        for j in range(W):
            silu = gate[j] * share[j]
            gate[j] = given[j] * value[j] * (share[j] + silu * (np.float32(1) - share[j]))
            value[j] = given[j] * silu
        narrow(gate, by_x[n, :W])
        narrow(value, by_x[n, W:])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def into_heads(qkv, cos, sin, heads):
    """heads (3, H, T, D) float32: q and k turned by their positions, and v; qkv (T, 3 C) bfloat16, cos (T, D / 2)."""
    _, H, T, D = heads.shape
    C, half = H * D, D // 2
    row = np.empty(3 * C, np.float32)
    for t in range(T):
        widen(qkv[t], row)
        for part in range(2):
            for h in range(H):
                start = part * C + h * D
                first, second, turned = row[start : start + half], row[start + half : start + D], heads[part, h, t]
                for i in range(half):
                    turned[i] = first[i] * cos[t, i] - second[i] * sin[t, i]
                    turned[half + i] = second[i] * cos[t, i] + first[i] * sin[t, i]
        for h in range(H):
            heads[2, h, t] = row[2 * C + h * D : 2 * C + (h + 1) * D]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def out_of_heads(heads, cos, sin, qkv):
    """The gradient's way back: heads (3, H, T, D) float32 -> qkv (T, 3 C) bfloat16, which is set."""
    _, H, T, D = heads.shape
    C, half = H * D, D // 2
    row = np.empty(3 * C, np.float32)
    for t in range(T):
        for part in range(2):
            for h in range(H):
                start = part * C + h * D
                first, second, turned = row[start : start + half], row[start + half : start + D], heads[part, h, t]
                for i in range(half):
                    first[i] = turned[i] * cos[t, i] + turned[half + i] * sin[t, i]
                    second[i] = turned[half + i] * cos[t, i] - turned[i] * sin[t, i]
        for h in range(H):
            row[2 * C + h * D : 2 * C + (h + 1) * D] = heads[2, h, t]
        narrow(row, qkv[t])
