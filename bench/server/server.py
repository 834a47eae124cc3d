"""A chat server that takes its time, for the load bench: each request waits for one of its slots, then for as long as a model
would work. It counts what it answers and says when (GET /times). usage: server.py PORT SLOTS MILLISECONDS"""
import asyncio
import json
import sys
import time

PORT, SLOTS, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
ANSWER = json.dumps({"choices": [{"finish_reason": "stop", "message": {"content": "red"}}],
                     "usage": {"prompt_tokens": 40, "completion_tokens": 1}}).encode()
times = []
bodies = []


async def respond(method, path, body, slots):
    if method == "POST":
        async with slots:
            begun = time.monotonic()
            await asyncio.sleep(SECONDS)
            times.append((begun, time.monotonic()))
        if len(bodies) < 1000:
            bodies.append(body)
        return ANSWER
    if path == "/v1/models":
        return b'{"data":[{"id":"m"}]}'
    if path == "/props":
        return json.dumps({"total_slots": SLOTS, "build_info": "bench", "modalities": {"vision": True}}).encode()
    if path == "/times":
        answer = json.dumps(times).encode()
        times.clear()
        return answer
    if path == "/bodies":
        return json.dumps([b.decode() for b in bodies]).encode()
    return b"{}"


async def serve(reader, writer, slots):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            length = next((int(line.split(":")[1]) for line in head.split("\r\n")
                           if line.lower().startswith("content-length:")), 0)
            answer = await respond(method, path, await reader.readexactly(length), slots)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                         % (len(answer), answer))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    slots = asyncio.Semaphore(SLOTS)
    server = await asyncio.start_server(lambda r, w: serve(r, w, slots), "127.0.0.1", PORT, limit=1 << 26)
    await server.serve_forever()


asyncio.run(main())
