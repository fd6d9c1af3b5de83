import { lazy, Suspense } from "react";
import type { JsonProblem } from "./json-edit";
import { patient } from "./patient";
import { Loading } from "./states";

const JsonEdit = lazy(patient(() => import("./json-edit")));

/** JsonEdit with a label above, loaded when it is first needed. */
export function JsonField({ label, hint, error, value, onChange, problems }: {
  label: string; hint?: string; error?: string; value: string; onChange: (text: string) => void; problems?: readonly JsonProblem[];
}) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <span className="text-sm font-medium">{label}</span>
      <Suspense fallback={<Loading />}><JsonEdit label={label} value={value} onChange={onChange} problems={problems} /></Suspense>
      {hint && <p className="text-xs text-muted">{hint}</p>}
      {error && <p role="alert" className="text-xs text-danger">{error}</p>}
    </div>
  );
}
