"""The yardstick: what suggested phases reach on texts of all kinds, beside compressors and counting.

make yardstick                                    everything that is at hand, three seeds: hours
make yardstick ARGS="--no-training"               compressors and counting alone: minutes
make yardstick ARGS="--only corpus-5k --seeds 1"  in parts; each part replaces what was there of it
make yardstick ARGS="--texts FOLDER"              texts of one's own, on the terminal

    texts        what is measured on
    compressors  PPMd and zpaq: what the validation text costs after the training text
    measure      counting and suggested phases, in bits per byte, seconds and usefulness
    rows         what was measured, as benchmarks/yardstick.json keeps it
    page         docs/yardstick.md, made from the rows
"""
