// An endpoint for pushed messages: verifies each signature with the reference library of Standard Webhooks, writes
// "OK <message id> <base64 of the body>" or "BAD <reason>" to its output, and answers 204 or 400. A GET writes "MARK": all
// that was answered before stands before it.
//
//   node receiver.mjs SECRET
//
// It listens on a free loopback port and says which in its first line.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);

const server = createServer((request, response) => {
  if (request.method === "GET") {
    process.stdout.write("MARK\n");
    response.writeHead(204).end();
    return;
  }
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    try {
      webhook.verify(body.toString("utf8"), request.headers);
      process.stdout.write(`OK ${request.headers["webhook-id"]} ${body.toString("base64")}\n`);
      response.writeHead(204).end();
    } catch (error) {
      process.stdout.write(`BAD ${error.message}\n`);
      response.writeHead(400).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`LISTEN ${server.address().port}\n`));
