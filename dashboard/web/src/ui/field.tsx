import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";

/** A label, what it labels, a hint, and what is wrong with it. children gets the ids that tie them together. */
export function Field({ label, hint, error, children }: {
  label: ReactNode; hint?: ReactNode; error?: string; children: (tie: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}h`, error && `${id}e`].filter(Boolean).join(" ") || undefined;
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">{label}</label>
      {children({ id, "aria-describedby": described, "aria-invalid": error ? true : undefined })}
      {hint && <p id={`${id}h`} className="text-xs text-muted">{hint}</p>}
      {error && <p id={`${id}e`} className="text-xs text-danger">{error}</p>}
    </div>
  );
}

type About = { label: ReactNode; hint?: ReactNode; error?: string };

/** A line of text. */
export function TextField({ label, hint, error, className = "", ...rest }: About & InputHTMLAttributes<HTMLInputElement>) {
  return <Field {...{ label, hint, error }}>{(tie) => <input {...tie} {...rest} className={`field w-full ${className}`} />}</Field>;
}

/** Several lines of text. */
export function TextArea({ label, hint, error, className = "", ...rest }: About & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <Field {...{ label, hint, error }}>{(tie) => <textarea {...tie} {...rest} className={`field w-full ${className}`} />}</Field>;
}

/** One of several values, by the browser's own control, which phones show as their own. */
export function Select({ label, hint, error, className = "", options, ...rest }: About & SelectHTMLAttributes<HTMLSelectElement> & {
  options: readonly (readonly [value: string, name: string])[];
}) {
  return (
    <Field {...{ label, hint, error }}>
      {(tie) => (
        <select {...tie} {...rest} className={`field w-full ${className}`}>
          {options.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
        </select>
      )}
    </Field>
  );
}

/** On or off. */
export function Checkbox({ label, hint, ...rest }: { label: ReactNode; hint?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div>
      <label className="inline-flex min-h-6 items-center gap-2 text-sm">
        <input type="checkbox" {...rest} aria-describedby={hint ? id : undefined} className="size-4 accent-(--accent)" />
        <span>{label}</span>
      </label>
      {hint && <p id={id} className="pl-6 text-xs text-muted">{hint}</p>}
    </div>
  );
}

/** One of a few values that are all shown. */
export function Segmented<T extends string>({ label, value, options, onChange }: {
  label: string; value: T; options: readonly (readonly [T, string])[]; onChange: (v: T) => void;
}) {
  return (
    <div role="group" aria-label={label} className="inline-flex overflow-hidden rounded-md border border-strong/50">
      {options.map(([v, name]) => (
        <button key={v} type="button" aria-pressed={v === value} onClick={() => onChange(v)}
          className="min-h-8 px-2.5 text-sm not-first:border-l not-first:border-strong/50 hover:bg-hover aria-pressed:bg-accent-soft aria-pressed:font-semibold aria-pressed:text-accent">
          {name}
        </button>
      ))}
    </div>
  );
}
