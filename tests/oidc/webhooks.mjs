// A receiver of webhooks, written from docs/service-side.md, "Be told", with the library of the specification.
//
// POST / takes a message that the library verifies with the secret of WEBHOOKS_SECRET, and refuses others. GET / tells
// what it took: id and content of each, in the order in which they came.

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOKS_SECRET);
const taken = [];

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

const server = createServer(async (request, response) => {
  if (request.method === "GET") return response.end(JSON.stringify(taken));
  const body = await read(request);
  try {
    const content = webhook.verify(body, request.headers);
    taken.push({ id: request.headers["webhook-id"], content });
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(400).end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(`READY http://127.0.0.1:${server.address().port}`));
