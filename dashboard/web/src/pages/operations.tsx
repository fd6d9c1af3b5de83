import { Page } from "../ui/page";
import { Loading } from "../ui/states";

export default function Operations() {
  return <Page title="operations"><Loading /></Page>;
}
