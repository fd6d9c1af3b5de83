import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Failed() {
  return <Page title="failed"><Loading /></Page>;
}
