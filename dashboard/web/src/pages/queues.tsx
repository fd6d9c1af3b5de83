import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Queues() {
  return <Page title="queues"><Loading /></Page>;
}
