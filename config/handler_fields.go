package config

// HTTPHandler configures handler/httppush.
type HTTPHandler struct {
	URL     string
	Secrets []Secret
	Headers map[string]string // may hold secrets
}

// CommandHandler configures handler/command.
type CommandHandler struct {
	Run            []string // the program and its arguments
	Dir            string
	Env            map[string]string // may hold secrets
	RetryExitCodes []int
}

func httpFields(h *HTTPHandler) []*field {
	table := []*field{
		{key: "http.url", value: text{p: &h.URL, about: "URL", check: checkURL},
			doc: "POST each message to this URL, as a Standard Webhook."},
	}
	table = append(table, withFile(&field{key: "http.secrets", value: secrets{p: &h.Secrets},
		doc: "Sign with these secrets (whsec_…); several while one is rotated."})...)
	return append(table, &field{key: "http.headers", value: dictionary{p: &h.Headers, about: "a mapping", secret: true},
		doc: "Further headers of the request."})
}

func commandFields(c *CommandHandler) []*field {
	return []*field{
		{key: "command.run", value: words{&c.Run},
			doc: "Run this program for each message, with the message on its standard input. No shell is involved."},
		{key: "command.dir", value: text{p: &c.Dir, about: "path"},
			doc: "Its working directory. If not set: the server's."},
		{key: "command.env", value: dictionary{p: &c.Env, about: "a mapping", secret: true},
			doc: "Variables for it. The server's own, and so its secrets, are not passed on."},
		{key: "command.retry_exit_codes", value: numbers{&c.RetryExitCodes, 1, 255},
			doc: "Exit codes after which the message is retried."},
	}
}
