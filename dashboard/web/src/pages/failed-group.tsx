import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function FailedGroup() {
  return <Page title="failed-group"><Loading /></Page>;
}
