import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Send() {
  return <Page title="send"><Loading /></Page>;
}
