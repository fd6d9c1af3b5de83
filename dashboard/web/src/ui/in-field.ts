/** Tells whether keys typed there are text. */
export function inField(target: EventTarget | null): boolean {
  // Outside of an editor's shadow root its events have the root's host as their target.
  const inner = target instanceof HTMLElement ? target.shadowRoot?.activeElement : undefined;
  if (inner) return inField(inner);
  return target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName)) &&
    !(target instanceof HTMLInputElement && (target.type === "checkbox" || target.type === "radio"));
}
