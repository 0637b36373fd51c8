"""Checks a running server with the unchanged public client of the Open Inference Protocol.

    python -m venv /tmp/tritonclient && /tmp/tritonclient/bin/pip install 'tritonclient[http,grpc]'
    mofang quickstart --exit
    mofang keys create check --user quickstart --scope admin > check.key
    mofang serve --listen 127.0.0.1:8080 --grpc-listen 127.0.0.1:8081 &
    /tmp/tritonclient/bin/python crates/mofang-http/tests/clients/tritonclient_check.py --key-file check.key

The model is `digits` with the alias `production`; the key needs the scope `admin`, because the check
unloads the model and loads it again. Written for tritonclient 2.73.0. Every check that fails raises;
the last line is printed when all have passed.
"""

import argparse
import asyncio
import json
import queue
import urllib.request

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http_client
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

rng = np.random.default_rng(7)


def images(count, dtype=np.float32):
    return rng.integers(0, 2, size=(count, 1, 8, 8)).astype(dtype)


def refused(call, *said):
    try:
        call()
    except InferenceServerException as error:
        text = str(error)
        assert all(part in text for part in said), f"{said} is not in {text}"
        return
    raise AssertionError(f"was not refused: {said}")


def tensor(module, array, name="image", **how):
    given = module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, **how)
    return given


def predicted(url, key, array):
    """What our own predict says of one example: the probabilities by class."""
    body = json.dumps({"shape": [1, 8, 8], "data": array.reshape(-1).tolist()}).encode()
    request = urllib.request.Request(
        f"http://{url}/v1/models/digits/predict?top_k=10",
        data=body,
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    classes = json.load(urllib.request.urlopen(request))["predictions"][0]["classes"]
    probabilities = np.zeros(10)
    for entry in classes:
        probabilities[entry["index"]] = entry["probability"]
    return probabilities


def softmax(logits):
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def check_health(client, headers):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits", headers=headers())
    assert client.is_model_ready("digits", "1", headers=headers())
    assert client.is_model_ready("digits@production", headers=headers())


def check_unload(client, headers, not_ready):
    client.unload_model("digits", headers=headers())
    assert not client.is_model_ready("digits", headers=headers())
    not_ready()
    client.load_model("digits", headers=headers())
    assert client.is_model_ready("digits", headers=headers())


def check_http(url, headers, key):
    client = http_client.InferenceServerClient(url, concurrency=4)
    check_health(client, headers)
    assert not client.is_model_ready("ghost", headers=headers())
    server = client.get_server_metadata(headers=headers())
    assert server["name"] == "mofang" and "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("digits", headers=headers())
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}], model
    assert model["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}], model
    assert client.get_model_metadata("digits", "1", headers=headers())["versions"][0] == "1"
    config = client.get_model_config("digits", headers=headers())
    assert config["max_batch_size"] >= 1 and config["input"][0]["data_type"] == "TYPE_FP32"

    one = images(1)
    # The client's default: raw bytes in, and raw bytes out when no output is named.
    answer = client.infer("digits", [tensor(http_client, one)], headers=headers(), request_id="seven")
    assert answer.get_response()["id"] == "seven"
    logits = answer.as_numpy("logits")
    assert logits.shape == (1, 10) and logits.dtype == np.float32
    expected = predicted(url, key, one)
    assert np.allclose(softmax(logits)[0], expected, atol=1e-5), (logits, expected)
    for binary_in in (True, False):
        for binary_out in (True, False):
            given = tensor(http_client, one, binary_data=binary_in)
            wanted = http_client.InferRequestedOutput("logits", binary_data=binary_out)
            again = client.infer("digits", [given], outputs=[wanted], headers=headers())
            assert np.allclose(again.as_numpy("logits"), logits, atol=1e-5)
    for dtype in (np.uint8, np.int8, np.int16, np.int64, np.uint32, np.float16, np.float64, np.bool_):
        again = client.infer("digits", [tensor(http_client, one.astype(dtype))], headers=headers())
        assert np.allclose(again.as_numpy("logits"), logits, atol=1e-5), dtype
    many = images(37)
    batch = client.infer("digits", [tensor(http_client, many)], model_version="1", headers=headers())
    alone = [client.infer("digits", [tensor(http_client, image[None])], headers=headers()) for image in many]
    alone = np.concatenate([answer.as_numpy("logits") for answer in alone])
    assert np.allclose(batch.as_numpy("logits"), alone, atol=1e-4)
    wanted = http_client.InferRequestedOutput("logits", class_count=3)
    classes = client.infer("digits", [tensor(http_client, many)], outputs=[wanted], headers=headers())
    classes = classes.as_numpy("logits")
    assert classes.shape == (37, 3)
    assert int(classes[0][0].decode().split(":")[1]) == int(alone[0].argmax())
    waiting = [client.async_infer("digits", [tensor(http_client, image[None])], headers=headers()) for image in many]
    waited = np.concatenate([handle.get_result().as_numpy("logits") for handle in waiting])
    assert np.allclose(waited, alone, atol=1e-4)
    client.infer("digits", [tensor(http_client, one)], headers=headers(), timeout=5_000_000, priority=1)

    def ask(inputs, **how):
        return client.infer("digits", inputs, headers=headers(), **how)

    refused(lambda: client.infer("ghost", [tensor(http_client, one)], headers=headers()), "ghost")
    refused(lambda: ask([tensor(http_client, one, name="picture")]), 'has the input "image"')
    refused(lambda: ask([tensor(http_client, one), tensor(http_client, one, name="mask")]), "mask")
    refused(lambda: ask([tensor(http_client, images(1)[:, :, :7])]), "[batch, 1, 8, 8]")
    refused(lambda: ask([tensor(http_client, np.full((1, 1, 8, 8), np.nan, np.float32))]), "finite")
    refused(lambda: ask([tensor(http_client, np.full((1, 1, 8, 8), b"x", np.object_))]), "BYTES")
    refused(lambda: ask([tensor(http_client, np.full((1, 1, 8, 8), 2**24 + 1, np.int64))]), "exactly")
    refused(lambda: ask([tensor(http_client, one)], outputs=[http_client.InferRequestedOutput("x")]), "logits")
    refused(lambda: ask([tensor(http_client, one)], request_compression_algorithm="gzip"), "Content-Encoding")
    refused(lambda: client.infer("digits", [tensor(http_client, one)]), "credentials")
    refused(lambda: ask([tensor(http_client, one)], sequence_id=3, sequence_start=True), "sequence")
    refused(lambda: client.get_system_shared_memory_status(headers=headers()), "shared memory")
    refused(lambda: client.get_trace_settings(headers=headers()), "tracing")
    refused(lambda: client.get_log_settings(headers=headers()), "logging")

    stats = client.get_inference_statistics("digits", headers=headers())["model_stats"][0]
    assert stats["inference_count"] >= 37 and stats["inference_stats"]["success"]["count"] >= 10
    assert client.get_inference_statistics(headers=headers())["model_stats"]
    index = client.get_model_repository_index(headers=headers())
    assert {"name": "digits", "version": "1", "state": "READY", "reason": ""} in index, index
    check_unload(client, headers, lambda: refused(lambda: ask([tensor(http_client, one)]), "unloaded"))
    client.close()

    async def asynchronous():
        async with http_aio.InferenceServerClient(url) as client:
            answer = await client.infer("digits", [tensor(http_client, one)], headers=headers())
            assert np.allclose(answer.as_numpy("logits"), logits, atol=1e-5)

    asyncio.run(asynchronous())
    return logits, one


def check_grpc(url, headers, logits, one):
    client = grpc_client.InferenceServerClient(url)
    check_health(client, headers)
    refused(lambda: client.is_model_ready("ghost", headers=headers()), "ghost")
    assert client.get_server_metadata(headers=headers()).name == "mofang"
    model = client.get_model_metadata("digits", headers=headers())
    assert list(model.inputs[0].shape) == [-1, 1, 8, 8] and model.outputs[0].datatype == "FP32"
    config = client.get_model_config("digits", headers=headers(), as_json=True)["config"]
    assert config["input"][0]["data_type"] == "TYPE_FP32" and config["max_batch_size"] >= 1
    answer = client.infer("digits", [tensor(grpc_client, one)], headers=headers(), request_id="nine")
    assert answer.get_response().id == "nine"
    assert np.allclose(answer.as_numpy("logits"), logits, atol=1e-5)
    many = images(37)
    batch = client.infer("digits", [tensor(grpc_client, many)], model_version="1", headers=headers())
    alone = [client.infer("digits", [tensor(grpc_client, image[None])], headers=headers()) for image in many]
    alone = np.concatenate([answer.as_numpy("logits") for answer in alone])
    assert np.allclose(batch.as_numpy("logits"), alone, atol=1e-4)
    wanted = grpc_client.InferRequestedOutput("logits", class_count=3)
    classes = client.infer("digits", [tensor(grpc_client, many)], outputs=[wanted], headers=headers())
    assert int(classes.as_numpy("logits")[0][0].decode().split(":")[1]) == int(alone[0].argmax())

    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)), headers=headers())
    for number, image in enumerate(many):
        client.async_stream_infer("digits", [tensor(grpc_client, image[None])], request_id=str(number))
    client.async_stream_infer("ghost", [tensor(grpc_client, one)], request_id="ghost")
    client.async_stream_infer("digits", [tensor(grpc_client, one)], request_id="last")
    for number in range(len(many)):
        result, error = answers.get(timeout=10)
        assert error is None, error
        assert result.get_response().id == str(number)
        assert np.allclose(result.as_numpy("logits"), alone[number : number + 1], atol=1e-4)
    result, error = answers.get(timeout=10)
    assert error is not None and "ghost" in str(error), error
    result, error = answers.get(timeout=10)
    assert error is None and result.get_response().id == "last"
    client.stop_stream()

    def ask(inputs, **how):
        return client.infer("digits", inputs, headers=headers(), **how)

    refused(lambda: client.infer("ghost", [tensor(grpc_client, one)], headers=headers()), "NOT_FOUND", "ghost")
    refused(lambda: ask([tensor(grpc_client, one, name="picture")]), "INVALID_ARGUMENT", "image")
    refused(lambda: ask([tensor(grpc_client, images(1)[:, :, :7])]), "[batch, 1, 8, 8]")
    refused(lambda: client.infer("digits", [tensor(grpc_client, one)]), "UNAUTHENTICATED")
    wrong = {"authorization": "Bearer mf_wrong"}
    refused(lambda: client.infer("digits", [tensor(grpc_client, one)], headers=wrong), "UNAUTHENTICATED")
    refused(lambda: client.get_system_shared_memory_status(headers=headers()), "UNIMPLEMENTED")
    refused(lambda: client.get_trace_settings(headers=headers()), "UNIMPLEMENTED", "tracing")
    refused(lambda: client.get_log_settings(headers=headers()), "UNIMPLEMENTED", "logging")
    stats = client.get_inference_statistics("digits", headers=headers()).model_stats[0]
    assert stats.inference_count >= 37 and stats.inference_stats.success.count >= 10
    models = client.get_model_repository_index(headers=headers()).models
    assert any(model.name == "digits" and model.state == "READY" for model in models)
    check_unload(client, headers, lambda: refused(lambda: ask([tensor(grpc_client, one)]), "UNAVAILABLE"))
    client.close()

    async def asynchronous():
        async with grpc_aio.InferenceServerClient(url) as client:
            answer = await client.infer("digits", [tensor(grpc_client, one)], headers=headers())
            assert np.allclose(answer.as_numpy("logits"), logits, atol=1e-5)

    asyncio.run(asynchronous())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--http", default="127.0.0.1:8080", help="where the server speaks HTTP")
    parser.add_argument("--grpc", default="127.0.0.1:8081", help="where it speaks gRPC")
    parser.add_argument("--key-file", required=True, help="a file with an API key")
    arguments = parser.parse_args()
    with open(arguments.key_file) as file:
        key = file.read().strip()

    def headers():
        # A new one for each call: the client writes the length of one request's JSON into it.
        return {"authorization": f"Bearer {key}"}

    logits, one = check_http(arguments.http, headers, key)
    print("HTTP: passed")
    check_grpc(arguments.grpc, headers, logits, one)
    print("gRPC: passed")


main()
