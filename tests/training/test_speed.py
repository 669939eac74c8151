"""A few real steps, measured."""

from pathlib import Path

from slmtui.config.phase_file import parse_phase


def test_a_step_is_measured_without_evaluating(tmp_path: Path) -> None:
    from slmtui.training.prepare import prepare_dataset
    from slmtui.training.speed import measure_step

    (tmp_path / "a.txt").write_text("one two three four five six seven eight nine ten\n" * 20)
    phase = parse_phase(
        f'[phase]\nname = "a"\n[data]\nsource = "{tmp_path / "a.txt"}"\n[model]\nn_layer = 1\nn_head = 1\nn_embd = 4\n'
        'block_size = 4\n[training]\nbatch_size = 2\nthreads = 1\ndevice = "cpu"\nmax_iters = 5'
    )
    dataset = prepare_dataset(phase)
    seconds = measure_step(phase, dataset)
    assert seconds is not None
    assert 0 < seconds < 2
    assert measure_step(phase, dataset, stop=lambda: True) is None
