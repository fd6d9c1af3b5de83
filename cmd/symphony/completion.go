package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/symphony-messenger/symphony/client"
)

// completionPatience is how long a shell waits for what a server or database has to offer.
const completionPatience = 2 * time.Second

// source offers names that are known where a command works.
type source func(ctx context.Context, r *reached, cmd *cobra.Command) ([]string, error)

// completeNames offers, for the flags and arguments of all commands below root, the names that exist: transports, queues
// and types, schedules. A flag whose values a command has fixed keeps them.
func (a *app) completeNames(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		a.completeNames(cmd)
	}
	if root.Flags().Lookup("server") == nil { // it reaches nothing
		return
	}
	for flag, names := range map[string]source{"transport": knownTransports, "queue": knownQueues, "type": knownTypes} {
		if _, fixed := root.GetFlagCompletionFunc(flag); root.Flags().Lookup(flag) == nil || fixed {
			continue
		}
		if err := root.RegisterFlagCompletionFunc(flag, a.offer(names)); err != nil {
			panic(err) // the flag does not exist
		}
	}
	for argument, names := range map[string]source{"TYPE": knownTypes, "SCHEDULE": knownSchedules} {
		words := strings.Fields(root.Use)
		if root.ValidArgsFunction != nil || len(words) < 2 || strings.Trim(words[1], "[]") != argument {
			continue
		}
		offer := a.offer(names)
		root.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 { // only the first argument is one
				return nil, cobra.ShellCompDirectiveDefault
			}
			return offer(cmd, args, typed)
		}
	}
}

// offer asks a source, and offers nothing where it cannot be reached: a shell is no place for an error.
func (a *app) offer(names source) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
		defer cancel()
		cmd.SetContext(ctx)
		r, err := a.reach(cmd, storageOnly)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer r.close()
		list, err := names(ctx, r, cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		slices.Sort(list)
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// onTransport is the transport that the command's flags name, "" for the default one.
func onTransport(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup("transport"); f != nil {
		return f.Value.String()
	}
	return ""
}

func knownTransports(ctx context.Context, r *reached, _ *cobra.Command) ([]string, error) {
	status, err := r.Status(ctx, "")
	return status.Transports, err
}

func knownQueues(ctx context.Context, r *reached, cmd *cobra.Command) ([]string, error) {
	status, err := r.Status(ctx, onTransport(cmd))
	return slices.Collect(maps.Keys(status.Queues)), err
}

// knownTypes are those that messages had within the last day.
func knownTypes(ctx context.Context, r *reached, _ *cobra.Command) ([]string, error) {
	got, err := r.Metrics(ctx, client.MetricsQuery{Minutes: 24 * 60})
	return slices.Collect(maps.Keys(got.ByMessageType)), err
}

func knownSchedules(ctx context.Context, r *reached, _ *cobra.Command) ([]string, error) {
	page, err := r.Schedules(ctx, client.ScheduleQuery{})
	var names []string
	for _, s := range page.Schedules {
		names = append(names, scheduleName(s))
	}
	return names, err
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist
	}
}
