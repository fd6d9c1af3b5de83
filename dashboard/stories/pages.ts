/** Every page that is reached without something of its own in the address. */
export const pages = [
  "/", "/messages", "/failed", "/queues", "/types", "/schedules", "/send", "/workers", "/operations", "/alerts", "/audit", "/keys",
  "/settings", "/api",
];
