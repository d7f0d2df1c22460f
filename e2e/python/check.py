"""Calls the gateway with OpenAI's own Python SDK, as an application does.

The test that starts it gives the gateway's address and keys in the environment. A
failed assertion ends it with its own exit code.
"""

import asyncio
import json
import os

import openai
from pydantic import BaseModel

URL = os.environ["TOLLGATE_URL"] + "/v1"
PROMPT = os.environ["TOLLGATE_PROMPT"]
MODELS = os.environ["TOLLGATE_MODELS"].split(",")
PIXEL = os.environ["TOLLGATE_PIXEL"]

client = openai.OpenAI(base_url=URL, api_key=os.environ["TOLLGATE_KEY"], max_retries=0)


def prompt(what):
    """A question that no other check asks, so that no answer comes from the cache."""
    return f"{PROMPT} {what}"


def user(content):
    return [{"role": "user", "content": content}]


def chat(model):
    answer = client.chat.completions.create(model=model, messages=user(prompt("python chat")), max_tokens=200)
    assert "simulated answer" in answer.choices[0].message.content, answer
    assert answer.choices[0].finish_reason == "stop", answer
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0, usage


def stream(model):
    chunks = list(
        client.chat.completions.create(
            model=model, messages=user(prompt("python stream")), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert "simulated answer" in text, text
    assert chunks[-1].usage.total_tokens > 0 and not chunks[-1].choices, chunks[-1]
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]


async def stream_async(model):
    async with openai.AsyncOpenAI(base_url=URL, api_key=client.api_key, max_retries=0) as aclient:
        text = ""
        events = await aclient.chat.completions.create(
            model=model, messages=user(prompt("python async stream")), stream=True
        )
        async for chunk in events:
            text += chunk.choices[0].delta.content or ""
        assert "simulated answer" in text, text


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Looks a city up.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    for name in ("get_weather", "get_time")
]


def tools(model):
    messages = user(prompt("python: call the tools in parallel"))
    message = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0].message
    assert sorted(c.function.name for c in message.tool_calls) == ["get_time", "get_weather"], message
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        assert "city" in json.loads(call.function.arguments), call
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "result of " + call.function.name})
    final = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0].message.content
    assert "result of get_weather" in final and "result of get_time" in final, final


def streamed_tools(model):
    with client.chat.completions.stream(
        model=model, messages=user(prompt("python stream: call the tools in parallel")), tools=TOOLS
    ) as events:
        completion = events.get_final_completion()
    calls = completion.choices[0].message.tool_calls
    assert sorted(c.function.name for c in calls) == ["get_time", "get_weather"], calls
    assert all("city" in json.loads(c.function.arguments) for c in calls), calls


def images(model):
    for url in (PIXEL, "https://images.example.com/cat.png"):
        content = [
            {"type": "text", "text": prompt("python image")},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        text = client.chat.completions.create(model=model, messages=user(content)).choices[0].message.content
        assert "1 message and 1 image" in text, text


class Verdict(BaseModel):
    title: str
    score: int
    approved: bool


def structured(model):
    completion = client.chat.completions.parse(
        model=model, messages=user(prompt("python structured")), response_format=Verdict
    )
    assert isinstance(completion.choices[0].message.parsed, Verdict), completion


def errors():
    def raises(kind, status, code, call):
        try:
            call()
        except kind as e:
            assert (e.status_code, e.code) == (status, code), (e.status_code, e.code)
            assert e.request_id, "no request id"
            return e
        raise AssertionError(f"{kind.__name__} was not raised")

    ask = {"model": MODELS[0], "messages": user(prompt("python error"))}
    poor = client.with_options(api_key=os.environ["TOLLGATE_POOR_KEY"])
    refused = raises(openai.RateLimitError, 429, "budget_exceeded", lambda: poor.chat.completions.create(**ask))
    assert refused.type == "budget_exceeded" and int(refused.response.headers["retry-after"]) > 0
    raises(openai.RateLimitError, 429, "budget_exceeded", lambda: poor.chat.completions.create(**ask, stream=True))
    unknown = client.with_options(api_key="sk-nobody-has-this-key")
    raises(openai.AuthenticationError, 401, "invalid_api_key", lambda: unknown.chat.completions.create(**ask))
    raises(
        openai.NotFoundError, 404, "model_not_found", lambda: client.chat.completions.create(**{**ask, "model": "gpt-99"})
    )
    raises(
        openai.BadRequestError, 400, "invalid_request", lambda: client.chat.completions.create(**{**ask, "messages": []})
    )


assert set(MODELS) <= {m.id for m in client.models.list()}
for each in MODELS:
    for check in (chat, stream, tools, streamed_tools, images, structured):
        check(each)
        print("ok", each, check.__name__)
    asyncio.run(stream_async(each))
    print("ok", each, stream_async.__name__)
errors()
print("ok errors")
