import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Alerts() {
  return <Page title="alerts"><Loading /></Page>;
}
