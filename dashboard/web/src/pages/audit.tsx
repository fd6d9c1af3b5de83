import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Audit() {
  return <Page title="audit"><Loading /></Page>;
}
