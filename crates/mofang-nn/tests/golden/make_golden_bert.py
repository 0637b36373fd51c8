"""The reference numbers of Transformer encoders: `python make_golden_bert.py`.

As make_golden.py, whose pattern and form they have; made with torch 2.15.0 and transformers 5.24.0.
"""

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, BertModel

from make_golden import write
from make_golden_sequences import TOKENS, VOCABULARY, token_ids

CONFIG = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "max_position_embeddings": 12, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}


def config(**others):
    return BertConfig(vocab_size=VOCABULARY, pad_token_id=0, attn_implementation="eager", **CONFIG, **others)


class Pooled(BertModel):
    """As sentence-transformers pools: the mean over the tokens that are read."""

    def __init__(self):
        super().__init__(config(), add_pooling_layer=False)

    def forward(self, ids):
        read = (ids != 0).long()
        rows = super().forward(ids, attention_mask=read).last_hidden_state
        read = read[:, :, None].to(rows.dtype)
        return (rows * read).sum(1) / read.sum(1)


class Classifier(BertForSequenceClassification):
    def forward(self, ids):
        return super().forward(ids, attention_mask=(ids != 0).long()).logits


if __name__ == "__main__":
    ids = token_ids()
    described = {"input": TOKENS, "ids": ids.tolist()}
    write("bert_embedding", "bert", {**CONFIG, "head": "embedding"}, Pooled(), ids, described)
    write("bert_classification", "bert",
          {**CONFIG, "head": "classification", "pooling": "pooler", "hidden_act": "gelu_new"},
          Classifier(config(hidden_act="gelu_new", num_labels=5)), ids, described)
