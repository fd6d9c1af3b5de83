import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Api() {
  return <Page title="api"><Loading /></Page>;
}
