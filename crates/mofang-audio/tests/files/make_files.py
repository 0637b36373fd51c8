"""Writes the sound files of the tests: `python make_files.py` beside them.

Made with soundfile 0.14 (libsndfile 1.2.2, which encodes FLAC and, by LAME, MP3). The sound is the
formula of tests/it/chirp.rs.
"""

import pathlib

import numpy as np
import soundfile

HERE = pathlib.Path(__file__).parent


def chirp(rate, count):
    """From 200 Hz upwards by 8 Hz a millisecond, at half of full scale."""
    time = np.arange(count) / rate
    return 0.5 * np.sin(2 * np.pi * (200 * time + 4000 * time * time))


def stereo(rate, count):
    """The chirp on the left, a quarter of it on the right."""
    left = chirp(rate, count)
    return np.stack([left, 0.25 * left], axis=1)


if __name__ == "__main__":
    soundfile.write(HERE / "mono-16.flac", chirp(8000, 1600), 8000, "PCM_16")
    soundfile.write(HERE / "stereo-24.flac", stereo(44100, 2205), 44100, "PCM_24")
    soundfile.write(HERE / "mono.mp3", chirp(16000, 4800), 16000, format="MP3")
    soundfile.write(HERE / "stereo.mp3", stereo(44100, 8820), 44100, format="MP3")
