"""Writes the reference numbers of the golden tests: `python make_golden.py` beside the JSON file.

Made with torch 2.15.0 and torchaudio 2.11.0, in double precision, so that the references carry no
rounding of their own. The sound is the formula of tests/it/chirp.rs. Settings have the names of
`MelSettings`.
"""

import json
import math
import pathlib

import torch
import torchaudio.functional as F
import torchaudio.transforms as T


def chirp(rate, count):
    """From 200 Hz upwards by 8 Hz a millisecond, at half of full scale, rounded to f32."""
    time = torch.arange(count, dtype=torch.float64) / rate
    sound = 0.5 * torch.sin(2 * math.pi * (200 * time + 4000 * time * time))
    return sound.float().double()


def keywords(settings):
    """The arguments of torchaudio."""
    result = {key: value for key, value in settings.items() if value is not None}
    result["norm"] = None if settings["norm"] == "none" else settings["norm"]
    result.pop("compression")
    return result


def settings(**changes):
    result = {
        "n_fft": 256, "win_length": None, "hop_length": 128, "f_min": 0.0, "f_max": None, "n_mels": 20,
        "mel_scale": "htk", "norm": "none", "center": True, "compression": {"type": "none"},
    }
    result.update(changes)
    return result


def compress(mel, compression):
    if compression["type"] == "none":
        return mel
    if compression["type"] == "log":
        return torch.log(mel + compression["epsilon"])
    return T.AmplitudeToDB("power", compression["top_db"])(mel)


def case(name, rate, count, settings, n_mfcc=None):
    sound = chirp(rate, count)
    arguments = keywords(settings)
    if n_mfcc is None:
        values = compress(T.MelSpectrogram(rate, **arguments)(sound), settings["compression"])
    else:
        log_mels = settings["compression"]["type"] == "log_mel"
        values = T.MFCC(rate, n_mfcc, log_mels=log_mels, melkwargs=arguments)(sound)
    return {
        "name": name, "sample_rate": rate, "samples": count, "settings": settings, "n_mfcc": n_mfcc,
        "bands": values.shape[0], "frames": values.shape[1],
        "values": [float(f"{value:.7g}") for value in values.flatten().tolist()],
    }


def resampled(name, old, new, count):
    """`kaiser_best` as torchaudio's documentation gives it."""
    values = F.resample(
        chirp(old, count), old, new, lowpass_filter_width=64, rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser", beta=14.769656459379492,
    )
    return {
        "name": name, "from": old, "to": new, "samples": count,
        "values": [float(f"{value:.7g}") for value in values.tolist()],
    }


if __name__ == "__main__":
    # Windows and filters too: in single precision theirs is the only rounding, and weak bands show it.
    torch.set_default_dtype(torch.float64)
    decibels = {"type": "decibels", "top_db": 80.0}
    golden = {
        "features": [
            case("htk", 8000, 1200, settings()),
            case("slaney", 8000, 1200, settings(mel_scale="slaney", norm="slaney")),
            case("band limits and a short window", 8000, 1200,
                 settings(win_length=200, hop_length=80, f_min=60.0, f_max=3500.0,
                          compression={"type": "log", "epsilon": 1e-6})),
            case("an odd window without center", 16000, 2000,
                 settings(n_fft=512, win_length=399, hop_length=160, center=False, n_mels=12,
                          compression={"type": "decibels", "top_db": None})),
            case("a transform that is no power of two", 16000, 1600,
                 settings(n_fft=400, hop_length=160, norm="slaney", n_mels=16, compression=decibels)),
            case("mfcc", 8000, 1200, settings(compression=decibels), 13),
            case("mfcc of logarithms", 16000, 1600,
                 settings(n_fft=400, hop_length=160, n_mels=23, mel_scale="slaney", norm="slaney",
                          compression={"type": "log_mel"}), 13),
        ],
        "resampled": [
            resampled("up", 8000, 16000, 150),
            resampled("down", 16000, 8000, 300),
            resampled("from a compact disc", 44100, 16000, 600),
        ],
    }
    path = pathlib.Path(__file__).parent / "torchaudio.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
