import { text } from "../../text";
import { FirstDispatch } from "../../ui/first-dispatch";
import { Empty } from "../../ui/states";

const t = text.failed.none;

/** Teaches how a message comes here. */
export function FirstFailure() {
  return (
    <Empty title={t.title}>
      <p>{t.text}</p>
      <FirstDispatch type="nobody.knows" />
      <p>{t.after}</p>
    </Empty>
  );
}
