import { count } from "../format/number";

/** Texts of the page of settings. */
export const settings = {
  title: "Settings",
  lead: "What is in force in the process that answers, and where each value comes from. Secrets are masked.",
  file: (name: string) => `The file that was read: ${name}.`,
  noFile: "No file was read.",
  change: "They are changed in the file, by environment variables or flags, and take effect at the next start. symphony config check looks for mistakes before.",
  search: "Filter by key, value or source",
  only: "Without defaults",
  none: "No setting matches.",
  shown: (n: number, of: number) => `${count(n)} of ${count(of)}`,
  columns: { key: "Setting", value: "Value", source: "From" },
  isDefault: "default",
  empty: "empty",
  docs: "What each means",
};
