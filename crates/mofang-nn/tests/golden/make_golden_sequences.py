"""The reference numbers of networks over sequences: `python make_golden_sequences.py`.

As make_golden.py, whose pattern and form they have; made with torch 2.15.0. Lengths differ within a batch, and
one text is shorter than the widest window.
"""

import torch
import torch.nn.functional as F
from torch import nn

from make_golden import BATCH, pattern, write

VOCABULARY = 23
LENGTHS = [7, 2, 5, 7]


def token_ids():
    """Ids from 1 up, with the padding 0 behind each text."""
    count = len(LENGTHS) * max(LENGTHS)
    ids = ((pattern(count, 3) + 1) / 2 * (VOCABULARY - 1)).long() + 1
    ids = ids.reshape(len(LENGTHS), max(LENGTHS))
    for row, length in zip(ids, LENGTHS):
        row[length:] = 0
    return ids


def lengths_of(ids):
    places = torch.arange(1, ids.shape[1] + 1)
    return ((ids != 0) * places).amax(1)


class TextCnn(nn.Module):
    def __init__(self, size, filters, widths, classes):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, size, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(size, filters, width) for width in widths)
        self.fc = nn.Linear(filters * len(widths), classes)

    def forward(self, ids):
        lengths = lengths_of(ids)
        columns = self.embedding(ids).transpose(1, 2)
        features = []
        for conv in self.convs:
            values = F.relu(conv(columns))
            own = (lengths + 1 - conv.kernel_size[0]).clamp(min=1)
            beyond = torch.arange(values.shape[2])[None, :] >= own[:, None]
            features.append(values.masked_fill(beyond[:, None, :], -torch.inf).amax(2))
        return self.fc(torch.cat(features, 1))


class Recurrent(nn.Module):
    def __init__(self, kind, features, hidden, classes, pooling, embeds, **options):
        super().__init__()
        if embeds:
            self.embedding = nn.Embedding(VOCABULARY, features, padding_idx=0)
        self.rnn = kind(features, hidden, batch_first=True, **options)
        self.fc = nn.Linear(hidden * (2 if self.rnn.bidirectional else 1), classes)
        self.embeds = embeds
        self.pooling = pooling

    def forward(self, inputs):
        if self.embeds:
            lengths = lengths_of(inputs)
            steps = self.embedding(inputs)
        else:
            steps = inputs.transpose(1, 2).flatten(2)
            lengths = torch.full((len(steps),), steps.shape[1])
        packed = nn.utils.rnn.pack_padded_sequence(
            steps, lengths, batch_first=True, enforce_sorted=False)
        output, last = self.rnn(packed)
        output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        beyond = (torch.arange(output.shape[1])[None, :] >= lengths[:, None])[:, :, None]
        if self.pooling == "last":
            state = last[0] if isinstance(last, tuple) else last
            directions = 2 if self.rnn.bidirectional else 1
            pooled = torch.cat(list(state[-directions:]), 1)
        elif self.pooling == "mean":
            pooled = output.masked_fill(beyond, 0).sum(1) / lengths[:, None]
        else:
            pooled = output.masked_fill(beyond, -torch.inf).amax(1)
        return self.fc(pooled)


class Crnn(nn.Module):
    def __init__(self, bands, channels, time_strides, hidden, layers, classes):
        super().__init__()
        modules, before = [], 1
        for after, stride in zip(channels, time_strides):
            modules += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after),
                        nn.ReLU(), nn.MaxPool2d((2, stride), (2, stride))]
            before, bands = after, bands // 2
        self.cnn = nn.Sequential(*modules)
        self.rnn = nn.GRU(before * bands, hidden, layers, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, images):
        steps = self.cnn(images).permute(0, 3, 1, 2).flatten(2)
        return self.fc(self.rnn(steps)[0]).flatten(1)


TOKENS = {"kind": "tokens", "vocabulary_size": VOCABULARY, "length_max": 9, "padding_id": 0}

TEXT_CASES = {
    "text_cnn": ("text_cnn", {
        "embedding_size": 10, "filters": 6, "widths": [2, 3, 5], "dropout": 0.0,
    }, TextCnn(10, 6, [2, 3, 5], 5)),
    "recurrent_gru": ("recurrent", {
        "kind": "gru", "embedding_size": 10, "hidden_size": 12,
    }, Recurrent(nn.GRU, 10, 12, 5, "last", True)),
    "recurrent_lstm": ("recurrent", {
        "kind": "lstm", "embedding_size": 10, "hidden_size": 9, "layers": 2, "bidirectional": True,
    }, Recurrent(nn.LSTM, 10, 9, 5, "last", True, num_layers=2, bidirectional=True)),
    "recurrent_mean": ("recurrent", {
        "kind": "gru", "embedding_size": 10, "hidden_size": 9, "layers": 2, "bidirectional": True,
        "pooling": "mean",
    }, Recurrent(nn.GRU, 10, 9, 5, "mean", True, num_layers=2, bidirectional=True)),
}

IMAGE_CASES = {
    "recurrent_rows": ("recurrent", {
        "kind": "lstm", "hidden_size": 12, "pooling": "max",
    }, [2, 7, 6], Recurrent(nn.LSTM, 12, 12, 5, "max", False)),
}


if __name__ == "__main__":
    ids = token_ids()
    assert len(ids) == BATCH
    for name, (architecture, config, model) in TEXT_CASES.items():
        write(name, architecture, config, model, ids, {"input": TOKENS, "ids": ids.tolist()})
    for name, (architecture, config, image, model) in IMAGE_CASES.items():
        count = BATCH * image[0] * image[1] * image[2]
        write(name, architecture, config, model, pattern(count, 0).reshape(BATCH, *image),
              {"image_shape": image, "images": 0})
    crnn = {"channels": [4, 6], "time_strides": [2, 1], "hidden_size": 7, "layers": 2,
            "dropout": 0.0, "recurrent_dropout": 0.0}
    write("crnn", "crnn", crnn, Crnn(8, [4, 6], [2, 1], 7, 2, 5),
          pattern(BATCH * 8 * 11, 0).reshape(BATCH, 1, 8, 11), {"image_shape": [1, 8, 11], "images": 0},
          outputs=5)
