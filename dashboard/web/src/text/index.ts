// The texts of the dashboard, by page. Another language is another object of the same shape.
import { filter } from "./filter";
import { frame } from "./frame";
import { shared } from "./shared";

export const text = { filter, frame, shared };
