import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Keys() {
  return <Page title="keys"><Loading /></Page>;
}
