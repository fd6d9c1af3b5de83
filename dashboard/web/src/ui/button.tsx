import { forwardRef, type ButtonHTMLAttributes, type ReactNode } from "react";
import { text } from "../text";
import { Tooltip } from "./tooltip";

type Kind = "plain" | "primary" | "danger" | "quiet";

const looks: Record<Kind, string> = {
  plain: "border border-strong/50 bg-surface hover:bg-hover",
  primary: "border border-accent bg-accent text-on-accent hover:opacity-90",
  danger: "border border-danger text-danger bg-surface hover:bg-danger-soft",
  quiet: "border border-transparent hover:bg-hover",
};

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: Kind;
  icon?: ReactNode;
  /** Shows that it is at work, and takes no further press meanwhile. */
  busy?: boolean;
  /** Why it cannot be pressed now. It stays reachable, so that everybody can read why. */
  refused?: string;
};

/** A button. Its type is "button" unless given, so that none submits a form by accident. */
export const Button = forwardRef<HTMLButtonElement, ButtonProps>(function Button(
  { kind = "plain", icon, busy, refused, className = "", children, onClick, type = "button", ...rest }, ref,
) {
  const off = busy || refused !== undefined;
  const button = (
    <button
      ref={ref} type={type} {...rest} aria-disabled={off || undefined} aria-busy={busy || undefined}
      onClick={off ? (e) => e.preventDefault() : onClick}
      className={`inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md px-2.5 py-1 text-sm font-medium whitespace-nowrap
        select-none disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-60 ${looks[kind]} ${className}`}
    >
      {icon}
      {children}
      {busy && <span className="sr-only">{text.shared.loading}</span>}
    </button>
  );
  return refused === undefined ? button : <Tooltip text={refused}>{button}</Tooltip>;
});

/** A button that shows only an icon; label names it for those who cannot see it, and in its tooltip. */
export const IconButton = forwardRef<HTMLButtonElement, Omit<ButtonProps, "children"> & { label: string }>(function IconButton(
  { label, kind = "quiet", className = "", ...rest }, ref,
) {
  return (
    <Tooltip text={label}>
      <Button ref={ref} kind={kind} aria-label={label} className={`w-8 px-0! ${className}`} {...rest} />
    </Tooltip>
  );
});
