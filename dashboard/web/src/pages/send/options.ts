import type { Problem } from "../../api/errors";
import { isObject, parseJson, writeJson, type Json } from "../../api/json";
import { duration, parseDuration } from "../../format/duration";
import { fromInput } from "../../format/time";
import { text } from "../../text";
import type { Whole } from "../message/load";

const t = text.send.options;

/** What is written in the fields of the options, by their names in the API; callbacks' fields are onSuccess.type and so on. */
export type OptionFields = { [name: string]: string };

const texts = ["transport", "queue", "url", "idempotencyKey", "concurrencyKey", "groupKey", "debounceKey", "throttleKey", "correlationId", "causationId"];
const durations = ["delay", "timeout", "retention"];
const numbers = ["priority", "maxRetries"];
const times = ["scheduledAt", "expiresAt"];

/** A duration in milliseconds; a bare 0 is one, too. */
function milliseconds(written: string): number | undefined {
  return written.trim() === "0" ? 0 : parseDuration(written);
}

/** The options that the fields say, and what is wrong with these. Empty fields say nothing. Times are in a zone. */
export function optionsOf(fields: OptionFields, zone: string | undefined): { options: { [name: string]: Json }; problems: Problem[] } {
  const options: { [name: string]: Json } = {};
  const problems: Problem[] = [];
  const object = (path: string, written: string): Json | undefined => {
    try {
      const value = parseJson(written);
      if (isObject(value)) return value;
    } catch {
      // It is told below.
    }
    problems.push({ path, message: t.object });
    return undefined;
  };
  for (const [name, written] of Object.entries(fields)) {
    if (written.trim() === "" || name.includes(".")) continue;
    if (texts.includes(name)) options[name] = written;
    else if (numbers.includes(name)) {
      if (/^\d{1,9}$/.test(written.trim())) options[name] = Number(written);
      else problems.push({ path: name, message: t.noNumber(written) });
    } else if (durations.includes(name)) {
      const ms = milliseconds(written);
      if (ms === undefined) problems.push({ path: name, message: t.noDuration(written) });
      else options[name] = ms;
    } else if (times.includes(name)) {
      const at = fromInput(written, zone);
      if (at === undefined) problems.push({ path: name, message: t.noTime(written) });
      else options[name] = at;
    } else if (name === "retryDelay") {
      const list = written.split(",").map((d) => [d, milliseconds(d)] as const);
      const bad = list.find(([, ms]) => ms === undefined);
      if (bad) problems.push({ path: name, message: t.noDuration(bad[0].trim()) });
      else options[name] = list.length === 1 ? list[0]![1]! : list.map(([, ms]) => ms!);
    } else if (name === "tags") options[name] = written.split(",").map((g) => g.trim()).filter((g) => g !== "");
    else if (name === "ordered") options[name] = written === "true";
    else if (name === "metadata" || name === "headers") {
      const value = object(name, written);
      if (isObject(value) && Object.keys(value).length > 0) options[name] = value;
    }
  }
  if (options.delay !== undefined && options.scheduledAt !== undefined) problems.push({ path: "scheduledAt", message: t.both });
  for (const name of ["onSuccess", "onFailure"]) {
    const of = (member: string) => fields[`${name}.${member}`]?.trim() ?? "";
    const given = ["type", "queue", "transport", "payload"].filter((member) => of(member) !== "");
    if (given.length === 0) continue;
    if (of("type") === "") problems.push({ path: `${name}.type`, message: t.noType });
    const callback: { [name: string]: Json } = {};
    for (const member of given) {
      const value = member === "payload" ? object(`${name}.payload`, of(member)) : of(member);
      if (value !== undefined) callback[member] = value;
    }
    options[name] = callback;
  }
  return { options, problems };
}

/** How many options fields say. */
export function countOptions(fields: OptionFields): number {
  return new Set(Object.entries(fields).filter(([, v]) => v.trim() !== "").map(([name]) => name.split(".")[0])).size;
}

/** The fields that make a message like one that is there. Its idempotency key and its times are not taken over. */
export function fieldsLike(m: Whole): OptionFields {
  const fields: OptionFields = { transport: m.transport, queue: m.queue };
  if (m.priority !== 5) fields.priority = String(m.priority);
  for (const name of ["url", "concurrencyKey", "groupKey"] as const) if (m[name]) fields[name] = m[name];
  if (m.ordered) fields.ordered = "true";
  if (m.maxRetries !== undefined && m.status !== "failed") fields.maxRetries = String(m.maxRetries);
  for (const name of ["timeout", "retention"] as const) if (m[name] !== undefined) fields[name] = exact(m[name]);
  if (m.retryDelay !== undefined) fields.retryDelay = [m.retryDelay].flat().map(exact).join(", ");
  if (m.tags && m.tags.length > 0) fields.tags = m.tags.join(", ");
  if (!m.masked) {
    const headers = isObject(m.headers) ? Object.fromEntries(Object.entries(m.headers).filter(([k]) => !/^(traceparent|tracestate|symphony-.*)$/i.test(k))) : {};
    if (Object.keys(headers).length > 0) fields.headers = writeJson(headers, 2);
    if (isObject(m.message.metadata) && Object.keys(m.message.metadata).length > 0) fields.metadata = writeJson(m.message.metadata, 2);
    for (const name of ["onSuccess", "onFailure"] as const) {
      const c = m[name];
      if (!c) continue;
      fields[`${name}.type`] = c.type;
      if (c.queue) fields[`${name}.queue`] = c.queue;
      if (c.transport) fields[`${name}.transport`] = c.transport;
      if (c.payload && Object.keys(c.payload).length > 0) fields[`${name}.payload`] = writeJson(c.payload, 2);
    }
  }
  return fields;
}

/** A duration as it is read back, to the millisecond. */
function exact(ms: number): string {
  const short = duration(ms);
  return ms === 0 ? "0" : parseDuration(short) === ms ? short : `${ms}ms`;
}
