import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Workers() {
  return <Page title="workers"><Loading /></Page>;
}
