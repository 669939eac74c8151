"""The one list of rules, one entry for each way to know something, in the order in which they are asked.

The entries stand in a file for each group, below their conditions, with the weight and with what is said: size,
stability, learning, overfitting, counting. Several entries may have one code: the first that applies speaks.
"""

from __future__ import annotations

from slmtui.insight.rules import counting, learning, overfitting, size, stability

RULES = (*size.RULES, *stability.RULES, *learning.RULES, *overfitting.RULES, *counting.RULES)
