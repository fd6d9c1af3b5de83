import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Message() {
  return <Page title="message"><Loading /></Page>;
}
