import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Operation() {
  return <Page title="operation"><Loading /></Page>;
}
