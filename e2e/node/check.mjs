// Calls the gateway with OpenAI's own Node SDK, as an application does. The test that
// starts it gives the gateway's address and keys in the environment. A failed
// assertion ends it with its own exit code.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const { TOLLGATE_URL, TOLLGATE_KEY, TOLLGATE_POOR_KEY, TOLLGATE_PROMPT, TOLLGATE_PIXEL } = process.env;
const models = process.env.TOLLGATE_MODELS.split(',');
const sdk = (apiKey) => new OpenAI({ baseURL: `${TOLLGATE_URL}/v1`, apiKey, maxRetries: 0 });
const client = sdk(TOLLGATE_KEY);

// A question that no other check asks, so that no answer comes from the cache.
const user = (what) => [{ role: 'user', content: `${TOLLGATE_PROMPT} ${what}` }];

const city = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false,
};
const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function', function: { name, description: 'Looks a city up.', parameters: city },
}));

const checks = {
  async chat(model) {
    const answer = await client.chat.completions.create({ model, messages: user('node chat'), max_tokens: 200 });
    assert.match(answer.choices[0].message.content, /simulated answer/);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.usage.total_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  },

  async stream(model) {
    const stream = await client.chat.completions.create({
      model, messages: user('node stream'), stream: true, stream_options: { include_usage: true },
    });
    let text = '', usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.match(text, /simulated answer/);
    assert.ok(usage.total_tokens > 0);
  },

  async tools(model) {
    const messages = user('node: call the tools in parallel');
    const { message, finish_reason } = (await client.chat.completions.create({ model, messages, tools })).choices[0];
    assert.equal(finish_reason, 'tool_calls');
    assert.deepEqual(message.tool_calls.map((c) => c.function.name).sort(), ['get_time', 'get_weather']);
    messages.push(message);
    for (const call of message.tool_calls) {
      assert.ok('city' in JSON.parse(call.function.arguments));
      messages.push({ role: 'tool', tool_call_id: call.id, content: `result of ${call.function.name}` });
    }
    const final = (await client.chat.completions.create({ model, messages, tools })).choices[0].message.content;
    assert.match(final, /result of get_weather/);
    assert.match(final, /result of get_time/);
  },

  async streamedTools(model) {
    const final = await client.chat.completions
      .stream({ model, messages: user('node stream: call the tools in parallel'), tools })
      .finalChatCompletion();
    const calls = final.choices[0].message.tool_calls;
    assert.deepEqual(calls.map((c) => c.function.name).sort(), ['get_time', 'get_weather']);
    for (const call of calls) assert.ok('city' in JSON.parse(call.function.arguments));
  },

  async images(model) {
    for (const url of [TOLLGATE_PIXEL, 'https://images.example.com/cat.png']) {
      const content = [{ type: 'text', text: `${TOLLGATE_PROMPT} node image` }, { type: 'image_url', image_url: { url } }];
      const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] });
      assert.match(answer.choices[0].message.content, /1 message and 1 image/);
    }
  },

  async structured(model) {
    const Verdict = z.object({ title: z.string(), score: z.number(), approved: z.boolean() });
    const answer = await client.chat.completions.parse({
      model, messages: user('node structured'), response_format: zodResponseFormat(Verdict, 'verdict'),
    });
    Verdict.parse(answer.choices[0].message.parsed);
  },
};

async function errors() {
  const ask = { model: models[0], messages: user('node error') };
  const raises = async (kind, status, code, call) => {
    await assert.rejects(call, (e) => {
      assert.ok(e instanceof kind, `${e} is no ${kind.name}`);
      assert.equal(e.status, status);
      assert.equal(e.code, code);
      assert.ok(e.requestID);
      return true;
    });
  };
  const create = (c, more = {}) => () => c.chat.completions.create({ ...ask, ...more });
  await raises(OpenAI.RateLimitError, 429, 'budget_exceeded', create(sdk(TOLLGATE_POOR_KEY)));
  await raises(OpenAI.RateLimitError, 429, 'budget_exceeded', create(sdk(TOLLGATE_POOR_KEY), { stream: true }));
  await raises(OpenAI.AuthenticationError, 401, 'invalid_api_key', create(sdk('sk-nobody-has-this-key')));
  await raises(OpenAI.NotFoundError, 404, 'model_not_found', create(client, { model: 'gpt-99' }));
  await raises(OpenAI.BadRequestError, 400, 'invalid_request', create(client, { messages: [] }));
}

const listed = [];
for await (const model of client.models.list()) listed.push(model.id);
for (const model of models) {
  assert.ok(listed.includes(model), `the list lacks ${model}`);
  for (const [name, check] of Object.entries(checks)) {
    await check(model);
    console.log('ok', model, name);
  }
}
await errors();
console.log('ok errors');
