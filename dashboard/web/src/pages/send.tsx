import { useNavigate, useSearch } from "@tanstack/react-router";
import { usePermissions } from "../api/session";
import { one } from "../search";
import { text } from "../text";
import { Segmented } from "../ui/field";
import { Page } from "../ui/page";
import { Empty } from "../ui/states";
import { SendFile } from "./send/file";
import { SendOne } from "./send/one";

const t = text.send;

/** Messages are dispatched by hand: one, or those of a file. */
export default function Send() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { may } = usePermissions();
  if (!may("dispatch")) return <Page title={t.title}><Empty title={text.shared.readOnly} /></Page>;
  const mode = one(search.mode) === "file" ? "file" : "one";
  return (
    <Page
      title={t.title}
      actions={<Segmented label={t.mode.label} value={mode} options={[["one", t.mode.one], ["file", t.mode.file]]}
        onChange={(m) => void navigate({ to: "/send", search: { ...search, mode: m === "file" ? "file" : undefined }, replace: true })} />}
    >
      {mode === "file" ? <SendFile /> : <SendOne />}
    </Page>
  );
}
