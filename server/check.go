package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"

	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/handler/command"
)

// Check finds whatever New and Run would refuse in a configuration, by making the same parts in the same way, but with
// messages in memory instead of the database, and by starting none of them: nothing is opened, listened at or changed.
// The error is a *config.Error that lists every mistake.
func Check(ctx context.Context, c *config.Config) error {
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	made, handlersErr := newMux(c, o.Logger, new(command.Programs))
	_, _, schemasErr := loadSchemas(c)
	errs := []error{handlersErr, schemasErr, checkTLS(c), checkStorage(c, o)}
	if handlersErr == nil {
		rest := inMemory(c)
		if schemasErr != nil { // what else is wrong shows without them
			rest.Types = slices.Clone(c.Types)
			for i := range rest.Types {
				rest.Types[i].Schema = ""
			}
		}
		errs = append(errs, rehearse(ctx, rest, made, o))
	}
	return listMistakes(c, errors.Join(errs...))
}

func rehearse(ctx context.Context, c *config.Config, made handlers, o Options) (err error) {
	n, err := openNode(ctx, c, made, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	authenticator, err := n.newAuthenticator()
	if err != nil {
		return errors.Join(err, n.applySchedules(ctx))
	}
	_, apiErr := n.newAPI(ctx, authenticator, nil)
	return errors.Join(apiErr, n.applySchedules(ctx), authenticator.Close(ctx))
}

// inMemory is a configuration that keeps nothing.
func inMemory(c *config.Config) *config.Config {
	out := *c
	out.Transports = slices.Clone(c.Transports)
	for i := range out.Transports {
		if out.Transports[i].Kind == config.Stored {
			out.Transports[i].Kind = config.Memory
		}
	}
	return &out
}

// checkTLS looks whether the server's certificate and key can be used.
func checkTLS(c *config.Config) error {
	if !c.Server.TLS() {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.Server.TLSCert, c.Server.TLSKey); err != nil {
		return mistake(c, "server.tls", err)
	}
	return nil
}

// mistake is an error about a key of the configuration.
func mistake(c *config.Config, key string, err error) error {
	return &config.Error{Problems: []config.Problem{{Source: source(c), Key: key, Message: err.Error()}}}
}

// source names where a configuration comes from as a whole.
func source(c *config.Config) string {
	if c.File == "" {
		return "configuration"
	}
	return c.File
}

// listMistakes gathers all that errors say about a configuration.
func listMistakes(c *config.Config, err error) error {
	if err == nil {
		return nil
	}
	var problems []config.Problem
	var gather func(error)
	gather = func(err error) {
		var several interface{ Unwrap() []error }
		var mistakes *config.Error
		switch {
		case errors.As(err, &several):
			for _, one := range several.Unwrap() {
				gather(one)
			}
		case errors.As(err, &mistakes):
			problems = append(problems, mistakes.Problems...)
		default:
			problems = append(problems, config.Problem{Source: source(c), Message: err.Error()})
		}
	}
	gather(err)
	return &config.Error{Problems: problems}
}
