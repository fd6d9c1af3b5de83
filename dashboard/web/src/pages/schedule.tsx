import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Schedule() {
  return <Page title="schedule"><Loading /></Page>;
}
