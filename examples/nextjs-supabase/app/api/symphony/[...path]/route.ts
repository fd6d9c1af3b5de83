import { proxy } from "@symphony-messenger/client";
import { symphony } from "@/lib/symphony";

export const { GET, POST, DELETE } = proxy(symphony);
