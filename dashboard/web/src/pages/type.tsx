import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Type() {
  return <Page title="type"><Loading /></Page>;
}
