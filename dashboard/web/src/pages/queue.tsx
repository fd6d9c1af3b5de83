import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Queue() {
  return <Page title="queue"><Loading /></Page>;
}
