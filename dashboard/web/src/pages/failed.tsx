import { useNavigate, useSearch } from "@tanstack/react-router";
import { one, type Search } from "../search";
import { text } from "../text";
import { Segmented } from "../ui/field";
import { Page } from "../ui/page";
import { Groups } from "./failed/groups";
import { Letters } from "./failed/letters";

const t = text.failed;

/** Dead letters: by kind of failure, or one by one. */
export default function Failed() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const view = one(search.view) === "messages" ? "messages" : "groups";
  return (
    <Page
      title={t.title} lead={t.lead}
      actions={
        <Segmented label={t.view} value={view} options={[["groups", t.groups], ["messages", t.letters]]}
          onChange={(v) => void navigate({ to: ".", search: (s: Search) => ({ view: v === "messages" ? v : undefined, type: s.type, q: s.q }) })} />
      }
    >
      {view === "groups" ? <Groups /> : <Letters />}
    </Page>
  );
}
