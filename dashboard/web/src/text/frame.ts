/** Texts of the frame around all pages, and of signing in. */
export const frame = {
  product: "Symphony Messenger",
  skip: "Skip to content",
  nav: {
    label: "Pages", overview: "Overview", messages: "Messages", failed: "Failed", queues: "Queues", types: "Types",
    schedules: "Schedules", workers: "Workers", operations: "Operations", send: "Send", audit: "Audit", alerts: "Alerts",
    keys: "API keys", settings: "Settings", api: "API", more: "More",
  },
  groups: { work: "Work", system: "System", admin: "Administration" },
  menu: "Menu",
  palette: {
    open: "Search or go to…", title: "Command palette", placeholder: "Page, message id, queue or type…", none: "Nothing found.",
    pages: "Pages", queues: "Queues", types: "Types", message: "Message", open_message: (id: string) => `Open message ${id}`,
    actions: "Actions",
  },
  live: {
    live: "Live", paused: "Paused", connecting: "Connecting…", reconnecting: "Reconnecting…", polling: "Polling",
    unreachable: (since: string) => `Server unreachable since ${since}`, pause: "Pause live updates", resume: "Resume live updates",
    hint: "What is shown follows the server.",
  },
  theme: { label: "Theme", light: "Light", dark: "Dark", system: "System" },
  zone: { label: "Times in", local: "Your zone", server: "Server's zone", utc: "UTC" },
  account: { label: "Account", scopes: "Scopes", until: "Session until", signOut: "Sign out" },
  servers: "Other installations",
  readOnly: "Read-only",
  nodes: (n: number) => (n === 1 ? "1 node" : `${n} nodes`),
  shortcuts: {
    title: "Keyboard shortcuts", help: "This list", search: "Search on the page", palette: "Command palette", next: "Next row",
    previous: "Previous row", select: "Select the row", open: "Open the row", go: "Go to …, then", back: "Back or close",
    pause: "Pause or resume live updates", theme: "Light or dark",
  },
  login: {
    title: "Sign in", lead: "The dashboard needs an API key of this installation.", key: "API key",
    keyHint: "Begins with sym_. The server prints one at its first start; symphony keys create makes more.",
    submit: "Sign in", wrong: "This key is not known here, is revoked or has expired.", byKey: "With an API key",
    code: "Or run symphony dashboard beside the server: it prints a link that signs you in.",
    email: "E-mail address", password: "Password", link: "Send me a link", linkNeeds: "Type your e-mail address first.", providers: "Others that know you",
    provider: (name: string) => `Continue with ${providers[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ")}`,
    none: "This server offers no way to sign in: its storage keeps no sessions.",
  },
  denied: { title: "Not open to you", open: "Open to you:" },
  notFound: { title: "No such page", text: "The address leads nowhere in this dashboard.", home: "To the overview" },
  crashed: { title: "This page has failed", text: "The rest of the dashboard still works. The details may help whoever mends it.", again: "Try again" },
};

// As they write themselves.
const providers: Record<string, string> = {
  azure: "Microsoft", github: "GitHub", gitlab: "GitLab", keycloak: "Keycloak", linkedin_oidc: "LinkedIn", slack_oidc: "Slack", workos: "WorkOS",
};
