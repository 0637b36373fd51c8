"""The reference numbers of Transformer decoders: `python make_golden_decoders.py`.

As make_golden.py, whose pattern and form they have; made with torch 2.15.0 and transformers 5.24.0. The outputs
are the logits of the token behind each text. Tied weights have one name.
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from make_golden import write
from make_golden_sequences import TOKENS, VOCABULARY, lengths_of, token_ids

LLAMA = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
    "intermediate_size": 40, "max_position_embeddings": 12, "rms_norm_eps": 1e-6,
}
GPT2 = {
    "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 12, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
}


class Behind:
    """The logits behind the last token of each text, and names of weights once."""

    def forward(self, ids, **_):
        logits = super().forward(input_ids=ids, attention_mask=(ids != 0).long()).logits
        return logits[torch.arange(len(ids)), lengths_of(ids) - 1]

    def state_dict(self, *arguments, **options):
        state = super().state_dict(*arguments, **options)
        if self.config.tie_word_embeddings:
            del state["lm_head.weight"]
        return state


class Llama(Behind, LlamaForCausalLM):
    pass


class Gpt2(Behind, GPT2LMHeadModel):
    pass


def llama(tied):
    return Llama(LlamaConfig(
        vocab_size=VOCABULARY, pad_token_id=0, attn_implementation="eager", tie_word_embeddings=tied,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0}, **LLAMA))


def gpt2():
    return Gpt2(GPT2Config(
        vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=1, attn_implementation="eager",
        attn_pdrop=0.0, **GPT2))


if __name__ == "__main__":
    ids = token_ids()
    described = {"input": TOKENS, "ids": ids.tolist()}
    for name, tied in [("llama", False), ("llama_tied", True)]:
        config = {**LLAMA, "rope_theta": 500.0, "tie_word_embeddings": tied}
        write(name, "llama", config, llama(tied), ids, described)
    write("gpt2", "gpt2", GPT2, gpt2(), ids, described)
