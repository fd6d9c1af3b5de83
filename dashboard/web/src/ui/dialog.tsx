import { X } from "lucide-react";
import { useEffect, useId, useRef, type FormEvent, type ReactNode } from "react";
import { text } from "../text";
import { Button, IconButton } from "./button";
import { ErrorNote } from "./states";

/**
 * A dialog of the browser's own, which keeps the focus inside, closes on Escape and makes the rest inert. Render it only
 * while it is open. side "right" is a panel beside the page, "center" a box.
 */
export function Dialog({ title, onClose, children, footer, wide, side = "center" }: {
  title: ReactNode; onClose: () => void; children: ReactNode; footer?: ReactNode; wide?: boolean; side?: "center" | "right";
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // The browser begins at the button that closes, whose tooltip then lies over the title and takes the first Escape.
      if (!dialog.querySelector("[data-body]")?.contains(document.activeElement)) {
        (dialog.querySelector<HTMLElement>("[data-body] :is(input:not([type=checkbox], [type=radio]), textarea, select)") ?? dialog).focus();
      }
    }
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const place = side === "right"
    ? "mr-0 ml-auto h-dvh max-h-dvh w-full max-w-xl rounded-none border-y-0 border-r-0"
    : `w-full max-h-[90dvh] ${wide ? "max-w-4xl" : "max-w-lg"} rounded-md max-sm:mb-0 max-sm:max-w-full`;
  return (
    <dialog
      ref={ref} tabIndex={-1} aria-labelledby={id} className={`outline-none border border-line bg-surface p-0 shadow-xl backdrop:bg-[#0008] ${place}`}
      onCancel={(e) => {
        if (e.target !== ref.current) return;
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => e.target === ref.current && onClose()}
    >
      <div className="flex max-h-[inherit] min-h-0 flex-col">
        <header className="flex items-center justify-between gap-2 border-b border-line py-2 pr-2 pl-4">
          <h2 id={id} className="min-w-0 text-base font-semibold foreign">{title}</h2>
          <IconButton label={text.shared.close} icon={<X size={16} aria-hidden />} onClick={onClose} />
        </header>
        <div data-body className="min-h-0 flex-1 overflow-y-auto p-4">{children}</div>
        {footer && <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-3">{footer}</footer>}
      </div>
    </dialog>
  );
}

/** Below a long form nobody would see what went wrong. */
function intoView(element: HTMLElement | null) {
  element?.scrollIntoView({ block: "nearest" });
}

/**
 * A dialog with a form: submit runs on Enter and on its button, which says what will happen. error is shown above the
 * buttons. kind "danger" is for what cannot be undone.
 */
export function FormDialog({ title, onClose, onSubmit, submit, busy, error, children, kind = "primary", wide, refused, dismiss = text.shared.cancel }: {
  title: ReactNode; onClose: () => void; onSubmit: () => void; submit: string; busy?: boolean; error?: unknown;
  children: ReactNode; kind?: "primary" | "danger"; wide?: boolean; refused?: string;
  /** The button that leaves everything as it is; another word where "cancel" is what the form does. */
  dismiss?: string;
}) {
  const id = useId();
  const send = (e: FormEvent) => {
    e.preventDefault();
    if (!busy && refused === undefined) onSubmit();
  };
  return (
    <Dialog
      title={title} onClose={onClose} wide={wide}
      footer={
        <>
          <Button onClick={onClose}>{dismiss}</Button>
          <Button type="submit" form={id} kind={kind} busy={busy} refused={refused}>{submit}</Button>
        </>
      }
    >
      <form id={id} onSubmit={send} className="flex flex-col gap-3">
        {children}
        {error != null && <div ref={intoView}><ErrorNote error={error} /></div>}
      </form>
    </Dialog>
  );
}
