import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Overview() {
  return <Page title="overview"><Loading /></Page>;
}
