"""Checks a running server with the unchanged public client of OpenAI's interface.

    python -m venv /tmp/openai && /tmp/openai/bin/pip install openai
    mofang keys create check --user quickstart --scope infer --scope registry:read > check.key
    mofang serve --listen 127.0.0.1:8080 &
    /tmp/openai/bin/python crates/mofang-http/tests/clients/openai_check.py --key-file check.key --model tale --embedding-model minilm

`--model` is a model of text-generation, `--embedding-model` one of embeddings; with `--speech-model` and
`--recording` transcriptions are checked too. The server is not used by anybody else meanwhile. Written for openai 3.57.0. Every check that fails raises; the last line is printed
when all have passed.
"""

import argparse
import asyncio
import base64
import struct

import openai


def refused(error, param, call):
    """The refusal of a call, of this class and about this parameter."""
    try:
        call()
    except error as refusal:
        assert refusal.param == param, f"{refusal.param}: {refusal.message}"
        return refusal
    raise AssertionError(f"was not refused: {error.__name__} about {param}")


def models(client, model, embedding_model):
    names = [entry.id for entry in client.models.list()]
    assert model.split("@")[0] in names and embedding_model.split("@")[0] in names, names
    found = client.models.retrieve(model)
    assert (found.id, found.object) == (model, "model") and found.created > 0
    refused(openai.NotFoundError, "model", lambda: client.models.retrieve("no-such-model"))


def completions(client, model, prompt):
    how = {"model": model, "prompt": prompt, "max_tokens": 12, "seed": 7, "temperature": 0.8}
    whole = client.completions.create(**how, user="check")
    text = whole.choices[0].text
    assert whole.object == "text_completion" and whole.model == model and whole.id.startswith("cmpl-")
    assert whole.choices[0].finish_reason in ("length", "stop")
    usage = whole.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 1
    assert client.completions.create(**how).choices[0].text == text, "a seed repeats its text"

    chunks = list(client.completions.create(**how, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == text
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage == usage
    assert all(chunk.usage is None for chunk in chunks[:-1])

    several = client.completions.create(**{**how, "prompt": [prompt, prompt]}, n=2, echo=True)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert all(choice.text.startswith(prompt) for choice in several.choices)
    assert several.choices[0].text == several.choices[2].text == prompt + text

    # What OpenAI's own interface does not have goes through extra_body.
    greedy = client.completions.create(**how, extra_body={"top_k": 1, "repetition_penalty": 1.1, "min_p": 0.1})
    assert greedy.choices[0].finish_reason in ("length", "stop")
    if len(text) > 4:
        stop = text[3]
        stopped = client.completions.create(**how, stop=[stop]).choices[0]
        assert (stopped.text, stopped.finish_reason) == (text.split(stop)[0], "stop")


def refusals(client, url, key, model, prompt):
    def asks(**how):
        return lambda: client.completions.create(**{"model": model, "prompt": prompt, **how})

    for param, how in [
        ("temperature", {"temperature": 1000}),
        ("max_tokens", {"max_tokens": 10**9}),
        ("logprobs", {"logprobs": 5}),
        ("presence_penalty", {"presence_penalty": 1.0}),
        ("best_of", {"best_of": 3}),
        ("suffix", {"suffix": "end"}),
        ("prompt", {"prompt": [1, 2, 3]}),
    ]:
        refused(openai.BadRequestError, param, asks(**how))
        refused(openai.BadRequestError, param, asks(**how, stream=True))
    refused(openai.NotFoundError, "model", asks(model="no-such-model"))
    stranger = openai.OpenAI(base_url=url, api_key="mf_nobody", max_retries=0)
    refusal = refused(openai.AuthenticationError, None, lambda: stranger.models.list())
    assert refusal.code == "invalid_api_key" and refusal.request_id
    messages = [{"role": "user", "content": "hello"}]
    chat = refused(
        openai.InternalServerError, None, lambda: client.chat.completions.create(model=model, messages=messages)
    )
    assert chat.status_code == 501 and "completions" in chat.message


def embeddings(client, model):
    texts = ["a first text", "another one"]
    # The client asks for base64 unless it is told otherwise, and decodes it itself.
    encoded = client.embeddings.create(model=model, input=texts)
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [entry.index for entry in encoded.data] == [0, 1] and encoded.usage.prompt_tokens > 0
    for a, b in zip(encoded.data, plain.data):
        assert max(abs(x - y) for x, y in zip(a.embedding, b.embedding)) < 1e-5
    alone = {"model": model, "input": texts[0]}
    numbers = client.embeddings.create(**alone, encoding_format="float").data[0].embedding
    raw = client.embeddings.with_raw_response.create(**alone, encoding_format="base64").http_response.json()
    data = base64.b64decode(raw["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(data) // 4}f", data)) == [struct.unpack("<f", struct.pack("<f", x))[0] for x in numbers]
    refused(openai.BadRequestError, "input", lambda: client.embeddings.create(model=model, input=[1, 2, 3]))
    refused(openai.BadRequestError, "dimensions", lambda: client.embeddings.create(**alone, dimensions=2))


def transcriptions(client, model, recording):
    def asks(**how):
        with open(recording, "rb") as file:
            return client.audio.transcriptions.create(**{"model": model, "file": file, **how})

    text = asks().text
    assert asks(response_format="text").strip() == text.strip()
    both = asks(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert both.text == text and both.duration > 0
    assert all(0 <= word.start <= word.end <= both.duration for word in both.words)
    assert "".join(segment.text for segment in both.segments) == text
    assert asks(response_format="vtt").startswith("WEBVTT")
    assert asks(response_format="srt").startswith("1\n") or not both.words
    refused(openai.BadRequestError, "temperature", lambda: asks(temperature=0.5))
    refused(openai.BadRequestError, "stream", lambda: asks(stream=True))
    refused(openai.NotFoundError, "model", lambda: asks(model="no-such-model"))


async def leaving(url, key, model, prompt):
    """Leaves streams in the middle: their places are free again for as many others."""
    async with openai.AsyncOpenAI(base_url=url, api_key=key) as client:
        for _ in range(20):
            stream = await client.completions.create(model=model, prompt=prompt, max_tokens=1000, stream=True)
            async for _chunk in stream:
                break
            await stream.close()
        last = await client.completions.create(model=model, prompt=prompt, max_tokens=4)
        assert last.usage.completion_tokens > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8080/openai/v1")
    parser.add_argument("--key-file", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--embedding-model", required=True)
    parser.add_argument("--speech-model")
    parser.add_argument("--recording")
    parser.add_argument("--prompt", default="Once upon a time")
    args = parser.parse_args()
    key = open(args.key_file, encoding="utf-8").read().strip()
    client = openai.OpenAI(base_url=args.url, api_key=key)
    models(client, args.model, args.embedding_model)
    completions(client, args.model, args.prompt)
    refusals(client, args.url, key, args.model, args.prompt)
    embeddings(client, args.embedding_model)
    if args.speech_model:
        transcriptions(client, args.speech_model, args.recording)
    asyncio.run(leaving(args.url, key, args.model, args.prompt))
    print("openai", openai.__version__, "works with this server")


if __name__ == "__main__":
    main()
