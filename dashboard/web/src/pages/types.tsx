import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Types() {
  return <Page title="types"><Loading /></Page>;
}
