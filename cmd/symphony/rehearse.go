package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/symphony-messenger/symphony/config"
)

// rehearse finds whatever "symphony serve" would refuse in a configuration, by making the same parts in the same way, but
// with messages in memory instead of the database, and by starting none of them. The error is a *config.Error that lists
// every mistake.
func (a *app) rehearse(ctx context.Context, c *config.Config) error {
	log := slog.New(slog.DiscardHandler)
	made, handlersErr := a.newMux(c, log)
	_, schemasErr := loadSchemas(c)
	errs := []error{handlersErr, schemasErr, checkTLS(c), checkStorage(c, log)}
	if handlersErr == nil {
		rest := inMemory(c)
		if schemasErr != nil { // what else is wrong shows without them
			rest.Types = slices.Clone(c.Types)
			for i := range rest.Types {
				rest.Types[i].Schema = ""
			}
		}
		errs = append(errs, a.rehearseNode(ctx, rest, made, log))
	}
	return listMistakes(c, errors.Join(errs...))
}

func (a *app) rehearseNode(ctx context.Context, c *config.Config, made handlers, log *slog.Logger) (err error) {
	n, err := openNode(ctx, c, made, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	s := &service{node: n}
	authenticator, err := s.authenticator()
	if err != nil {
		return errors.Join(err, s.applySchedules(ctx))
	}
	_, apiErr := s.api(ctx, authenticator, nil)
	return errors.Join(apiErr, s.applySchedules(ctx), authenticator.Close(ctx))
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
		return usageError{fmt.Errorf("server.tls: %w", err)}
	}
	return nil
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
			source := c.File
			if source == "" {
				source = "configuration"
			}
			problems = append(problems, config.Problem{Source: source, Message: err.Error()})
		}
	}
	gather(err)
	return &config.Error{Problems: problems}
}
