"""What a completion tells of the tokens that might have stood there instead."""

from __future__ import annotations

from slmtui.data.bpe import train_bpe
from slmtui.data.tokenizer import BpeTokenizer
from slmtui.inference.batch import Sampling
from slmtui.inference.prompt import read_prompt
from slmtui.serve.completion import Completion, Wanted


def test_tokens_that_only_spell_the_word_that_was_begun_are_none() -> None:
    tokenizer = BpeTokenizer(train_bpe(["for print in range(printers):\n" * 9], 290), end=True)
    prompt = read_prompt(tokenizer, "the pri")
    assert prompt.word is not None
    spells = prompt.word.possible()
    completion = Completion(Wanted(prompt, 5, Sampling(), 0, logprobs=tokenizer.n_vocab), tokenizer)
    token = int(tokenizer.encode(" print")[0])
    assert tokenizer.token_bytes(token) == b" print"
    completion.add(token, spells / spells.sum())
    _, (told,) = completion.take()
    assert told.text == "nt"
    assert "" not in told.alternatives
    assert set(told.alternatives) == {
        tokenizer.token_bytes(i)[4:].decode()
        for i in spells.nonzero()[:, 0].tolist()
        if len(tokenizer.token_bytes(i)) > 4
    }
