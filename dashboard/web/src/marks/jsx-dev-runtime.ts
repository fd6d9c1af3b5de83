// The same for `npm run dev`, without the places in the source that React's own remembers.
import type { ElementType, Key, ReactElement } from "react";
import { jsx, jsxs } from "./jsx-runtime";

export { Fragment } from "./jsx-runtime";

export function jsxDEV(type: ElementType, props: object, key: Key | undefined, several: boolean): ReactElement {
  return several ? jsxs(type, props, key) : jsx(type, props, key);
}
