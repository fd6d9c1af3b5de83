// What all of the page's elements are made by, in place of React's own, so that no text that comes from messages needs to be
// thought of: what is not seen in a text is shown as a mark, and is copied, found and selected as what it is.
import { type ElementType, type Key, type ReactElement, type ReactNode } from "react";
import { Fragment, jsx as make, jsxs as makeMany } from "react/jsx-runtime";
import { nameOf, partsOf } from "./hidden";

export { Fragment };
export type { JSX } from "react/jsx-runtime";

type Props = { children?: ReactNode };

// Elements that have text alone.
const textOnly = new Set<unknown>(["option", "textarea", "title"]);

export function jsx(type: ElementType, props: Props, key?: Key): ReactElement {
  const { children } = props;
  const shown = typeof children === "string" ? marked(type, children) : children;
  return make(type, shown === children ? props : { ...props, children: shown }, key);
}

export function jsxs(type: ElementType, props: Props, key?: Key): ReactElement {
  const children = props.children as ReactNode[];
  const shown = children.map((c) => (typeof c === "string" ? marked(type, c) : c));
  return makeMany(type, shown.every((c, i) => c === children[i]) ? props : { ...props, children: shown }, key);
}

/** The text as what is seen of it. A function, which is a component of the page, puts it into an element itself. */
function marked(type: ElementType, text: string): ReactNode {
  if (typeof type === "function" || textOnly.has(type)) return text;
  const parts = partsOf(text);
  if (typeof parts === "string") return parts;
  // The name comes from the style sheet, so that it is no part of the text.
  return makeMany(Fragment, { children: parts.map((p, i) => (i % 2 ? make("span", { className: "mark", "data-name": nameOf(p), children: p }) : p)) });
}
