"""The reference numbers of vision transformers: `python make_golden_vit.py`.

As make_golden.py, whose pattern and form they have; made with torch 2.15.0 and transformers 5.24.0.
"""

import re

from transformers import ViTConfig, ViTForImageClassification

from make_golden import make

CONFIG = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "patch_size": 4,
}


NAMES = [
    (r"^vit\.layers\.", "vit.encoder.layer."),
    (r"attention\.q_proj", "attention.attention.query"),
    (r"attention\.k_proj", "attention.attention.key"),
    (r"attention\.v_proj", "attention.attention.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
]


def published(name):
    """The name in files, which the modules of transformers 5 no longer have."""
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name


class Vit(ViTForImageClassification):
    def forward(self, images):
        return super().forward(images, interpolate_pos_encoding=False).logits

    def state_dict(self, *arguments, **options):
        state = super().state_dict(*arguments, **options)
        return {published(name): value for name, value in state.items()}

    def named_parameters(self, *arguments, **options):
        for name, value in super().named_parameters(*arguments, **options):
            yield published(name), value


if __name__ == "__main__":
    config = ViTConfig(
        image_size=(12, 8), num_channels=3, num_labels=5, attn_implementation="eager",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **CONFIG)
    make("vit", "vit", CONFIG, [3, 12, 8], Vit(config))
