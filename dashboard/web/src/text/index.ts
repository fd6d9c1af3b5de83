// The texts of the dashboard, by page. Another language is another object of the same shape.
import { alerts } from "./alerts";
import { apiPage } from "./api";
import { audit } from "./audit";
import { bulk } from "./bulk";
import { failed } from "./failed";
import { filter } from "./filter";
import { frame } from "./frame";
import { keys } from "./keys";
import { message } from "./message";
import { messages } from "./messages";
import { operations } from "./operations";
import { overview } from "./overview";
import { queues, types } from "./queues";
import { schedules } from "./schedules";
import { send } from "./send";
import { series } from "./series";
import { settings } from "./settings";
import { shared } from "./shared";
import { steering } from "./steering";
import { workers } from "./workers";

export const text = {
  alerts, apiPage, audit, bulk, failed, filter, frame, keys, message, messages, operations, overview, queues, schedules, send, series,
  settings, shared, steering, types, workers,
};
