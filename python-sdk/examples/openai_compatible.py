"""Any server that speaks as OpenAI's does: OPENAI_BASE_URL says where.

Needs: pip install './python-sdk[openai]' openai
"""

import openai

from agent_observability import AgentObservability

obs = AgentObservability()
obs.instrument("openai")

client = openai.OpenAI()


@obs.trace("support-bot")
def answer(question: str) -> str:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": question}]
    completion = client.chat.completions.create(model="gpt-4o", messages=messages)
    return completion.choices[0].message.content or ""


print(answer("Where is my order?"))
print(obs.flush())
