// A namespace, not an object: so a page is loaded with its own texts alone.
export * as text from "./catalogue";
