// A system at work, for pictures: what a shop sends by mail and by webhooks, with some of it in trouble.
import type { Server } from "./server.ts";

const orders = ["Order.Placed", "Order.Paid", "Order.Shipped"];

/** More of the configuration, for a server that shows the scene. */
export const sceneConfiguration = `
  - name: invoices
    cron: "30 6 1 * *"
    timezone: Europe/Berlin
    type: mail.invoice
    payload: {}
  - name: clean-up
    interval: 15m
    type: mail.cleanup
    payload: {}
`;

/** Has a server at work for some time, in milliseconds, more at one moment and less at another. */
export async function work(server: Server, time: number) {
  answers(server);
  const begun = Date.now();
  for (let i = 0; Date.now() - begun < time; i++) {
    const share = (Date.now() - begun) / time;
    const many = Math.round(4 + 3 * Math.sin(share * 9) + 2 * Math.sin(share * 23));
    for (let j = 0; j < many; j++) {
      await server.dispatch("mail.welcome", { to: `user${i}-${j}@example.com`, locale: j % 3 ? "en" : "de" }, { queue: "mail" });
      if (j % 2) await server.dispatch("webhook.order-paid", { id: `order-${i * 10 + j}`, amount: 10 + j, address: { street: "Main Street 1" } }, { queue: "webhooks" });
    }
    if (i % 40 === 20) await server.dispatch("broken.import", { customer: 4000 + i }, { queue: "imports" });
    await new Promise((done) => setTimeout(done, 500));
  }
}

function answers(server: Server) {
  server.receiver.answer((path, body) => {
    if (path === "/report") return { status: 200, body: { rows: 1200, file: "reports/2026-11.csv" } };
    return body.includes("address") ? { status: 204, after: 8 } : { status: 422, body: { error: "the order has no address" } };
  });
}

/** Fills a server, and waits until it has worked on all that. Returns the paths of pages about one thing. */
export async function fill(server: Server): Promise<Record<string, string>> {
  const id = (i: number) => `order-${1000 + i}`;
  answers(server);
  for (let i = 0; i < 60; i++) {
    await server.dispatch("mail.welcome", { to: `user${i}@example.com`, locale: i % 3 ? "en" : "de" }, { queue: "mail", tags: i % 5 ? [] : ["vip"], correlationId: id(i) });
  }
  for (let i = 0; i < 30; i++) {
    await server.dispatch(`webhook.${orders[i % 3]!.toLowerCase().replace("order.", "order-")}`, { id: id(i), amount: 12.5 + i, address: { street: "Main Street 1" } }, { queue: "webhooks" });
  }
  for (let i = 0; i < 7; i++) await server.dispatch("broken.import", { customer: 4700 + i }, { queue: "imports" });
  for (let i = 0; i < 4; i++) await server.dispatch("webhook.invoice", { id: id(i), amount: 12.5 }, { queue: "webhooks", tags: ["vip"] });
  for (let i = 0; i < 4; i++) await server.dispatch("report.monthly", { month: i + 1 });
  for (let i = 0; i < 4; i++) await server.dispatch("nobody.newsletter", { issue: i }, { queue: "slow", scheduledAt: "2030-01-01T00:00:00Z" });
  for (let i = 0; i < 5; i++) await server.dispatch("order.placed", { id: id(i), amount: 99.5 + i, currency: "EUR", express: i % 2 === 0 });
  await server.call("POST", "/api/symphony/pause", { queue: "slow", reason: "the template is being changed" });
  await server.newKey("web shop", ["dispatch"]);
  await server.newKey("on call", ["operate"]);
  await server.wait("what fails", async () => (await server.call("GET", "/api/symphony/failed")).messages.length >= 11);
  const one = async (type: string) => (await server.call("GET", `/api/symphony/failed?type=${type}&limit=1`)).messages[0];
  const group = (await server.call("GET", "/api/symphony/failed/groups?limit=1&type=webhook.invoice")).groups[0];
  const { operation } = await server.call("POST", "/api/symphony/messages/cancel", { filter: { type: "nobody.newsletter", queue: "other" }, reason: "sent twice" });
  const schedule = (await server.call("GET", "/api/symphony/schedules")).schedules.find((s: { name: string }) => s.name === "nightly");
  const of = (values: Record<string, string>) => "?" + new URLSearchParams(values);
  return {
    message: `/messages/${(await one("webhook.invoice")).messageId}?transport=default`,
    group: "/failed/group" + of({ transport: group.transport, group: group.group }),
    queue: "/queue" + of({ transport: "default", queue: "webhooks" }),
    type: "/type" + of({ type: "webhook.invoice" }),
    schedule: `/schedules/${schedule.id}`,
    operation: `/operations/${operation.id}`,
  };
}
