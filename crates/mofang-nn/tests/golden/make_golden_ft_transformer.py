"""The reference numbers of the FT-Transformer: `python make_golden_ft_transformer.py`.

As make_golden.py, whose pattern and form they have, over the rows of make_rows.py; made with torch 2.15.0 and the
package of the paper's authors, rtdl_revisiting_models 0.0.2. It has no GEGLU, which the paper's first code had.
"""

import torch
import torch.nn.functional as F
from rtdl_revisiting_models import FTTransformer
from torch import nn

from make_golden import BATCH, pattern, write


class Geglu(nn.Module):
    def forward(self, x):
        a, b = x.chunk(2, dim=-1)
        return a * F.gelu(b)


class Rows(FTTransformer):
    """Takes numbers and codes as one row."""

    def __init__(self, numbers, categories, geglu=False, **options):
        super().__init__(n_cont_features=numbers, cat_cardinalities=categories, **options)
        self.numbers = numbers
        if geglu:
            for block in self.backbone.blocks:
                block["ffn"].activation = Geglu()

    def forward(self, rows):
        codes = rows[:, self.numbers:].long()
        return super().forward(rows[:, :self.numbers], codes if codes.shape[1] else None)


def rows(numbers, categories):
    """Numbers from the pattern, times 3, and the code of each category: the row's index plus the category's."""
    numbers = 3 * pattern(BATCH * numbers, 0).reshape(BATCH, numbers)
    codes = [[(row + index) % count for index, count in enumerate(categories)] for row in range(BATCH)]
    return torch.cat([numbers.float().double(), torch.tensor(codes).double().reshape(BATCH, -1)], 1)


# name: (numbers, categories, outputs, configuration)
CASES = {
    "ft_transformer": (3, [5, 7], 3, {"d_token": 12, "attention_n_heads": 3, "n_blocks": 3}),
    # One head has no layer behind it, and the only block is the last one.
    "ft_transformer_geglu": (4, [], 1, {
        "d_token": 6, "attention_n_heads": 1, "n_blocks": 1, "ffn_d_hidden": 5, "ffn_activation": "geglu",
    }),
}


if __name__ == "__main__":
    for name, (numbers, categories, outputs, config) in CASES.items():
        hidden = config.get("ffn_d_hidden")
        model = Rows(
            numbers, categories, geglu=config.get("ffn_activation") == "geglu",
            d_out=outputs, n_blocks=config["n_blocks"], d_block=config["d_token"],
            attention_n_heads=config["attention_n_heads"], attention_dropout=0.0,
            ffn_d_hidden=hidden, ffn_d_hidden_multiplier=None if hidden else 4 / 3,
            ffn_dropout=0.0, residual_dropout=0.0)
        config = {**config, "attention_dropout": 0.0, "ffn_dropout": 0.0}
        write(name, "ft_transformer", config, model, rows(numbers, categories), {
            "input": {"kind": "row", "numbers": numbers, "categories": categories},
        })
