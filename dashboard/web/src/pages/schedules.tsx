import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Schedules() {
  return <Page title="schedules"><Loading /></Page>;
}
