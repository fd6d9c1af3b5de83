import { cron } from "@symphony-messenger/client";
import { symphony } from "@/lib/symphony";

export const { GET } = cron(symphony);
