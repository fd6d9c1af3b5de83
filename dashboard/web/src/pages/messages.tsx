import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Messages() {
  return <Page title="messages"><Loading /></Page>;
}
